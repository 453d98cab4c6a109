"""Statuses of the API: who is to blame, what is repeated, how long it waits."""

from __future__ import annotations

import email.utils
import time
from datetime import UTC, datetime, timedelta

from tests.integration.faults.fault import Fault, delete, post, put
from tests.integration.faults.server import OK, TOKEN_MARK, reply

BUSY = "429 Too Many Requests"


def status(line, **headers):
    return reply('{"message": "Because."}', line, **headers)


def date(seconds):
    return email.utils.format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


def retry_after(value, line=BUSY, **headers):
    """Return an answer that is made when it is asked for, since it may hold the time."""
    return lambda _number: status(line, Retry_After=value() if callable(value) else value, **headers)


def patch(bench):
    return bench.client.request("PATCH", "/homes/h/alarm", json={"alarm_status": "on"})


def final(line, error, says, **fields):
    """A status that a second try would meet again."""
    return Fault(what=f"{line}", api=(status(line), OK), error=error, says=says, **fields)


def waited(what, value, waits, **fields):
    """429 once, with a Retry-After."""
    return Fault(
        what=f"429 with Retry-After {what}, then an answer",
        api=(retry_after(value), OK),
        sent=2,
        waits=waits,
        **fields,
    )


def handed_over(what, value, **fields):
    return Fault(what=f"429 with Retry-After {what}", api=(retry_after(value),), error="MinutRateLimitError",
                 says="GET /homes answered 429: Because", waits=(0, 0), **fields)  # fmt: skip


def tells_when(bench, _outcome):
    """The pause holds for all that share the budget."""
    assert bench.client.status().rate_limit.paused > 100


def asctime(seconds):
    return time.asctime(time.gmtime(time.time() + seconds))


def redirect(what, line, location, says, **fields):
    headers = {"Location": location} if location else {}
    return Fault(
        what=what, api=(status(line, **headers), OK), error="MinutResponseError", says=says, **fields
    )


