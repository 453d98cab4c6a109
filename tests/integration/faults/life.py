"""The life of a token: clocks that step, credentials that end, refusals with other reasons."""

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
    """Get a token, then let the wall clock step."""

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
    """Get a token; then be a process that finds it, on a clock that has been set back an hour."""
    bench.new_client().get_access_token()
    bench.clock.step -= 3600


def rotated(bench):
    bench.new_client().get_access_token()
    bench.credentials = ClientCredentials(CLIENT_ID, CLIENT_SECRET[::-1])


def budget_after_step(bench):
    """Use the budget up, then set the clock back."""
    bench.settings |= {"requests_per_second": 5, "requests_per_minute": 10}
    for _ in range(10):
        get(bench)
    bench.clock.step -= 3600
    bench.clock.slept.clear()


def revoked(answer=UNAUTHORIZED):
    """Refuse the first token, take every other."""

    def make(bench):
        real = bench.server._answer

        def check(request):
            good = real(request)
            return answer if request.token == f"{TOKEN_MARK}-1" else good

        bench.server._answer = check

    return make


def herd(bench):
    bench.client.get_access_token()
    with ThreadPoolExecutor(16) as threads:
        found = list(threads.map(lambda _: get(bench), range(16)))
    return found[0] if found == [found[0]] * 16 else found


def again(bench):
    """Call once in vain, then once more."""
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


def due_and(token_answer, **fields):
    def ask(bench):
        began = time.monotonic()
        answer = get(bench)
        assert time.monotonic() - began < 3  # a renewal that hangs takes five
        assert bench.client._tokens._refresh_thread is not None
        if token_answer is not None:
            bench.client._tokens._refresh_thread.join(10)
        give_up = time.monotonic() + 10
        while len(bench.server.token_requests) < 2 and time.monotonic() < give_up:
            time.sleep(0.01)  # until the renewal's request is there; nobody answers it
        return answer

    return {
        "prepare": older(3400),
        "call": ask,
        "token": (GOOD_TOKEN, token_answer or (Do.HANG,)),
        "tokens": 2,
        **fields,
    }


FAULTS = [
    Fault(what="The wall clock steps an hour ahead", prepare=step(3600), tokens=2),
    Fault(what="The wall clock steps back an hour while a token lives", prepare=step(-3600), call=twice, sent=2),
    Fault(what="The wall clock stepped back an hour, and another process left its token", prepare=other_process, tokens=2,
          never="a token that seems to come from the future is used for an hour too long"),
    Fault(what="The wall clock steps back an hour when the budget was used up", prepare=budget_after_step, sent=11, waits=(0, 2),
          never="everybody waits an hour for the clock"),
    Fault(what="The machine sleeps for a day: monotonic time stands still", prepare=step(86_400), tokens=2),
    Fault(what="The token's hour is over", prepare=older(3600), tokens=2),
    Fault(what="The token lives a second", prepare=older(1), token=(token_reply(1, expires_in=1), GOOD_TOKEN), tokens=2),
    Fault(what="The token ends while a request waits for its second attempt", api=(reply("", "503 Busy", Retry_After="50"), OK),
          token=(token_reply(1, expires_in=40), GOOD_TOKEN), sent=2, tokens=2, waits=(50, 90), check=new_token_for_the_second,
          never="the second attempt goes with the token of the first"),
    Fault(what="The token is due, and its renewal is answered 503", **due_and(reply("", "503 Busy"))),
    Fault(what="The token is due, and its renewal is refused", **due_and(reply("", "401 Unauthorized"))),
    Fault(what="The token is due, and its renewal is reset", **due_and((Do.RESET,))),
    Fault(what="The token is due, and its renewal hangs", never="a call waits while the old token lives", **due_and(None)),
    Fault(what="The token was revoked early; a GET", api=(UNAUTHORIZED, OK), sent=2, tokens=2, check=new_token_for_the_second),
    Fault(what="The token was revoked early; a POST: it was refused", call=post, api=(UNAUTHORIZED, OK), sent=2, tokens=2, check=same_body_twice,
          never="the second POST goes without its body"),
    Fault(what="The token was revoked, and the answer is HTML", api=(reply("<title>Log in</title>", "401 Unauthorized", Content_Type="text/html"), OK),
          sent=2, tokens=2),
    Fault(what="16 threads meet the 401 of a revoked token together", prepare=revoked(), call=herd, sent=range(17, 33), tokens=2,
          never="each buys a token of its own"),
    Fault(what="401 for ever, whatever the token", api=(UNAUTHORIZED,), error="MinutAuthenticationError", says="GET /homes answered 401", sent=2, tokens=2,
          never="it goes round"),
    Fault(what="401 for ever, in a second call too: it has another reason", call=again, api=(UNAUTHORIZED,), error="MinutAuthenticationError",
          says="GET /homes answered 401", sent=3, tokens=2, never="each call buys a token"),
    Fault(what="401 with `insufficient_scope`, then 401 again", api=(reply('{"error": "insufficient_scope"}', "401 Unauthorized",
          WWW_Authenticate='Bearer error="insufficient_scope"'),), error="MinutAuthenticationError", says="insufficient_scope", sent=2, tokens=2),
    Fault(what="403 with `insufficient_scope`", api=(reply('{"error": "insufficient_scope"}', "403 Forbidden"),), error="MinutPermissionError",
          says="insufficient_scope", never="a new token is bought for it"),
    Fault(what="A revoked token cannot be replaced: the client is refused", api=(UNAUTHORIZED,), token=(GOOD_TOKEN, reply("", "401 Unauthorized")),
          error="MinutAuthenticationError", says="Minut rejected the client credentials", tokens=2),
    Fault(what="A revoked token cannot be replaced: the token endpoint is down", api=(UNAUTHORIZED,), token=(GOOD_TOKEN, reply("", "502 Bad Gateway")),
          error="MinutServerError", says="POST /oauth/token answered 502", tokens=4),
    Fault(what="The server gives the same, refused token again", api=(UNAUTHORIZED,), token=(token_reply(1),), error="MinutAuthenticationError",
          says="GET /homes answered 401", sent=2, tokens=2),
    Fault(what="The secret was rotated", prepare=rotated, tokens=2, never="the token that the old secret bought is used"),
]  # fmt: skip
