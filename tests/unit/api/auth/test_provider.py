"""When a token is requested, which calls wait, and what happens when Minut rejects a request, against a real server."""

from __future__ import annotations

import json
import pickle
import threading
import time

import pytest
from werkzeug import Response

from airflow_provider_minut.api.auth import provider
from airflow_provider_minut.api.auth.credentials import ClientCredentials
from airflow_provider_minut.api.shared_state.memory import MemoryState
from airflow_provider_minut.exceptions import (
    MinutAuthenticationError,
    MinutConfigurationError,
    MinutConnectionError,
    MinutResponseError,
    MinutServerError,
)
from tests.conftest import CLIENT_ID, CLIENT_SECRET


def wait_for(condition, what):
    """Wait for another thread, in real time: it works on real sockets."""
    give_up = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < give_up, f"{what} did not happen"
        time.sleep(0.002)


def serve_user(httpserver, accept=lambda _token: True):
    """Serve /users/me to accepted tokens; return the tokens that were shown."""
    shown = []

    def handler(request):
        shown.append(request.headers["Authorization"].removeprefix("Bearer "))
        return Response('{"user_id": "u1"}', 200 if accept(shown[-1]) else 401)

    httpserver.expect_request("/v8/users/me").respond_with_handler(handler)
    return shown


def serve_token_replies(httpserver, *replies):
    """Respond to token requests with each (status, body), repeating the last one; return the requests."""
    asked = []

    def handler(request):
        asked.append(request)
        status, body = replies[min(len(asked), len(replies)) - 1]
        return Response(body if isinstance(body, str | bytes) else json.dumps(body), status)

    httpserver.expect_request("/v8/oauth/token").respond_with_handler(handler)
    return asked


TOKEN = {"access_token": "token-1", "token_type": "Bearer", "expires_in": 3600}


def test_token_request_is_exactly_as_documented_also_at_refresh(
    make_client, token_endpoint, clock, credentials
):
    client = make_client()
    client.get_access_token()
    clock.advance(3600)
    client.get_access_token()
    assert len(token_endpoint) == 2
    for request in token_endpoint:
        assert request.get_data(as_text=True) in ("", "grant_type=client_credentials&response_type=token")
        assert request.form.to_dict() == {"grant_type": "client_credentials", "response_type": "token"}
        assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
        assert request.headers["Authorization"] == f"Basic {credentials.basic}"


def test_basic_value_is_plain_base64_in_utf8():
    assert ClientCredentials("id", "pä:%").basic == "aWQ6cMOkOiU="


def test_fresh_token_is_used_again(make_client, token_endpoint, clock):
    client = make_client()
    first = client.get_access_token()
    clock.advance(3299)
    assert client.get_access_token() == first
    assert len(token_endpoint) == 1


def test_due_token_is_refreshed_in_the_background(make_client, httpserver, clock):
    release = threading.Event()
    asked = []

    def slow_second(_request):
        asked.append(1)
        if len(asked) == 2:
            release.wait(5)
        return Response(json.dumps({**TOKEN, "access_token": f"token-{len(asked)}"}))

    httpserver.expect_request("/v8/oauth/token").respond_with_handler(slow_second)
    client = make_client()
    client.get_access_token()
    clock.advance(3400)
    # The refresh hangs in the server, and no call waits.
    assert [client.get_access_token() for _ in range(100)] == ["token-1"] * 100
    wait_for(lambda: len(asked) == 2, "the refresh")
    assert client.get_access_token() == "token-1"
    release.set()
    wait_for(lambda: client.get_access_token() == "token-2", "the new token")
    assert len(asked) == 2


def test_spent_token_is_never_used(make_client, token_endpoint, clock):
    client = make_client()
    client.get_access_token()
    clock.advance(3571)
    assert client.get_access_token() == "token-2"


