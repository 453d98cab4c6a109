"""Lifetime of a token: clock changes, rotated credentials, rejections for other reasons."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from airflow_provider_minut.api.auth.credentials import ClientCredentials
from airflow_provider_minut.exceptions import MinutError
from tests.conftest import CLIENT_ID, CLIENT_SECRET
from tests.integration.faults.fault import Fault, get, post
from tests.integration.faults.server import GOOD_TOKEN, OK, TOKEN_MARK, Do, reply, token_reply

UNAUTHORIZED = reply("", "401 Unauthorized")


def step(seconds):
    """Get a token, then change the wall clock."""

    def prepare(bench):
        bench.client.get_access_token()
        bench.clock.step += seconds

    return prepare


def older(seconds):
    """Get a token, then let time pass."""

    def prepare(bench):
        bench.client.get_access_token()
        bench.clock.skipped += seconds

    return prepare


def other_process(bench):
    """Get a token; then act as a process that finds it, on a clock that has been set back by an hour."""
    bench.new_client().get_access_token()
    bench.clock.step -= 3600


def rotated(bench):
    bench.new_client().get_access_token()
    bench.credentials = ClientCredentials(CLIENT_ID, CLIENT_SECRET[::-1])


def limit_after_step(bench):
    """Exhaust the rate limit, then set the clock back."""
    bench.settings |= {"requests_per_second": 5, "requests_per_minute": 10}
    for _ in range(10):
        get(bench)
    bench.clock.step -= 3600
    bench.clock.slept.clear()


def revoked(response=UNAUTHORIZED):
    """Reject the first token, accept every other."""

    def make(bench):
        real = bench.server._response

        def check(request):
            good = real(request)
            return response if request.token == f"{TOKEN_MARK}-1" else good

        bench.server._response = check

    return make


def concurrent_calls(bench):
    bench.client.get_access_token()
    with ThreadPoolExecutor(16) as threads:
        found = list(threads.map(lambda _: get(bench), range(16)))
    return found[0] if found == [found[0]] * 16 else found


def again(bench):
    """Make a call that fails, then another one."""
    try:
        get(bench)
    except MinutError:
        return get(bench)
    raise AssertionError


def twice(bench):
    get(bench)
    return get(bench)


def same_body_twice(bench, _outcome):
    assert len({request.body for request in bench.server.requests}) == 1
    assert bench.server.requests[0].body


def new_token_for_the_second(bench, _outcome):
    assert [r.token for r in bench.server.requests] == [f"{TOKEN_MARK}-1", f"{TOKEN_MARK}-2"]


def background_over(bench, _outcome):
    bench.client._tokens._refresh_thread.join(10)


def due_and(token_response, **fields):
    def make_call(bench):
        began = time.monotonic()
        response = get(bench)
        assert time.monotonic() - began < 3  # a refresh that hangs takes five
        assert bench.client._tokens._refresh_thread is not None
        if token_response is not None:
            bench.client._tokens._refresh_thread.join(10)
        give_up = time.monotonic() + 10
        while len(bench.server.token_requests) < 2 and time.monotonic() < give_up:
            time.sleep(0.01)  # until the request of the refresh has arrived; it gets no response
        return response

    return {
        "prepare": older(3400),
        "call": make_call,
        "token": (GOOD_TOKEN, token_response or (Do.HANG,)),
        "tokens": 2,
        **fields,
    }


FAULTS = [
    Fault(name="The wall clock is set forward by an hour", prepare=step(3600), tokens=2),
    Fault(name="The wall clock is set back by an hour while a token is valid", prepare=step(-3600), call=twice, sent=2),
    Fault(name="The wall clock was set back by an hour, and another process had stored a token", prepare=other_process, tokens=2,
          never="a token from the future is used for an hour too long"),
    Fault(name="The wall clock is set back by an hour when the rate limit is exhausted", prepare=limit_after_step, sent=11, waits=(0, 2),
          never="all requests are delayed by an hour"),
    Fault(name="The machine is suspended for a day: monotonic time stands still", prepare=step(86_400), tokens=2),
    Fault(name="The token has expired", prepare=older(3600), tokens=2),
    Fault(name="The token is valid for one second", prepare=older(1), token=(token_reply(1, expires_in=1), GOOD_TOKEN), tokens=2),
    Fault(name="The token expires before the second attempt of a request", api=(reply("", "503 Busy", Retry_After="50"), OK),
          token=(token_reply(1, expires_in=40), GOOD_TOKEN), sent=2, tokens=2, waits=(50, 90), check=new_token_for_the_second,
          never="the second attempt uses the token of the first"),
    Fault(name="The token is due, and the refresh returns 503", **due_and(reply("", "503 Busy"))),
    Fault(name="The token is due, and the refresh is rejected", **due_and(reply("", "401 Unauthorized"))),
    Fault(name="The token is due, and the connection of the refresh is reset", **due_and((Do.RESET,))),
    Fault(name="The token is due, and the refresh hangs", never="a call waits while the old token is valid", **due_and(None)),
    Fault(name="The token was revoked early; a GET", api=(UNAUTHORIZED, OK), sent=2, tokens=2, check=new_token_for_the_second),
    Fault(name="The token was revoked early; a POST, which the server rejected", call=post, api=(UNAUTHORIZED, OK), sent=2, tokens=2, check=same_body_twice,
          never="the second POST is sent without its body"),
    Fault(name="The token was revoked, and the response is HTML", api=(reply("<title>Log in</title>", "401 Unauthorized", Content_Type="text/html"), OK),
          sent=2, tokens=2),
    Fault(name="16 threads receive 401 for a revoked token at the same time", prepare=revoked(), call=concurrent_calls, sent=range(17, 33), tokens=2,
          never="each thread requests its own token"),
    Fault(name="401 for every token", api=(UNAUTHORIZED,), error="MinutAuthenticationError", message="GET /homes returned 401", sent=2, tokens=2,
          never="an endless loop"),
    Fault(name="401 for every token, in a second call too: it has another reason", call=again, api=(UNAUTHORIZED,), error="MinutAuthenticationError",
          message="GET /homes returned 401", sent=3, tokens=2, never="each call requests a token"),
    Fault(name="401 with `insufficient_scope`, then 401 again", api=(reply('{"error": "insufficient_scope"}', "401 Unauthorized",
          WWW_Authenticate='Bearer error="insufficient_scope"'),), error="MinutAuthenticationError", message="insufficient_scope", sent=2, tokens=2),
    Fault(name="403 with `insufficient_scope`", api=(reply('{"error": "insufficient_scope"}', "403 Forbidden"),), error="MinutPermissionError",
          message="insufficient_scope", never="a new token is requested"),
    Fault(name="A revoked token cannot be replaced: the credentials are rejected", api=(UNAUTHORIZED,), token=(GOOD_TOKEN, reply("", "401 Unauthorized")),
          error="MinutAuthenticationError", message="Minut rejected the client credentials", tokens=2),
    Fault(name="A revoked token cannot be replaced: the token endpoint is down", api=(UNAUTHORIZED,), token=(GOOD_TOKEN, reply("", "502 Bad Gateway")),
          error="MinutServerError", message="POST /oauth/token returned 502", tokens=4),
    Fault(name="The server issues the same rejected token again", api=(UNAUTHORIZED,), token=(token_reply(1),), error="MinutAuthenticationError",
          message="GET /homes returned 401", sent=2, tokens=2),
    Fault(name="The secret was rotated", prepare=rotated, tokens=2, never="the token requested with the old secret is used"),
]  # fmt: skip
