"""How long each wait and pause around a token is, on a clock that only the tests move."""

from __future__ import annotations

import json
import random
import threading
from contextlib import contextmanager

import pytest
from werkzeug import Response

from airflow_provider_minut.api.auth.credentials import ClientCredentials
from airflow_provider_minut.api.auth.token import Token
from airflow_provider_minut.api.shared_state.memory import MemoryState
from airflow_provider_minut.exceptions import MinutAuthenticationError, MinutRequestError, MinutServerError
from tests.unit.api.auth.test_provider import TOKEN, serve_token_replies, serve_user


class WatchedState(MemoryState):
    """Remembers how long entries are for, and how often the lock was tried."""

    def __init__(self):
        super().__init__()
        self.lifetimes, self.timeouts = [], []

    @property
    def tries(self):
        return len(self.timeouts)

    def write(self, name, entry, *, lifetime):
        self.lifetimes.append(lifetime)
        super().write(name, entry, lifetime=lifetime)

    def lock(self, name, *, timeout):
        self.timeouts.append(timeout)
        return super().lock(name, timeout=timeout)


class StuckState(MemoryState):
    """A lock that is never released; waiting for it advances the clock."""

    def __init__(self, clock):
        super().__init__()
        self._clock = clock

    @contextmanager
    def lock(self, name, *, timeout):
        self._clock.sleep(timeout)
        yield False


@pytest.fixture(params=[0, 1], ids=["shortest", "longest"])
def pause_of(request):
    """Jitter that is always the same end of its range."""
    return lambda *ends: ends[request.param]


def get_token(client):
    """Get the token, and wait for the refresh that this may have started."""
    token = client.get_access_token()
    if client._tokens._refresh_thread:
        client._tokens._refresh_thread.join()
    return token


def watch_requests(client, monkeypatch):
    """Return the list that the options of each token request go to."""
    asked, send = [], client._transport.request

    def request(*args, **options):
        asked.append(options)
        return send(*args, **options)

    monkeypatch.setattr(client._transport, "request", request)
    return asked


def test_entry_is_kept_as_long_as_it_is_of_use(make_client, httpserver, clock):
    serve_token_replies(httpserver, (200, TOKEN), (200, {**TOKEN, "expires_in": 0.5}), (200, TOKEN))
    state = WatchedState()
    client = make_client(state=state)
    client.get_access_token()
    clock.advance(3600)
    client.get_access_token()
    assert state.lifetimes == [3600, 1]


def test_rejection_is_kept_as_long_as_it_counts(make_client, httpserver, clock, pause_of):
    asked = serve_token_replies(httpserver, (401, ""))
    state = WatchedState()
    pause = pause_of(30, 60)
    for seconds in (0, pause - 0.1):
        clock.now += seconds
        with pytest.raises(MinutAuthenticationError) as caught:
            make_client(state=state, jitter=pause_of).get_access_token()
        assert (len(asked), caught.value.status) == (1, 401)
    assert state.lifetimes == [pause]
    clock.now += 0.2
    with pytest.raises(MinutAuthenticationError):
        make_client(state=state, jitter=pause_of).get_access_token()
    assert len(asked) == 2


def test_failed_refresh_is_tried_again_by_any_process_after_a_pause(make_client, httpserver, clock, pause_of):
    asked = serve_token_replies(httpserver, (200, TOKEN), (503, ""))
    state = MemoryState()

    def get_token_as_another():
        other = make_client(state=state, jitter=pause_of)
        get_token(other)  # finds the token
        get_token(other)  # finds that it is due

    first = make_client(state=state, jitter=pause_of)
    get_token(first)
    clock.advance(3400)
    get_token(first)
    assert len(asked) == 2
    clock.advance(pause_of(20, 40) - 0.1)
    get_token(first)
    get_token_as_another()
    assert len(asked) == 2
    clock.advance(0.1)
    get_token(first)
    assert len(asked) == 3
    get_token(make_client(state=state, jitter=pause_of))  # the first one's failure counts for the others too
    assert len(asked) == 3
    clock.advance(pause_of(20, 40) - 0.1)
    get_token_as_another()
    assert len(asked) == 3
    clock.advance(0.1)
    get_token_as_another()
    assert len(asked) == 4


