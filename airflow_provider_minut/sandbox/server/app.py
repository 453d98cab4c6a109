"""The HTTP application: Minut's endpoints as documented, and ``/_sandbox`` to inspect and control them."""

from __future__ import annotations

import base64
import binascii
from typing import Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse

from airflow_provider_minut.sandbox.server.control import emit_event
from airflow_provider_minut.sandbox.server.endpoints.devices import device_routes
from airflow_provider_minut.sandbox.server.endpoints.homes import home_routes
from airflow_provider_minut.sandbox.server.endpoints.users import user_routes
from airflow_provider_minut.sandbox.server.endpoints.webhooks import webhook_routes
from airflow_provider_minut.sandbox.server.errors import add_error_bodies
from airflow_provider_minut.sandbox.server.middleware import BASE_PATH, TOKEN_PATH, SandboxMiddleware
from airflow_provider_minut.sandbox.server.state import SandboxState
from airflow_provider_minut.sandbox.server.validation import limited_body


def create_app(state: SandboxState) -> FastAPI:
    """Return the API as an ASGI application.

    :param state: state of the sandbox.
    """
    app = FastAPI(
        title="Minut sandbox", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False
    )
    app.add_middleware(SandboxMiddleware, state=state)
    add_error_bodies(app)
    for routes in (user_routes, home_routes, device_routes):
        app.include_router(routes(state.world), prefix=BASE_PATH)
    reject_unknown = state.config.unknown_events == "reject"
    webhooks = webhook_routes(state.world, state.deliveries, reject_unknown=reject_unknown)
    app.include_router(webhooks, prefix=BASE_PATH)
    app.include_router(_own_routes(state))
    return app


def _own_routes(state: SandboxState) -> APIRouter:
    router = APIRouter()

    @router.post(TOKEN_PATH)
    async def token(request: Request) -> Response:
        return await _token(state, request)

    @router.get("/_sandbox/stats")
    async def stats() -> dict[str, Any]:
        return state.stats()

    @router.post("/_sandbox/revoke", status_code=204)
    async def revoke() -> None:
        state.revoke_tokens()

    @router.post("/_sandbox/events")
    async def emit(request: Request) -> dict[str, Any]:
        return await emit_event(state, request)

    return router


async def _token(state: SandboxState, request: Request) -> Response:
    """Respond to a token request in one of the forms that Minut was seen to accept, as RFC 6749 requires."""
    content_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if content_type != "application/x-www-form-urlencoded":
        return _oauth_error("invalid_request", "Content-Type must be application/x-www-form-urlencoded")
    content = await limited_body(request)
    pairs = parse_qsl(content.decode("utf-8", "replace"), keep_blank_values=True)
    form, header = dict(pairs), request.headers.get("Authorization", "")
    if len(form) != len(pairs):  # RFC 6749, 3.2
        return _oauth_error("invalid_request", "A parameter is repeated")
    in_form = not form.keys().isdisjoint({"client_id", "client_secret"})
    if in_form and header:  # RFC 6749, 2.3
        return _oauth_error(
            "invalid_request", "Credentials are both in the Authorization header and the form"
        )
    if form.get("grant_type") != "client_credentials":
        return _oauth_error("unsupported_grant_type", "grant_type must be client_credentials")
    if form.get("response_type", "token") != "token":
        return _oauth_error("invalid_request", "response_type must be token")
    in_body = (form.get("client_id", ""), form.get("client_secret", ""))
    credentials = in_body if in_form else _basic(header)
    if credentials is None or not state.is_client(*credentials):
        challenge = 'Basic realm="Minut sandbox"'
        return _oauth_error("invalid_client", "The client is unknown or its secret is wrong", 401, challenge)
    return _issued_token(state)


def _issued_token(state: SandboxState) -> Response:
    lifetime = state.token_lifetime
    body = {
        "access_token": state.issue_token(),
        "token_type": "Bearer",
        "expires_in": int(lifetime) if lifetime == int(lifetime) else lifetime,
    }
    return JSONResponse(body, headers={"Cache-Control": "no-store"})  # RFC 6749, 5.1


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