@pytest.mark.parametrize(
    ("life", "fresh_until", "due_until"), [(3600, 3299, 3569), (6, 5.51, 5.81), (60, 55.1, 58.1)]
)
def test_states_scale_with_the_lifetime(make_client, httpserver, clock, life, fresh_until, due_until):
    asked = serve_token_replies(httpserver, (200, {**TOKEN, "expires_in": life}), (503, ""))
    client = make_client(max_attempts=1)
    client.get_access_token()
    clock.advance(fresh_until)
    client.get_access_token()
    assert len(asked) == 1
    clock.advance(due_until - fresh_until)
    assert client.get_access_token() == "token-1"
    wait_for(lambda: len(asked) == 2, "the refresh in the due state")
    clock.advance(0.02 if life == 6 else 1.2)
    with pytest.raises(MinutServerError):
        client.get_access_token()


def test_failed_refresh_is_logged_and_the_old_token_still_used(make_client, httpserver, clock, caplog):
    asked = serve_token_replies(httpserver, (200, TOKEN), (502, ""))
    client = make_client()
    client.get_access_token()
    clock.advance(3400)
    for _ in range(3):
        assert client.get_access_token() == "token-1"
        wait_for(lambda: "continuing with the current one" in caplog.text, "the warning")
        client._tokens._refresh_thread.join()
    assert len(asked) == 2  # after a failure it waits before it tries again
    clock.advance(41)
    client.get_access_token()
    wait_for(lambda: len(asked) == 3, "the next try")


@pytest.mark.parametrize("step", [-7200, 7200])
def test_clock_step_neither_keeps_a_dead_token_nor_fails(make_client, token_endpoint, clock, step):
    client = make_client()
    client.get_access_token()
    clock.now += step
    clock.advance(3600)
    assert client.get_access_token() == "token-2"