def test_refresh_that_another_process_makes_is_polled_for_in_a_hundredth_of_the_lifetime(
    make_client, token_endpoint, clock
):
    state = WatchedState()
    client = make_client(state=state)
    get_token(client)
    clock.advance(3400)
    with state._locks[client._tokens._shared.name]:
        before = state.tries
        for wait, tries in ((0, 1), (0, 1), (35.9, 1), (0.1, 2), (35.9, 2)):
            clock.advance(wait)
            assert get_token(client) == "token-1"
            assert state.tries - before == tries
    other = make_client(state=state)
    get_token(other)
    clock.advance(0.1)
    get_token(client)
    assert get_token(client) == "token-2"
    assert len(token_endpoint) == 2


def test_refresh_without_an_entry_is_polled_for_after_a_second(make_client, token_endpoint, clock):
    state = WatchedState()
    client = make_client(state=state)
    get_token(client)
    clock.advance(3400)
    state._entries.clear()
    with state._locks[client._tokens._shared.name]:
        before = state.tries
        for wait, tries in ((0, 1), (0.9, 1), (0.1, 2)):
            clock.advance(wait)
            get_token(client)
            assert state.tries - before == tries


@pytest.mark.parametrize(("deadline", "waited"), [(10.1, 10.25), (300.0, 30.0)])
def test_hanging_refresh_is_waited_for_until_the_deadline_and_then_bypassed_once(
    make_client, token_endpoint, clock, monkeypatch, deadline, waited
):
    state = StuckState(clock)
    client = make_client(state=state, deadline=deadline)
    asked = watch_requests(client, monkeypatch)
    assert client.get_access_token() == "token-1"
    assert set(clock.slept) == {0.25}
    assert sum(clock.slept) == waited + 0.25
    assert [(a["max_attempts"], a["deadline"]) for a in asked] == [(1, min(deadline, 30.0))]
    assert state._entries == {}


def test_token_request_has_half_a_minute_and_five_seconds_if_no_call_waits(
    make_client, token_endpoint, clock, monkeypatch
):
    client = make_client()
    asked = watch_requests(client, monkeypatch)
    get_token(client)
    clock.advance(3400)
    get_token(client)
    assert [(a["max_attempts"], a["deadline"]) for a in asked] == [(None, 30.0), (1, 5.0)]


def test_refresh_keeps_no_process_alive_and_is_one_at_a_time(make_client, httpserver, clock):
    begun, release = threading.Event(), threading.Event()

    def answer(_request):
        if begun.is_set():
            release.wait(5)
        begun.set()
        return Response(json.dumps(TOKEN))

    httpserver.expect_request("/v8/oauth/token").respond_with_handler(answer)
    client = make_client()
    client.get_access_token()
    clock.advance(3400)
    client.get_access_token()
    refresher = client._tokens._refresh_thread
    client.get_access_token()
    assert client._tokens._refresh_thread is refresher
    assert refresher.daemon
    release.set()
    refresher.join()


def test_401_for_another_reason_costs_one_request_and_no_token_for_a_minute(
    make_client, token_endpoint, httpserver, clock
):
    shown = serve_user(httpserver, accept=lambda _token: False)
    client = make_client()
    for wait, tokens, requests in ((0, 2, 2), (0, 2, 3), (59.9, 2, 4), (0.1, 3, 6)):
        clock.advance(wait)
        with pytest.raises(MinutAuthenticationError):
            client.get_current_user()
        assert (len(token_endpoint), len(shown)) == (tokens, requests)


def test_token_that_another_process_replaced_meanwhile_is_not_dropped(make_client, token_endpoint):
    client = make_client()
    old = client._tokens.get()
    client._tokens.get(max_age=-1)
    assert client._tokens.invalidate(old)
    assert client.get_access_token() == "token-2"
    assert len(token_endpoint) == 2


