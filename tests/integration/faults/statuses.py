"""Status codes of the API: errors, retries and delays."""

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
    """Return a response that is created on request, since it may contain the current time."""
    return lambda _number: status(line, Retry_After=value() if callable(value) else value, **headers)


def patch(bench):
    return bench.client.request("PATCH", "/homes/h/alarm", json={"alarm_status": "on"})


def final(line, error, message, **fields):
    """A permanent status."""
    return Fault(name=f"{line}", api=(status(line), OK), error=error, message=message, **fields)


def retried_429(name, value, waits, **fields):
    """429 once, with a Retry-After."""
    return Fault(
        name=f"429 with Retry-After {name}, then a success",
        api=(retry_after(value), OK),
        sent=2,
        waits=waits,
        **fields,
    )


def passed_on(name, value, **fields):
    return Fault(name=f"429 with Retry-After {name}", api=(retry_after(value),), error="MinutRateLimitError",
                 message="GET /homes returned 429: Because", waits=(0, 0), **fields)  # fmt: skip


def pauses_all(bench, _outcome):
    """The pause applies to all clients that share the rate limit."""
    assert bench.client.status().rate_limit.paused > 100


def asctime(seconds):
    return time.asctime(time.gmtime(time.time() + seconds))


def redirect(name, line, location, message, **fields):
    headers = {"Location": location} if location else {}
    return Fault(
        name=name, api=(status(line, **headers), OK), error="MinutResponseError", message=message, **fields
    )


