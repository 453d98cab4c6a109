"""No window is ever over its limit, whatever happens, and every request is sent in the end."""

from __future__ import annotations

import random
import struct
from dataclasses import asdict
from itertools import pairwise

import pytest
from werkzeug import Response

from airflow_provider_minut.api.rate_limiter import RateLimiter
from airflow_provider_minut.api.shared_state.file import FileState
from airflow_provider_minut.api.shared_state.memory import MemoryState
from airflow_provider_minut.exceptions import MinutRateLimitError


@pytest.fixture(params=["memory", "file"])
def state(request, tmp_path):
    return (
        MemoryState() if request.param == "memory" else FileState(tmp_path / "state", fallback=MemoryState())
    )


def make_limiter(state, clock, per_second=20, per_minute=120, client_id="id"):
    return RateLimiter(
        state, "https://x/v8", client_id, per_second=per_second, per_minute=per_minute, clock=clock
    )


def reservations_of(limiter):
    now = limiter._clock.time()
    return [round((now + ahead) * 1e6) for ahead in limiter._state.reservations(limiter._name, now=now).ahead]


def most_in_window(times, window):
    times = sorted(times)
    return max(sum(1 for t in times if start <= t < start + window) for start in times)


def test_first_requests_do_not_wait(state, clock):
    for _ in range(20):
        make_limiter(state, clock).acquire("GET /x", deadline=clock.monotonic() + 1)
    assert clock.slept == []


def test_21st_request_in_a_second_and_121st_in_a_minute_wait(state, clock):
    sent = []
    for _ in range(121):
        make_limiter(state, clock).acquire("GET /x", deadline=clock.monotonic() + 300)
        sent.append(clock.time())
    assert sent[20] - sent[0] == pytest.approx(1.1, abs=0.01)
    assert sent[120] - sent[0] == pytest.approx(60.25, abs=0.01)


def test_request_whose_response_is_late_counts_from_then_on(state, clock):
    """Its connection had to be opened; a minute later the same number of requests arrives at once."""
    limiter = make_limiter(state, clock, per_second=100, per_minute=4)

    def send(latency):
        limiter.acquire("GET /x", deadline=clock.monotonic() + 300)
        clock.advance(latency)
        limiter.note_response(latency)

    started = clock.time()
    for latency in (0.3, 0.9, 0.35, 5.3):
        send(latency)
    arrived = [
        started,
        started + 0.3 + 0.6,
        started + 1.2,
        started + 1.55 + 1.0,
    ]  # at most a second is certain
    assert reservations_of(limiter) == pytest.approx([round(time * 1e6) for time in arrived], abs=2)
    for expected in arrived:
        send(0.3)
        assert reservations_of(limiter)[-1] == pytest.approx((expected + 60.25) * 1e6, abs=2)


@pytest.mark.parametrize("seed", range(20))
def test_no_interleaving_breaks_a_window_or_the_order(seed):
    """Callers arrive at random times, wait for random other ones, and sometimes time out."""
    from tests.conftest import FakeClock

    rng, clock, state = random.Random(seed), FakeClock(), MemoryState()
    per_second, per_minute = rng.randrange(1, 8), rng.randrange(1, 40)
    granted = []
    for _ in range(300):
        clock.advance(rng.choice([0, 0, 0, 0.1, 1, 20]) * rng.random())
        caller = make_limiter(state, clock, per_second, per_minute)
        try:
            wait = caller._reserve("GET /x", rng.choice([0.5, 300]))
        except MinutRateLimitError:
            continue
        granted.append(reservations_of(caller)[-1])
        assert granted[-1] == pytest.approx((clock.time() + wait) * 1e6, abs=2)
    assert all(later - earlier > -2 for earlier, later in pairwise(granted))  # microseconds, rounded
    assert most_in_window(granted, 1_000_000) <= per_second
    assert most_in_window(granted, 60_000_000) <= per_minute


def test_delay_beyond_the_deadline_is_an_error_and_reserves_nothing(state, clock):
    one = make_limiter(state, clock, per_minute=1)
    one.acquire("GET /x", deadline=clock.monotonic() + 1)
    before = reservations_of(one)
    with pytest.raises(
        MinutRateLimitError, match="GET /x was not sent: the rate limiter would delay it by 60 s"
    ) as caught:
        one.acquire("GET /x", deadline=clock.monotonic() + 60)
    assert caught.value.retry_after == pytest.approx(60.25, abs=0.01)
    assert reservations_of(one) == before


