"""The sandbox's HTTP side: Minut's endpoints as documented, and ``/_sandbox`` to look behind them."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import FastAPI, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from airflow_provider_minut.sandbox.data import HOMES, USER, devices
from airflow_provider_minut.sandbox.state import SandboxState

BASE_PATH = "/v8"
TOKEN_PATH = f"{BASE_PATH}/oauth/token"
MAX_FORM_BYTES = 65_536  # a sandbox choice


def create_app(state: SandboxState) -> FastAPI:
    """Return the API as an ASGI application.

    :param state: what it knows; tests look at it.
    """
    app = FastAPI(
        title="Minut sandbox", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False
    )

    @app.middleware("http")
    async def guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        if not request.url.path.startswith(f"{BASE_PATH}/"):
            return await call_next(request)
        response = await _admitted(state, request, call_next)
        what = f"{request.method} {request.url.path.removeprefix(BASE_PATH)}"
        state.count_request(what, response.status_code)
        return response

    _add_error_bodies(app)
    _add_endpoints(app, state)
    return app


def _add_error_bodies(app: FastAPI) -> None:
    @app.exception_handler(404)
    async def not_found(_request: Request, _error: Exception) -> Response:
        return _error_body(404, "not_found", "Not found")

    @app.exception_handler(405)
    async def not_allowed(_request: Request, error: HTTPException) -> Response:
        # They name the methods that are allowed, as RFC 9110, 15.5.6 demands.
        return _error_body(405, "method_not_allowed", "Method not allowed", error.headers)

    @app.exception_handler(RequestValidationError)
    async def not_valid(_request: Request, error: RequestValidationError) -> Response:
        problem = error.errors()[0]
        return _error_body(400, "validation_error", f"{problem['loc'][-1]}: {problem['msg']}")


def _add_endpoints(app: FastAPI, state: SandboxState) -> None:
    @app.post(TOKEN_PATH)
    async def token(request: Request) -> Response:
        return await _token(state, request)

    @app.get(f"{BASE_PATH}/users/me")
    async def current_user() -> dict[str, Any]:
        return USER

    @app.get(f"{BASE_PATH}/homes")
    async def homes(
        limit: Annotated[int, Query(ge=1, le=100)] = 30, offset: Annotated[int, Query(ge=0)] = 0
    ) -> dict[str, Any]:
        paging = {"total_count": len(HOMES), "limit": limit, "offset": offset}
        return {"homes": HOMES[offset : offset + limit], "paging": paging}

    @app.get(f"{BASE_PATH}/devices")
    async def all_devices() -> dict[str, Any]:
        return {"devices": devices()}

    @app.get("/_sandbox/stats")
    async def stats() -> dict[str, Any]:
        return state.stats()

    @app.post("/_sandbox/revoke", status_code=204)
    async def revoke() -> None:
        state.revoke_tokens()


async def _admitted(
    state: SandboxState, request: Request, call_next: Callable[[Request], Awaitable[Response]]
) -> Response:
    """Let a request through if its token is valid and the rate limit has room."""
    if request.url.path == TOKEN_PATH:
        state.count_token_request()
        return await call_next(request)
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not state.is_valid(value):
        challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
        return _error_body(401, "invalid_token", "The access token is invalid or has expired", challenge)
    delay = state.admit()
    if delay is None:
        return _error_body(429, "too_many_requests", "Too many requests")
    if delay:
        await asyncio.sleep(delay)
    return await call_next(request)


async def _token(state: SandboxState, request: Request) -> Response:
    """Answer a token request, as strict as the documentation and RFC 6749 allow."""
    content_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if content_type != "application/x-www-form-urlencoded":
        return _oauth_error("invalid_request", "Content-Type must be application/x-www-form-urlencoded")
    body = await _limited_body(request)
    if body is None:
        return _error_body(413, "payload_too_large", "Payload too large")
    pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    form = dict(pairs)
    if len(form) != len(pairs):  # RFC 6749, 3.2
        return _oauth_error("invalid_request", "A parameter is repeated")
    if form.keys() & {"client_id", "client_secret"}:  # RFC 6749, 2.3
        return _oauth_error("invalid_request", "Credentials go into the Authorization header, once")
    if form.get("grant_type") != "client_credentials":
        return _oauth_error("unsupported_grant_type", "grant_type must be client_credentials")
    if form.get("response_type") != "token":
        return _oauth_error("invalid_request", "response_type must be token")
    credentials = _basic(request.headers.get("Authorization", ""))
    if credentials is None or not state.is_client(*credentials):
        challenge = 'Basic realm="Minut sandbox"'
        return _oauth_error("invalid_client", "The client is unknown or its secret is wrong", 401, challenge)
    lifetime = state.token_lifetime
    answer = {
        "access_token": state.issue_token(),
        "token_type": "Bearer",
        "expires_in": int(lifetime) if lifetime == int(lifetime) else lifetime,
    }
    return JSONResponse(answer, headers={"Cache-Control": "no-store"})  # RFC 6749, 5.1


async def _limited_body(request: Request) -> bytes | None:
    """Return the body, or ``None`` if it is too long; a chunked one does not say so beforehand."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            return None
    return bytes(body)


def _basic(header: str) -> tuple[str, str] | None:
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client_id, colon, client_secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (client_id, client_secret) if colon else None


def _oauth_error(code: str, description: str, status: int = 400, challenge: str | None = None) -> Response:
    body = {
        "error": code,
        "error_description": description,
        "message": description,
        "status": status,
        "error_key": "unauthorized" if status == 401 else code,
    }
    return JSONResponse(body, status, {"WWW-Authenticate": challenge} if challenge else None)


def _error_body(status: int, key: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"message": message, "status": status, "error_key": key}, status, headers)