@pytest.mark.parametrize(("age", "tokens"), [(59.9, 1), (60.0, 1), (60.1, 2)])
def test_proof_is_no_older_than_requested(make_client, token_endpoint, clock, age, tokens):
    client = make_client()
    client.get_access_token()
    clock.advance(age)
    client._tokens.get(max_age=60)
    assert len(token_endpoint) == tokens


def test_other_errors_of_the_token_endpoint_are_no_rejections(make_client, httpserver):
    asked = serve_token_replies(
        httpserver, (400, {"error": "temporarily_unavailable"}), (500, ""), (200, TOKEN)
    )
    client = make_client()
    with pytest.raises(Exception, match="returned 400: temporarily_unavailable"):
        client.get_access_token()
    with pytest.raises(MinutServerError):
        client.get_access_token()
    assert client.get_access_token() == "token-1"
    assert len(asked) == 3


def test_token_refreshed_in_the_background_is_for_all(make_client, token_endpoint, clock):
    state = WatchedState()
    client = make_client(state=state)
    get_token(client)
    clock.advance(3400)
    get_token(client)
    assert make_client(state=state).get_access_token() == "token-2"
    assert len(token_endpoint) == 2
    assert state.timeouts == [0.25, 0]  # the refresh in the background does not queue


def test_token_request_is_repeated_although_it_is_a_post(make_client, httpserver):
    asked = serve_token_replies(httpserver, (502, ""), (504, ""), (200, TOKEN))
    assert make_client().get_access_token() == "token-1"
    assert len(asked) == 3


@pytest.mark.parametrize("values", [("a", "b", "c"), ("c", "b", "a")])
def test_rejected_tokens_are_told_from_others_whatever_they_look_like(make_client, httpserver, clock, values):
    serve_token_replies(httpserver, *[(200, {**TOKEN, "access_token": value}) for value in values])
    shown = serve_user(httpserver, accept=lambda token: token == values[2])
    client = make_client()
    with pytest.raises(MinutAuthenticationError):
        client.get_current_user()
    clock.advance(61)
    client.get_current_user()
    assert shown == [values[0], values[1], values[1], values[2]]


def test_credentials_show_the_end_of_their_id():
    assert repr(ClientCredentials("0123456789abcdef", "s")) == "ClientCredentials(client_id='…cdef')"


@pytest.mark.parametrize(("secret", "warnings"), [("s", 0), (" s", 1), ("s ", 1), ("s s", 0)])
def test_blanks_at_the_ends_of_a_secret_are_warned_about(caplog, secret, warnings):
    ClientCredentials("id", secret)
    assert len(caplog.records) == warnings


def test_token_that_the_api_repeats_is_blotted_out(make_client, token_endpoint, httpserver):
    httpserver.expect_request("/v8/x").respond_with_data('{"message": "bad token-1."}', status=400)
    with pytest.raises(MinutRequestError, match=r"returned 400: bad \*\*\*\."):
        make_client().request("GET", "/x")


@pytest.mark.parametrize("values", [("a", "b"), ("b", "a")])
def test_rejected_token_that_another_has_replaced_already_costs_no_request(make_client, httpserver, values):
    asked = serve_token_replies(httpserver, *[(200, {**TOKEN, "access_token": value}) for value in values])
    serve_user(httpserver, accept=lambda token: token == values[1])
    state = MemoryState()
    clients = [make_client(state=state) for _ in range(3)]
    assert {client.get_access_token() for client in clients} == {values[0]}
    for client in clients:
        client.get_current_user()
    assert len(asked) == 2


@pytest.mark.parametrize(("value", "may_help"), [("a", True), ("m", False), ("z", True)])
def test_only_the_token_that_was_futile_is_not_replaced(make_client, token_endpoint, value, may_help):
    tokens = make_client()._tokens
    tokens.note_futile_refresh(Token("m", 0.0, 60.0, 0.0, jitter=random.uniform))
    assert tokens.invalidate(Token(value, 0.0, 60.0, 0.0, jitter=random.uniform)) == may_help
