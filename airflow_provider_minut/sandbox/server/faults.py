"""Fault injection: rejected requests, gateway errors, connection resets and truncated bodies."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections import Counter

from fastapi import Response
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from airflow_provider_minut.sandbox.server.errors import error_body

KINDS = ("429", "502", "504", "reset", "truncated")
_HTML = "<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>"


class Faults:
    """Selects the requests that fail and the kind of fault. ``counts`` has the number of faults of each kind.

    :param seed: random seed; the same seed gives the same faults.
    :param rate: probability that a request fails.
    """

    def __init__(self, seed: int, rate: float) -> None:
        self._random = random.Random(seed)  # noqa: S311 - reproducible, not secret
        self._rate = rate
        self.counts: Counter[str] = Counter()

    def next(self) -> str | None:
        """Return the fault of the next request, one of :data:`KINDS`, or ``None``."""
        return self._random.choice(KINDS) if self._random.random() < self._rate else None


async def fail(kind: str, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Make a request fail, a ``GET`` after it was processed and a write before; 429 always before.

    :param kind: one of :data:`KINDS`.
    :param app: ASGI application that processes the request.
    """
    if kind == "429":
        await error_body(429, "too_many_requests", "Too many requests")(scope, receive, send)
        return
    response: list[Message] = []

    async def keep(message: Message) -> None:
        response.append(message)

    unsent = JSONResponse({"message": "The rest of this never arrives"})
    await (app if scope["method"] == "GET" else unsent)(scope, receive, keep)
    if kind == "502":
        await Response(_HTML, 502, media_type="text/html")(scope, receive, send)
    elif kind == "504":
        await Response(status_code=504)(scope, receive, send)
    elif kind == "reset":
        await _disconnect(receive, reset=True)
    else:
        await _truncate(response, send)
        await _disconnect(receive, reset=False)


async def _truncate(response: list[Message], send: Send) -> None:
    """Send the headers of a response with its full length, and half of its body."""
    start, *parts = response
    body = b"".join(part.get("body", b"") for part in parts)
    await send(start)
    await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})


async def _disconnect(receive: Receive, *, reset: bool) -> None:
    """Close the connection on the transport, because ASGI has no message for it."""
    transport: asyncio.Transport | None = getattr(getattr(receive, "__self__", None), "transport", None)
    if transport is None:
        raise RuntimeError("This fault needs uvicorn as the server")
    if reset:
        # Sends RST; without it the connection would be closed gracefully.
        linger = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()
    else:
        transport.close()  # after flushing
    # Otherwise uvicorn logs an error about an incomplete response.
    while (await receive())["type"] != "http.disconnect":
        pass
