"""Responses of the API: parsed JSON or a typed error. Every part is validated before it is used."""

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

from airflow_provider_minut.api import safe_json
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
# The fields of the error bodies that were seen, and of those of RFC 6749.
ERROR_FIELDS = {"code", "error", "error_description", "error_key", "message", "name", "status"}
MIN_ERROR_STATUS = 400

_BY_STATUS: dict[int, type[MinutStatusError]] = {
    401: MinutAuthenticationError,
    403: MinutPermissionError,
    404: MinutNotFoundError,
    429: MinutRateLimitError,
}


@dataclass(frozen=True, slots=True)
class Response:
    """A complete response.

    :param status: HTTP status code.
    :param headers: Headers, case-insensitive.
    :param body: Decoded body.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        """The media type, without parameters."""
        media_type = self.headers.get("Content-Type", "").partition(";")[0].lower()
        return _one_line(media_type) or "no content type"


def parse_json(request: str, response: Response, *, secrets: tuple[str, ...] = ()) -> Any:
    """Return the body as JSON; ``None`` if it is empty.

    :param request: Method and path, for the message.
    :param response: The response.
    :param secrets: Values to redact if the server echoes them.
    :raises MinutResponseError: if the body is not JSON in UTF-8.
    """
    if not response.body:
        return None
    # ValueError: also invalid UTF-8, and numbers too long for int().
    with contextlib.suppress(ValueError, RecursionError):
        return safe_json.loads(response.body.decode("utf-8-sig"))
    # Raised here, so that no JSONDecodeError is attached: it contains the document, perhaps with a token.
    size = f"{len(response.body)} bytes of {response.media_type}"
    raise MinutResponseError(
        f"{request} returned {response.status} with {size} that are not JSON{_title(response, secrets)}."
    )


def check_no_error(request: str, data: Any, *, secrets: tuple[str, ...] = ()) -> None:
    """Check that the JSON of a successful response is not an error body.

    Minut does not document error bodies. One with ``message`` and ``error_key`` was seen, and a public client
    looks for ``error`` in responses with status 200.

    :param request: Method and path, for the message.
    :param data: Parsed JSON of the response.
    :param secrets: Values to redact if the server echoes them.
    :raises MinutResponseError: if it is an error body.
    """
    if not isinstance(data, dict) or not _is_error(data):
        return
    _, message = _code_and_message(data, secrets)
    reason = f": {message}" if message else ""
    raise MinutResponseError(
        f"{request} returned an error with a status of success{reason}.",
        remedy="Retry later; if it persists, report it to Minut with the message above.",
    )


def _is_error(data: dict[str, Any]) -> bool:
    if data.get("error_key"):
        return True
    status = data.get("status")
    is_error_status = isinstance(status, int) and status >= MIN_ERROR_STATUS
    return bool(data.get("error") or is_error_status) and data.keys() <= ERROR_FIELDS


def error_from_response(request: str, response: Response, *, secrets: tuple[str, ...] = ()) -> MinutError:
    """Return the typed error for a response whose status is not 2xx.

    :param request: Method and path, for the message.
    :param response: The response.
    :param secrets: Values to redact if the server echoes them.
    """
    if 300 <= response.status < 400:
        host = _one_line(_host(response.headers.get("Location", "")), secrets)
        text = f"{request} returned {response.status}, a redirect to {host}. It was not followed:"
        return MinutResponseError(f"{text} credentials are sent only to the base URL.")
    code, message = _error_in(response, secrets)
    text = f"{request} returned {response.status}{f': {message}' if message else ''}."
    error_class = (
        MinutServerError if response.status >= 500 else _BY_STATUS.get(response.status, MinutRequestError)
    )
    if response.status < 200 or response.status >= 600:
        return MinutResponseError(f"{text} This is not a valid status of a final response.")
    wait = retry_after(response.headers)
    return error_class(text, status=response.status, code=code, retry_after=wait)


def _host(location: str) -> str:
    try:
        return urlsplit(location).hostname or "another path"
    except ValueError:
        return "an invalid URL"


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of ``Retry-After``, at least 0; ``None`` if it is missing or invalid.

    Both forms of RFC 9110, 10.2.3, are supported. A date is compared with the ``Date`` of the response, so
    that the clock of this machine does not matter.
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


def _error_in(response: Response, secrets: tuple[str, ...]) -> tuple[str | None, str]:
    """Return the error code and the message of an error response; proxies return HTML or plain text."""
    try:
        body = json.loads(response.body)
    except (ValueError, RecursionError):
        if response.media_type == "text/plain":
            return None, _one_line(response.body.decode("utf-8", "replace"), secrets)
        return None, _title(response, secrets).removeprefix(", ")
    return _code_and_message(body, secrets) if isinstance(body, dict) else (None, "")


def _code_and_message(body: dict[str, Any], secrets: tuple[str, ...]) -> tuple[str | None, str]:
    """Return the error code and the message of an error body.

    Minut does not document error bodies. Known are ``message`` with ``error_key``; RFC 6749 adds ``error``
    and ``error_description``.
    """
    code = next((body[k] for k in ("error", "error_key") if isinstance(body.get(k), str)), None)
    keys = ("message", "error_description", "error")
    message = next((body[k] for k in keys if body.get(k) and isinstance(body[k], str)), "")
    return code, _one_line(message, secrets)


def _title(response: Response, secrets: tuple[str, ...]) -> str:
    title = re.search(rb"<title[^>]*>(.{1,300}?)</title", response.body[:8192], re.IGNORECASE | re.DOTALL)
    return f", titled '{_one_line(title[1].decode('utf-8', 'replace'), secrets)}'" if title else ""


def _one_line(text: str, secrets: tuple[str, ...] = ()) -> str:
    for secret in secrets:  # before truncation, so that no part of a secret remains
        text = text.replace(secret, "***")
    printable = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(printable.split())[:MAX_MESSAGE_CHARACTERS].rstrip(".")