def test_long_wait_is_logged_once_with_its_length(state, clock, caplog):
    caplog.set_level("INFO")
    for _ in range(3):
        make_limiter(state, clock, per_minute=2).acquire("GET /x", deadline=clock.monotonic() + 100)
    messages = [r.getMessage() for r in caplog.records if "delaying" in r.getMessage()]
    assert messages == [
        "Rate limit reached (2 requests/min, shared by this client ID); delaying GET /x by 60 s."
    ]


def test_pause_delays_all_requests(state, clock):
    make_limiter(state, clock).pause(10)
    started = clock.time()
    make_limiter(state, clock).acquire("GET /x", deadline=clock.monotonic() + 100)
    assert clock.time() - started == pytest.approx(10, abs=0.01)


def test_pause_that_begins_during_a_wait_is_kept_too(state, clock):
    one = make_limiter(state, clock, per_second=1)
    one.acquire("GET /x", deadline=clock.monotonic() + 1)
    sleep = clock.sleep

    def meet_429(seconds):
        clock.sleep = sleep
        make_limiter(state, clock).pause(30)
        sleep(seconds)

    clock.sleep = meet_429
    started = clock.time()
    one.acquire("GET /x", deadline=clock.monotonic() + 100)
    assert clock.time() - started >= 30


def test_pause_is_bounded(state, clock):
    make_limiter(state, clock).pause(10**9)
    make_limiter(state, clock).acquire("GET /x", deadline=clock.monotonic() + 301)


def test_clients_have_their_own_limits(state, clock):
    for client_id in "ab":
        make_limiter(state, clock, per_minute=1, client_id=client_id).acquire(
            "GET /x", deadline=clock.monotonic() + 1
        )
    assert clock.slept == []


@pytest.mark.parametrize(
    "damage",
    [
        b"x",
        b"\xff" * 1600,
        b"\x00" * 1599,
        *(
            struct.pack(f"<{len(numbers)}q", *numbers)
            for numbers in (
                [0, 2, 1],
                [0, 2**62],
                [2**62, 0],
                [0, -1],
            )
        ),
    ],
)
def test_damaged_log_starts_anew(state, clock, damage):
    one = make_limiter(state, clock)
    state.update(one._name, lambda _: damage)
    one.acquire("GET /x", deadline=clock.monotonic() + 1)
    assert clock.slept == []
    assert len(reservations_of(one)) == 1


def test_clock_set_back_by_a_day_blocks_no_request(state, clock):
    one = make_limiter(state, clock, per_minute=1)
    one.acquire("GET /x", deadline=clock.monotonic() + 1)
    clock.now -= 86_400
    one.acquire("GET /x", deadline=clock.monotonic() + 1)


def test_requests_of_a_client_keep_the_limit_and_token_requests_do_not_wait(
    make_client, token_endpoint, httpserver, clock
):
    httpserver.expect_request("/v8/x").respond_with_data("{}")
    client = make_client(requests_per_second=2, requests_per_minute=2)
    sent = []
    for _ in range(4):
        client.request("GET", "/x")
        sent.append(clock.time())
    assert sent[1] == sent[0]
    assert sent[2] - sent[0] == pytest.approx(60.25, abs=0.01)
    clock.advance(3600)
    clock.slept.clear()
    client.get_access_token()
    assert clock.slept == []


def test_429_pauses_all_requests_of_the_client(make_client, token_endpoint, httpserver, clock):
    answers = iter([Response(status=429, headers={"Retry-After": "25"})])
    httpserver.expect_request("/v8/x").respond_with_handler(lambda _: next(answers, Response("{}")))
    state = MemoryState()
    make_client(state=state, max_attempts=2).request("GET", "/x")
    other = make_client(state=state)
    clock.slept.clear()
    answers = iter([Response(status=429, headers={"Retry-After": "90"})])
    with pytest.raises(MinutRateLimitError):
        make_client(state=state).request("GET", "/x")
    assert clock.slept == []  # too long to sit out: handed to Airflow
    other.request("GET", "/x")
    assert clock.slept == [pytest.approx(90, abs=0.01)]


