"""Authentication, rate limit, fault injection and counters of all requests below the base URL."""

from __future__ import annotations

import asyncio
import re
from functools import partial

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from airflow_provider_minut.sandbox.server.errors import error_body
from airflow_provider_minut.sandbox.server.faults import fail
from airflow_provider_minut.sandbox.server.state import SandboxState

BASE_PATH = "/v8"
TOKEN_PATH = f"{BASE_PATH}/oauth/token"
_ID = re.compile(r"(?<=/)[0-9a-f]{24}(?=/|$)")


class SandboxMiddleware:
    """ASGI middleware around the endpoints.

    FastAPI's own kind of middleware would create a task for each request and hide the connection, which
    fault injection needs.

    :param app: ASGI application to wrap.
    :param state: state of the sandbox: tokens, rate limit, faults and counters.
    """

    def __init__(self, app: ASGIApp, state: SandboxState) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http" or not scope["path"].startswith(f"{BASE_PATH}/"):
            await self._app(scope, receive, send)
            return
        # Without IDs: a fleet has too many for a counter each.
        path = _ID.sub("{id}", scope["path"].removeprefix(BASE_PATH))
        counting_send = partial(self._send, send, f"{scope['method']} {path}")
        if scope["path"] == TOKEN_PATH:
            self._state.count_token_request()
            await self._app(scope, receive, counting_send)
            return
        scheme, _, value = Headers(scope=scope).get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not self._state.is_valid(value):
            challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            rejected = error_body(
                401, "invalid_token", "The access token is invalid or has expired", challenge
            )
            await rejected(scope, receive, counting_send)
            return
        fault = self._state.faults.next()
        if fault != "429":
            delay = self._state.admit()
            if delay is None:
                await fail("429", self._app, scope, receive, counting_send)
                return
            if delay:
                await asyncio.sleep(delay)
        if fault is None:
            await self._app(scope, receive, counting_send)
            return
        self._state.faults.counts[fault] += 1
        if fault == "reset":
            self._state.count_request(f"{scope['method']} {path}", None)
        await fail(fault, self._app, scope, receive, counting_send)

    async def _send(self, send: Send, request: str, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._state.count_request(request, message["status"])
        await send(message)
