"""Validation of requests: times, limits and JSON bodies."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any

from fastapi import Query, Request

from airflow_provider_minut.sandbox.server.errors import RejectedError, invalid
from airflow_provider_minut.sandbox.simulation.timestamps import from_datetime

MAX_BODY_BYTES = 65_536  # an assumption

Limit = Annotated[int, Query(ge=1, le=100)]
Offset = Annotated[int, Query(ge=0)]


def parse_time(field: str, text: str | None, default: int) -> int:
    """Return a time in milliseconds since the epoch.

    :raises RejectedError: if ``text`` is not ISO 8601 with a UTC offset.
    """
    if text is None:
        return default
    try:
        return from_datetime(datetime.fromisoformat(text))
    except ValueError:
        raise invalid(field, "ISO 8601 with a UTC offset or Z") from None


async def limited_body(request: Request) -> bytes:
    """Return the body of a request.

    :raises RejectedError: if it is too long. A chunked body has no Content-Length to check in advance.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise RejectedError(413, "Payload too large")
    return bytes(body)


async def json_object(request: Request, *fields: str) -> dict[str, Any]:
    """Return the JSON object in the body of a request.

    :param fields: names of the accepted fields.
    :raises RejectedError: if the body is not a JSON object, or has other fields.
    """
    body = await limited_body(request)
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise invalid("body", "a JSON object")
    for name in content:
        if name not in fields:
            raise RejectedError(400, f"{name}: unknown field; must be one of {', '.join(fields)}")
    return content


def checked_text(field: str, value: object) -> str:
    """Return ``value``.

    :raises RejectedError: if it is not a string, or empty.
    """
    if isinstance(value, str) and value:
        return value
    raise invalid(field, "a non-empty string")


def checked_flag(field: str, value: object) -> bool:
    """Return ``value``.

    :raises RejectedError: if it is not a Boolean.
    """
    if isinstance(value, bool):
        return value
    raise invalid(field, "true or false")