def test_reservation_is_made_when_the_request_is_sent_and_not_before_its_token_is_there(
    make_client, httpserver, clock
):
    """A reservation that is too early lets a later request come too early: the server counts arrivals."""

    def slow_token(_request):
        clock.advance(3)
        return Response('{"access_token": "t", "expires_in": 3600}', content_type="application/json")

    httpserver.expect_request("/v8/oauth/token").respond_with_handler(slow_token)
    httpserver.expect_request("/v8/homes").respond_with_json({"homes": []})
    with make_client(requests_per_second=20, requests_per_minute=120) as client:
        client.request("GET", "/homes")
        assert client.status().rate_limit.last_second == 1


def test_token_that_ended_while_the_request_waited_is_not_sent(make_client, httpserver, clock):
    tokens, sent = iter(("one", "two")), []

    def token(_request):
        body = f'{{"access_token": "{next(tokens)}", "expires_in": 120}}'
        return Response(body, content_type="application/json")

    def note(request):
        sent.append(request.headers["Authorization"])
        return Response('{"homes": []}', content_type="application/json")

    httpserver.expect_request("/v8/oauth/token").respond_with_handler(token)
    httpserver.expect_request("/v8/homes").respond_with_handler(note)
    with make_client(deadline=7200.0) as client:
        client.request("GET", "/homes")
        client._rate_limiter.pause(300)
        client.request("GET", "/homes")
    assert sent == ["Bearer one", "Bearer two"]


def test_status_counts_what_was_sent_what_waits_and_the_pause(state, clock):
    one = make_limiter(state, clock, per_second=2, per_minute=5)
    for _ in range(2):
        one.acquire("GET /x", deadline=clock.monotonic() + 1)
    expected = {
        "per_second": 2,
        "per_minute": 5,
        "last_second": 2,
        "last_minute": 2,
        "waiting": 0,
        "paused": 0,
    }
    assert asdict(one.status()) == expected
    clock.advance(0.5)
    assert asdict(one.status()) == expected
    clock.advance(0.5)
    assert asdict(one.status()) == {**expected, "last_second": 0}
    for _ in range(2):
        one._reserve("GET /x", 1)
    assert asdict(one.status()) == {**expected, "last_second": 0, "waiting": 2}
    clock.advance(58.9)
    assert asdict(one.status()) == {**expected, "last_second": 0, "last_minute": 4}
    clock.advance(0.1)
    assert asdict(one.status()) == {**expected, "last_second": 0, "last_minute": 2}
    clock.advance(0.5)
    assert asdict(one.status())["last_minute"] == 2
    one.pause(7)
    assert one.status().paused == pytest.approx(7, abs=0.01)


def test_pause_is_five_minutes_at_most(state, clock):
    make_limiter(state, clock).pause(300.5)
    assert make_limiter(state, clock).status().paused == 300


@pytest.mark.parametrize(("seconds", "lines"), [(1.0, 0), (1.99, 0), (2.0, 1), (3.0, 1)])
def test_waits_of_two_seconds_are_logged(state, clock, caplog, seconds, lines):
    caplog.set_level("INFO")
    make_limiter(state, clock).pause(seconds)
    make_limiter(state, clock).acquire("GET /x", deadline=clock.monotonic() + 100)
    assert len(caplog.records) == lines


def test_request_that_waited_made_one_reservation(state, clock):
    one = make_limiter(state, clock, per_second=1)
    for _ in range(3):
        one.acquire("GET /x", deadline=clock.monotonic() + 100)
    assert len(reservations_of(one)) == 3


def test_rest_of_a_pause_is_kept_however_short(state, clock):
    one = make_limiter(state, clock, per_second=1)
    one.acquire("GET /x", deadline=clock.monotonic() + 1)
    sleep = clock.sleep

    def meet_429(seconds):
        clock.sleep = sleep
        make_limiter(state, clock).pause(seconds + 0.5)
        sleep(seconds)

    clock.sleep = meet_429
    started = clock.time()
    one.acquire("GET /x", deadline=clock.monotonic() + 100)
    assert clock.time() - started >= 1.75


def test_deadline_is_a_time_on_the_monotonic_clock(state, clock):
    clock.ticks = 100.0
    make_limiter(state, clock).pause(50)
    make_limiter(state, clock).acquire("GET /x", deadline=200.0)
    assert sum(clock.slept) == pytest.approx(50, abs=0.01)