def test_1000_calls_from_16_threads_make_one_token_request(make_client, token_endpoint, httpserver):
    shown = serve_user(httpserver)
    client = make_client()

    def work():
        for _ in range(1000 // 16 + 1):
            client.get_current_user()

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(shown) >= 1000
    assert set(shown) == {"token-1"}
    assert len(token_endpoint) == 1


def test_clients_with_the_same_credentials_share_a_token(make_client, token_endpoint):
    state = MemoryState()
    assert make_client(state=state).get_access_token() == make_client(state=state).get_access_token()
    assert len(token_endpoint) == 1


def test_another_secret_or_base_url_shares_nothing(make_client, httpserver, token_endpoint):
    state = MemoryState()
    make_client(state=state).get_access_token()
    make_client(state=state, credentials=ClientCredentials(CLIENT_ID, "rotated-secret")).get_access_token()
    other_url = httpserver.url_for("/v8").replace("127.0.0.1", "localhost")
    make_client(state=state, base_url=other_url).get_access_token()
    assert len(token_endpoint) == 3


def test_rejected_token_is_replaced_and_the_request_sent_once_more(make_client, token_endpoint, httpserver):
    shown = serve_user(httpserver, accept=lambda token: token != "token-1")
    assert make_client().get_current_user() == {"user_id": "u1"}
    assert shown == ["token-1", "token-2"]


def test_second_401_is_an_authentication_error(make_client, token_endpoint, httpserver):
    shown = serve_user(httpserver, accept=lambda _token: False)
    with pytest.raises(MinutAuthenticationError, match="GET /users/me returned 401"):
        make_client().get_current_user()
    assert shown == ["token-1", "token-2"]


def test_401_for_another_reason_does_not_request_a_token_each_time(
    make_client, token_endpoint, httpserver, clock
):
    serve_user(httpserver, accept=lambda _token: False)
    client = make_client()
    for _ in range(5):
        with pytest.raises(MinutAuthenticationError):
            client.get_current_user()
    assert len(token_endpoint) == 2
    clock.advance(61)
    with pytest.raises(MinutAuthenticationError):
        client.get_current_user()
    assert len(token_endpoint) == 3


def test_herd_of_401s_leads_to_one_new_token(make_client, token_endpoint, httpserver):
    together = threading.Barrier(8)

    def accept(token):
        if token == "token-1":
            together.wait(5)
            return False
        return True

    shown = serve_user(httpserver, accept)
    client = make_client()
    threads = [threading.Thread(target=client.get_current_user) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(shown) == ["token-1"] * 8 + ["token-2"] * 8
    assert len(token_endpoint) == 2


def test_token_is_looked_up_again_for_every_attempt(make_client, httpserver, clock):
    """A token that dies while a retry waits must not be sent again."""
    second = {**TOKEN, "access_token": "token-2"}
    serve_token_replies(httpserver, (200, {**TOKEN, "expires_in": 60}), (200, second))
    shown = []

    def handler(request):
        shown.append(request.headers["Authorization"])
        if len(shown) == 1:
            clock.advance(60)
            return Response(status=503)
        return Response('{"user_id": "u1"}')

    httpserver.expect_request("/v8/users/me").respond_with_handler(handler)
    make_client().get_current_user()
    assert shown == ["Bearer token-1", "Bearer token-2"]


@pytest.mark.parametrize("status", [401, 403])
def test_rejected_credentials_say_where_to_find_the_right_ones(make_client, httpserver, status):
    serve_token_replies(httpserver, (status, "Unauthorized"))
    with pytest.raises(
        MinutAuthenticationError,
        match="rejected the client credentials.*'Developer tools'|API access|may not",
    ):
        make_client().get_current_user()


@pytest.mark.parametrize("error", ["invalid_client", "unauthorized_client", "invalid_grant", "access_denied"])
@pytest.mark.parametrize("status", [200, 400])
def test_oauth_error_codes_are_rejections_whatever_the_status(make_client, httpserver, error, status):
    serve_token_replies(httpserver, (status, {"error": error}))
    with pytest.raises(MinutAuthenticationError):
        make_client().get_current_user()


def test_rejection_is_remembered_for_a_while_by_all_clients_of_the_state(make_client, httpserver, clock):
    asked = serve_token_replies(httpserver, (401, ""))
    state = MemoryState()
    for _ in range(3):
        with pytest.raises(MinutAuthenticationError, match="POST /oauth/token returned 401"):
            make_client(state=state).get_current_user()
    assert len(asked) == 1
    clock.advance(61)
    with pytest.raises(MinutAuthenticationError):
        make_client(state=state).get_current_user()
    assert len(asked) == 2


def test_token_endpoint_is_asked_again_after_a_server_error(make_client, httpserver, clock):
    asked = serve_token_replies(httpserver, (503, ""), (200, TOKEN))
    assert make_client().get_access_token() == "token-1"
    assert len(asked) == 2


def test_501_from_the_token_endpoint_is_not_repeated(make_client, httpserver):
    asked = serve_token_replies(httpserver, (501, ""))
    with pytest.raises(MinutServerError):
        make_client().get_access_token()
    assert len(asked) == 1


def test_refresh_that_hangs_elsewhere_is_not_waited_for_for_ever(
    make_client, token_endpoint, clock, monkeypatch
):
    """The process that holds the lock may be stopped. After the deadline each client requests its own token."""
    state = MemoryState()
    client = make_client(state=state)
    monkeypatch.setattr(provider, "REFRESH_POLL_SECONDS", 0.001)
    with state.lock(client._tokens._shared.name, timeout=1):
        ticking = threading.Thread(target=lambda: [clock.advance(1) or time.sleep(0.005) for _ in range(60)])
        ticking.start()
        assert client.get_access_token() == "token-1"
        ticking.join()
    assert (
        state.read(client._tokens._shared.name) is None
    )  # and leaves the shared entry to the one with the lock


@pytest.mark.parametrize(
    ("expires_in", "lifetime"),
    [
        (3600, 3600), ("3600", 3600), (" 3600.5 ", 3600.5), (3599.7, 3599.7), (None, 600), (0, 600), (-5, 600),
        (True, 600), ("soon", 600), ([], 600), (10**18, 86400), (10**400, 600), ("1e400", 600), ("nan", 600),
    ],
)  # fmt: skip
def test_expires_in_gives_a_safe_lifetime(make_client, httpserver, expires_in, lifetime):
    serve_token_replies(httpserver, (200, {**TOKEN, "expires_in": expires_in}))
    client = make_client()
    client.get_access_token()
    assert client._tokens.get().lifetime == lifetime


@pytest.mark.parametrize("missing", ["expires_in", "token_type"])
def test_optional_member_may_be_missing(make_client, httpserver, missing):
    serve_token_replies(httpserver, (200, {k: v for k, v in TOKEN.items() if k != missing}))
    assert make_client().get_access_token() == "token-1"


@pytest.mark.parametrize("kind", ["bearer", "BEARER", "Bearer"])
def test_token_type_is_compared_without_case_and_sent_as_bearer(make_client, httpserver, kind):
    serve_token_replies(httpserver, (200, {**TOKEN, "token_type": kind}))
    shown = serve_user(httpserver)
    make_client().get_current_user()
    assert shown == ["token-1"]


@pytest.mark.parametrize(
    "reply",
    [
        {**TOKEN, "token_type": "mac"},
        {**TOKEN, "token_type": None},
        {**TOKEN, "access_token": None},
        {**TOKEN, "access_token": ""},
        {**TOKEN, "access_token": 12345},
        {**TOKEN, "access_token": "to\r\nken"},
        {**TOKEN, "access_token": "tök"},
        {**TOKEN, "access_token": "t" * 16_385},
        {"token_type": "Bearer"},
        [],
        "text",
        7,
        None,
    ],
)
def test_unusable_token_reply_is_a_response_error_without_the_token(make_client, httpserver, reply):
    serve_token_replies(httpserver, (200, json.dumps(reply)))
    with pytest.raises(MinutResponseError) as caught:
        make_client().get_access_token()
    assert "token-1" not in str(caught.value)
    assert "tttt" not in str(caught.value)
    assert "12345" not in str(caught.value)


@pytest.mark.parametrize(
    "body", ["", "<html><title>Sign in</title>", '{"access_token": "token-1', "\xff\xfe", "[" * 10**5]
)
def test_token_reply_that_is_no_json_is_a_response_error(make_client, httpserver, body):
    serve_token_replies(httpserver, (200, body))
    with pytest.raises(MinutResponseError) as caught:
        make_client(max_attempts=1).get_access_token()
    assert "token-1" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "entry",
    [
        b"", b"\x00\xff", b"{", b"[]", b"null", b"{}", b'{"v": 2}', b'{"v": 1, "retry_at": "x", "rejection": ""}',
        b'{"v": 1, "retry_at": 0, "rejection": "", "access_token": "old"}',
        b'{"v": 1, "retry_at": 0, "rejection": "", "access_token": "old", "issued_at": 1800000100, "lifetime": 3600}',
        b'{"v": 1, "retry_at": 0, "rejection": "", "access_token": "old", "issued_at": 1799990000, "lifetime": 3600}',
        b'{"v": 1, "retry_at": 1899990000, "rejection": "No.", "issued_at": 0}',
    ],
)  # fmt: skip
def test_broken_foreign_old_or_future_entry_is_replaced(make_client, token_endpoint, entry):
    state = MemoryState()
    client = make_client(state=state)
    client._tokens._shared.write(entry, lifetime=60)
    assert client.get_access_token() == "token-1"
    assert make_client(state=state).get_access_token() == "token-1"
    assert len(token_endpoint) == 1


def test_validation_replaces_a_token_that_proves_only_itself(make_client, token_endpoint, httpserver, clock):
    shown = serve_user(httpserver)
    client = make_client()
    client.validate_credentials()
    clock.advance(59)
    client.validate_credentials()
    clock.advance(2)
    client.validate_credentials()
    assert shown == ["token-1", "token-1", "token-2"]


def test_validation_notices_a_revoked_secret_although_the_token_lives(make_client, httpserver, clock):
    serve_token_replies(httpserver, (200, TOKEN), (401, ""))
    serve_user(httpserver)
    client = make_client()
    client.validate_credentials()
    clock.advance(600)
    client.get_current_user()
    with pytest.raises(MinutAuthenticationError):
        client.validate_credentials()


@pytest.mark.parametrize("answer", ["{}", "[]", '{"user_id": ""}', '{"user_id": true}', ""])
def test_user_without_an_id_is_a_response_error(make_client, token_endpoint, httpserver, answer):
    httpserver.expect_request("/v8/users/me").respond_with_data(answer)
    with pytest.raises(MinutResponseError, match="no user_id"):
        make_client().get_current_user()


def test_secrets_are_announced_before_they_are_used(make_client, token_endpoint, httpserver, credentials):
    announced = []
    httpserver.expect_request("/v8/users/me").respond_with_handler(
        lambda request: Response(
            json.dumps({"user_id": str(request.headers["Authorization"][7:] in announced)})
        )
    )
    assert make_client(on_secret=announced.append).get_current_user() == {"user_id": "True"}
    assert announced == [credentials.basic, "token-1"]


@pytest.mark.parametrize("style", [repr, str, "{}".format])
def test_no_representation_shows_a_secret(make_client, token_endpoint, credentials, style):
    client = make_client()
    token = client._tokens.get()
    for thing in (
        credentials,
        token,
        client,
        client._tokens,
        client._tokens._auth,
        client._transport.settings,
    ):
        assert CLIENT_SECRET not in style(thing)
        assert credentials.basic not in style(thing)
        assert "token-1" not in style(thing)


def test_secrets_cannot_be_pickled(make_client, token_endpoint, credentials):
    token = make_client()._tokens.get()
    for thing in (credentials, token):
        with pytest.raises(TypeError, match="are not serializable; pass the connection ID"):
            pickle.dumps(thing)


@pytest.mark.parametrize(
    ("client_id", "secret", "field"),
    [("", "s", "client_id"), ("  ", "s", "client_id"), ("a:b", "s", "client_id"), ("a\nb", "s", "client_id"),
     ("a", "", "client_secret"), ("a", "s\n", "client_secret"), ("a", "s\x00", "client_secret")],
)  # fmt: skip
def test_credentials_that_cannot_be_sent_are_an_error_that_names_the_field(client_id, secret, field):
    with pytest.raises(MinutConfigurationError) as caught:
        ClientCredentials(client_id, secret)
    assert caught.value.field == field


def test_whitespace_around_the_secret_is_warned_about_and_kept(caplog):
    assert ClientCredentials(" id ", " s ").client_secret == " s "
    assert "starts or ends with whitespace" in caplog.text


def test_lock_held_at_a_fork_does_not_stop_the_child(make_client, token_endpoint):
    import os

    from airflow_provider_minut.api.shared_state.memory import PROCESS_STATE

    client = make_client(state=PROCESS_STATE)
    held, release = threading.Event(), threading.Event()

    def hold():
        with PROCESS_STATE.lock(client._tokens._shared.name, timeout=1):
            held.set()
            release.wait(5)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(5)
    child = os.fork()
    if child == 0:
        with PROCESS_STATE.lock(client._tokens._shared.name, timeout=0) as held_too:
            os._exit(0 if held_too else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    release.set()
    holder.join()


def test_unreachable_token_endpoint_is_a_connection_error(make_client):
    with pytest.raises(
        MinutConnectionError,
        match="POST /oauth/token got no response from http://127.0.0.1:9/v8: connection refused",
    ):
        make_client(base_url="http://127.0.0.1:9/v8", max_attempts=1).get_access_token()