FAULTS = [
    final("400 Bad Request", "MinutRequestError", "GET /homes returned 400: Because. Correct the request."),
    final("403 Forbidden", "MinutPermissionError", "lacks permission for this operation. Use credentials with the required access."),
    final("404 Not Found", "MinutNotFoundError", "Check the ID and the path, and that the account can access the resource."),
    final("405 Method Not Allowed", "MinutRequestError", "returned 405: Because"),
    final("407 Proxy Authentication Required", "MinutRequestError", "returned 407: Because"),
    final("409 Conflict", "MinutRequestError", "returned 409: Because"),
    final("410 Gone", "MinutRequestError", "returned 410: Because"),
    final("413 Content Too Large", "MinutRequestError", "returned 413: Because"),
    final("422 Unprocessable Content", "MinutRequestError", "returned 422: Because"),
    final("451 Unavailable For Legal Reasons", "MinutRequestError", "returned 451: Because"),
    final("501 Not Implemented", "MinutServerError", "The failure is on Minut's side (see status.minut.com). Retry later."),
    final("600 No Such Status", "MinutResponseError", "This is not a valid status of a final response."),
    Fault(name="500 once; a GET", api=(status("500 Oops"), OK), error="MinutServerError", message="GET /homes returned 500: Because"),
    Fault(name="500 once; a POST", call=post, api=(status("500 Oops"), OK), error="MinutServerError", message="POST /webhooks returned 500",
          never="the POST is processed twice"),
    Fault(name="502, then a success; a GET", api=(status("502 Bad Gateway"), OK), sent=2),
    Fault(name="503, then a success; a GET", api=(status("503 Busy"), OK), sent=2),
    Fault(name="504, then a success; a GET", api=(status("504 Gateway Timeout"), OK), sent=2),
    Fault(name="502 once; a POST", call=post, api=(status("502 Bad Gateway"), OK), error="MinutServerError", message="returned 502",
          never="the POST is processed twice"),
    Fault(name="503, then a success; a POST, which the server rejected", call=post, api=(status("503 Busy"), OK), sent=2),
    Fault(name="504 once; a POST", call=post, api=(status("504 Gateway Timeout"), OK), error="MinutServerError", message="returned 504",
          never="the POST is processed twice"),
    Fault(name="504 once; a PATCH", call=patch, api=(status("504 Gateway Timeout"), OK), error="MinutServerError", message="returned 504",
          never="the PATCH is processed twice"),
    Fault(name="504, then a success; a PUT", call=put, api=(status("504 Gateway Timeout"), OK), sent=2),
    Fault(name="504 after the DELETE was processed, then 404", call=delete, api=(status("504 Gateway Timeout"), status("404 Not Found")), value=None, sent=2),
    Fault(name="404 for the first attempt; a DELETE", call=delete, api=(status("404 Not Found"),), error="MinutNotFoundError", message="DELETE /webhooks/w returned 404"),
    Fault(name="502 and 504 alternately", settings={"max_attempts": 5}, api=(status("502 Bad Gateway"), status("504 Gateway Timeout")),
          error="MinutServerError", message="Failed after 5 attempts", sent=5),
    Fault(name="502 for every attempt, until the deadline", settings={"max_attempts": 100, "deadline": 20}, api=(status("502 Bad Gateway"),) ,
          error="MinutServerError", message="Failed after", sent=range(2, 100), waits=(0, 20)),
    Fault(name="502 with an HTML page of a gateway", call=post, api=(reply("<html><title>Bad gateway</title>", "502 Bad Gateway", Content_Type="text/html"),),
          error="MinutServerError", message="returned 502: titled 'Bad gateway'"),
    Fault(name="503 with Retry-After of an hour", api=(retry_after("3600", "503 Busy"),), error="MinutServerError", message="returned 503", waits=(0, 0)),
    Fault(name="429 without Retry-After, then a success", api=(status(BUSY), OK), sent=2),
    Fault(name="429, then a success; a POST, which the server rejected", call=post, api=(status(BUSY), OK), sent=2),
    Fault(name="429 for every attempt", api=(status(BUSY),), error="MinutRateLimitError", message="Failed after 3 attempts", sent=3),
    retried_429("7", "7", (7, 30)),
    retried_429("as a date", lambda: date(9), (6, 30)),
    retried_429("as a date in asctime format", lambda: asctime(9), (6, 30)),
    retried_429("as a date in the past", lambda: date(-3600), (0, 10)),
    retried_429("that is neither a date nor a number", "soon", (0, 10)),
    retried_429("that is negative", "-5", (0, 10)),
    retried_429("that is a fraction", "1.5", (0, 10)),
    retried_429("that is empty", "", (0, 10)),
    retried_429("with 30 digits", "9" * 30, (0, 10)),
    passed_on("of a minute and a half", "90"),
    passed_on("of a year", "31536000", check=pauses_all, never="a task sleeps for a year"),
    passed_on("of a year, as a date", lambda: date(31536000), check=pauses_all, never="a task sleeps for a year"),
    passed_on("of 19 digits", "9" * 19),
    Fault(name="The error echoes the access token", api=(lambda _n: reply(f'{{"message": "bad {TOKEN_MARK}-1!"}}', "403 Forbidden"),),
          error="MinutPermissionError", message="bad ***!"),
    Fault(name="The error is deeply nested JSON", api=(reply("[" * 100_000, "400 Bad Request"),), error="MinutRequestError", message="GET /homes returned 400."),
    Fault(name="The message of the error is not a string", api=(reply('{"message": {"a": 1}}', "400 Bad Request"),), error="MinutRequestError", message="GET /homes returned 400."),
    redirect("A redirect to plain http", "301 Moved", "http://api.minut.example/v8/homes", "a redirect to api.minut.example. It was not followed",
             never="the token is sent without TLS"),
    redirect("A redirect to another host", "302 Found", "https://evil.example/", "a redirect to evil.example", never="the token is sent to another host"),
    redirect("A redirect to the same URL", "307 Temporary", "/v8/homes", "a redirect to another path", never="an endless loop"),
    redirect("A redirect that changes a POST to a GET", "303 See Other", "/v8/other", "POST /webhooks returned 303", call=post),
    redirect("A redirect without a target", "302 Found", None, "a redirect to another path"),
    redirect("A redirect to //host", "308 Permanent", "//evil.example/x", "a redirect to evil.example"),
    redirect("A redirect to an invalid URL", "302 Found", "http://[broken", "a redirect to an invalid URL"),
    redirect("A redirect to a URL that contains the token", "302 Found", f"https://evil.example/?t={TOKEN_MARK}-1", "a redirect to evil.example"),
    redirect("304 Not Modified for an unconditional request", "304 Not Modified", None, "returned 304"),
]  # fmt: skip