FAULTS = [
    final("400 Bad Request", "MinutRequestError", "GET /homes answered 400: Because. Correct the request."),
    final("403 Forbidden", "MinutPermissionError", "lacks permission for this operation. Use credentials with the required access."),
    final("404 Not Found", "MinutNotFoundError", "Check the ID and the path, and that the account can access the resource."),
    final("405 Method Not Allowed", "MinutRequestError", "answered 405: Because"),
    final("407 Proxy Authentication Required", "MinutRequestError", "answered 407: Because"),
    final("409 Conflict", "MinutRequestError", "answered 409: Because"),
    final("410 Gone", "MinutRequestError", "answered 410: Because"),
    final("413 Content Too Large", "MinutRequestError", "answered 413: Because"),
    final("422 Unprocessable Content", "MinutRequestError", "answered 422: Because"),
    final("451 Unavailable For Legal Reasons", "MinutRequestError", "answered 451: Because"),
    final("501 Not Implemented", "MinutServerError", "The failure is on Minut's side (see status.minut.com). Retry later."),
    final("600 No Such Status", "MinutResponseError", "That is no status a final answer can have."),
    Fault(what="500 once; a GET", api=(status("500 Oops"), OK), error="MinutServerError", says="GET /homes answered 500: Because"),
    Fault(what="500 once; a POST", call=post, api=(status("500 Oops"), OK), error="MinutServerError", says="POST /webhooks answered 500",
          never="the POST is carried out twice"),
    Fault(what="502, then an answer; a GET", api=(status("502 Bad Gateway"), OK), sent=2),
    Fault(what="503, then an answer; a GET", api=(status("503 Busy"), OK), sent=2),
    Fault(what="504, then an answer; a GET", api=(status("504 Gateway Timeout"), OK), sent=2),
    Fault(what="502 once; a POST", call=post, api=(status("502 Bad Gateway"), OK), error="MinutServerError", says="answered 502",
          never="the POST is carried out twice"),
    Fault(what="503, then an answer; a POST: it was refused", call=post, api=(status("503 Busy"), OK), sent=2),
    Fault(what="504 once; a POST", call=post, api=(status("504 Gateway Timeout"), OK), error="MinutServerError", says="answered 504",
          never="the POST is carried out twice"),
    Fault(what="504 once; a PATCH", call=patch, api=(status("504 Gateway Timeout"), OK), error="MinutServerError", says="answered 504",
          never="the PATCH is carried out twice"),
    Fault(what="504, then an answer; a PUT", call=put, api=(status("504 Gateway Timeout"), OK), sent=2),
    Fault(what="504 after the DELETE was done, then 404", call=delete, api=(status("504 Gateway Timeout"), status("404 Not Found")), value=None, sent=2),
    Fault(what="404 at once; a DELETE", call=delete, api=(status("404 Not Found"),), error="MinutNotFoundError", says="DELETE /webhooks/w answered 404"),
    Fault(what="502 and 504 by turns, for ever", settings={"max_attempts": 5}, api=(status("502 Bad Gateway"), status("504 Gateway Timeout")),
          error="MinutServerError", says="Gave up after 5 attempts", sent=5),
    Fault(what="502 for ever, and the deadline is near", settings={"max_attempts": 100, "deadline": 20}, api=(status("502 Bad Gateway"),) ,
          error="MinutServerError", says="Gave up after", sent=range(2, 100), waits=(0, 20)),
    Fault(what="502 as a gateway's HTML page", call=post, api=(reply("<html><title>Bad gateway</title>", "502 Bad Gateway", Content_Type="text/html"),),
          error="MinutServerError", says="answered 502: titled 'Bad gateway'"),
    Fault(what="503 with Retry-After an hour ahead", api=(retry_after("3600", "503 Busy"),), error="MinutServerError", says="answered 503", waits=(0, 0)),
    Fault(what="429 without Retry-After, then an answer", api=(status(BUSY), OK), sent=2),
    Fault(what="429, then an answer; a POST: it was refused", call=post, api=(status(BUSY), OK), sent=2),
    Fault(what="429 for ever", api=(status(BUSY),), error="MinutRateLimitError", says="Gave up after 3 attempts", sent=3),
    waited("7", "7", (7, 30)),
    waited("as a date", lambda: date(9), (6, 30)),
    waited("as a date of the form of asctime", lambda: asctime(9), (6, 30)),
    waited("as a date in the past", lambda: date(-3600), (0, 10)),
    waited("that is no date and no number", "soon", (0, 10)),
    waited("that is negative", "-5", (0, 10)),
    waited("that is a fraction", "1.5", (0, 10)),
    waited("that is empty", "", (0, 10)),
    waited("with 30 digits", "9" * 30, (0, 10)),
    handed_over("a minute and a half ahead", "90"),
    handed_over("a year ahead", "31536000", check=tells_when, never="a task sleeps for a year"),
    handed_over("a year ahead, as a date", lambda: date(31536000), check=tells_when, never="a task sleeps for a year"),
    handed_over("of 19 digits", "9" * 19),
    Fault(what="The error repeats the access token", api=(lambda _n: reply(f'{{"message": "bad {TOKEN_MARK}-1!"}}', "403 Forbidden"),),
          error="MinutPermissionError", says="bad ***!"),
    Fault(what="The error is a deep JSON", api=(reply("[" * 100_000, "400 Bad Request"),), error="MinutRequestError", says="GET /homes answered 400."),
    Fault(what="The error's message is no text", api=(reply('{"message": {"a": 1}}', "400 Bad Request"),), error="MinutRequestError", says="GET /homes answered 400."),
    redirect("A redirect to plain http", "301 Moved", "http://api.minut.example/v8/homes", "a redirect to api.minut.example. It was not followed",
             never="the token is sent readable"),
    redirect("A redirect to another host", "302 Found", "https://evil.example/", "a redirect to evil.example", never="the token is sent to another host"),
    redirect("A redirect to itself, a loop", "307 Temporary", "/v8/homes", "a redirect to another path", never="it goes round"),
    redirect("A redirect of a POST that makes it a GET", "303 See Other", "/v8/other", "POST /webhooks answered 303", call=post),
    redirect("A redirect without a target", "302 Found", None, "a redirect to another path"),
    redirect("A redirect to //host", "308 Permanent", "//evil.example/x", "a redirect to evil.example"),
    redirect("A redirect to a target that is no URL", "302 Found", "http://[broken", "a redirect to something that is no URL"),
    redirect("A redirect whose target holds the token", "302 Found", f"https://evil.example/?t={TOKEN_MARK}-1", "a redirect to evil.example"),
    redirect("304 Not Modified, which nobody asked for", "304 Not Modified", None, "answered 304"),
]  # fmt: skip
