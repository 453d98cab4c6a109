"""What the API answered, and what to make of it. Nothing is believed before it is checked."""

from __future__ import annotations

import contextlib
import email.utils
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_minut.exceptions import (
    MinutAuthenticationError,
    MinutError,
    MinutNotFoundError,
    MinutPermissionError,
    MinutRateLimitError,
    MinutRequestError,
    MinutResponseError,
    MinutServerError,
    MinutStatusError,
)

MAX_MESSAGE_CHARACTERS = 300

_BY_STATUS: dict[int, type[MinutStatusError]] = {
    401: MinutAuthenticationError,
    403: MinutPermissionError,
    404: MinutNotFoundError,
    429: MinutRateLimitError,
}


@dataclass(frozen=True, slots=True)
class Response:
    """One answer, read to its end.

    :param status: HTTP status code.
    :param headers: the headers, whatever their case.
    :param body: the decoded body.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def kind(self) -> str:
        """The media type, without parameters."""
        kind = self.headers.get("Content-Type", "").partition(";")[0].lower()
        return _one_line(kind) or "no content type"


def parse_json(what: str, reply: Response, *, secrets: tuple[str, ...] = ()) -> Any:
    """Return the body as JSON; ``None`` if it is empty.

    :param what: the request, for the message.
    :param secrets: values to blot out should the server repeat them.
    :raises MinutResponseError: if the body is anything but JSON in UTF-8.
    """
    if not reply.body:
        return None
    # ValueError: also bad UTF-8, and numbers too long for int().
    with contextlib.suppress(ValueError, RecursionError):
        return json.loads(reply.body.decode("utf-8-sig"))
    # Raised out here, so that no JSONDecodeError hangs on it: that holds the document, perhaps a token.
    size = f"{len(reply.body)} bytes of {reply.kind}"
    raise MinutResponseError(
        f"{what} answered {reply.status} with {size} that are not JSON{_title(reply, secrets)}."
    )


def error_from_response(what: str, reply: Response, *, secrets: tuple[str, ...] = ()) -> MinutError:
    """Return the typed error for an answer whose status is not 2xx.

    :param what: the request, for the message.
    :param secrets: values to blot out should the server repeat them.
    """
    if 300 <= reply.status < 400:
        where = _one_line(_host(reply.headers.get("Location", "")), secrets)
        text = f"{what} answered {reply.status}, a redirect to {where}. It was not followed: credentials stay"
        return MinutResponseError(f"{text} with the base URL.")
    code, said = _what_it_said(reply, secrets)
    text = f"{what} answered {reply.status}{f': {said}' if said else ''}."
    kind = MinutServerError if reply.status >= 500 else _BY_STATUS.get(reply.status, MinutRequestError)
    if reply.status < 200 or reply.status >= 600:
        return MinutResponseError(f"{text} That is no status a final answer can have.")
    wait = retry_after(reply.headers)
    return kind(text, status=reply.status, code=code, retry_after=wait)


def _host(location: str) -> str:
    try:
        return urlsplit(location).hostname or "another path"
    except ValueError:
        return "something that is no URL"


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that ``Retry-After`` asks for, at least 0; ``None`` if it says nothing usable.

    Both forms of RFC 9110, 10.2.3. A date is compared with the answer's own ``Date``, so that the
    clock of this machine does not matter.
    """
    value = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,19}", value):
        return float(value)
    then = _http_date(value)
    if then is None:
        return None
    now = _http_date(headers.get("Date", "")) or datetime.now(UTC)
    return max((then - now).total_seconds(), 0.0)


def _http_date(value: str) -> datetime | None:
    try:
        date = email.utils.parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)  # asctime has no zone; HTTP means UTC


def _what_it_said(reply: Response, secrets: tuple[str, ...]) -> tuple[str | None, str]:
    """Return the error code and the message of an error body, in whatever shape it came.

    Minut documents no error body. Seen: ``message`` with ``error_key``; RFC 6749 adds ``error`` and
    ``error_description``; behind proxies there is HTML or plain text.
    """
    try:
        body = json.loads(reply.body)
    except (ValueError, RecursionError):
        if reply.kind == "text/plain":
            return None, _one_line(reply.body.decode("utf-8", "replace"), secrets)
        return None, _title(reply, secrets).removeprefix(", ")
    if not isinstance(body, dict):
        return None, ""
    code = next((body[k] for k in ("error", "error_key") if isinstance(body.get(k), str)), None)
    keys = ("message", "error_description", "error")
    said = next((body[k] for k in keys if body.get(k) and isinstance(body[k], str)), "")
    return code, _one_line(said, secrets)


def _title(reply: Response, secrets: tuple[str, ...]) -> str:
    title = re.search(rb"<title[^>]*>(.{1,300}?)</title", reply.body[:8192], re.IGNORECASE | re.DOTALL)
    return f", titled '{_one_line(title[1].decode('utf-8', 'replace'), secrets)}'" if title else ""


def _one_line(text: str, secrets: tuple[str, ...] = ()) -> str:
    for secret in secrets:  # before it is cut: a part of one is too much as well
        text = text.replace(secret, "***")
    printable = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(printable.split())[:MAX_MESSAGE_CHARACTERS].rstrip(".")
