"""Answers that go wrong on the way, as they do in production: refused, lost, broken off or cut."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fastapi import Response

from airflow_provider_minut.sandbox.server.errors import error_body

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

KINDS = ("429", "502", "504", "reset", "truncated")
_HTML = "<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>"


class Faults:
    """Draws which requests are to fail and how, and counts those that did.

    :param seed: the same seed draws the same faults.
    :param rate: the probability that a request fails.
    """

    def __init__(self, seed: int, rate: float) -> None:
        self._random = random.Random(seed)  # noqa: S311 - to be the same in every run
        self._rate = rate
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def next(self) -> str | None:
        """Return what goes wrong with the next request, one of :data:`KINDS`, or ``None``."""
        with self._lock:
            return self._random.choice(KINDS) if self._random.random() < self._rate else None

    def count(self, kind: str) -> None:
        """Count one request that failed so."""
        with self._lock:
            self._counts[kind] += 1

    def counts(self) -> dict[str, int]:
        """Return how often what went wrong."""
        with self._lock:
            return dict(self._counts)


async def fail(kind: str, answer: list[Message], scope: Message, receive: Receive, send: Send) -> None:
    """Answer a request with a fault.

    :param kind: one of :data:`KINDS`.
    :param answer: the messages of the real answer, if there is one.
    """
    if kind == "429":
        await error_body(429, "too_many_requests", "Too many requests")(scope, receive, send)
    elif kind == "502":
        await Response(_HTML, 502, media_type="text/html")(scope, receive, send)
    elif kind == "504":
        await Response(status_code=504)(scope, receive, send)
    elif kind == "reset":
        await _end(receive, at_once=True)
    else:
        await _cut(answer or _made_up(), send)
        await _end(receive, at_once=False)


def _made_up() -> list[Message]:
    """Return what could be the answer to a write that did not happen."""
    body = json.dumps({"message": "The rest of this never arrives"}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    return [
        {"type": "http.response.start", "status": 200, "headers": headers},
        {"type": "http.response.body", "body": body},
    ]


async def _cut(answer: list[Message], send: Send) -> None:
    """Send the headers of an answer with its full length, and half of its body."""
    start, *parts = answer
    body = b"".join(part.get("body", b"") for part in parts)
    await send(start)
    await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})


async def _end(receive: Receive, *, at_once: bool) -> None:
    """End the connection below HTTP, which ASGI has no message for."""
    transport: asyncio.Transport | None = getattr(getattr(receive, "__self__", None), "transport", None)
    if transport is None:
        text = "This fault needs uvicorn as the server"
        raise RuntimeError(text)
    if at_once:
        # Without it the end would look orderly.
        linger = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()
    else:
        transport.close()  # after what was written
    # uvicorn logs an error about an answer that is not complete unless it has noticed the end by then.
    while (await receive())["type"] != "http.disconnect":
        pass
