"""``/webhooks``: register, list and delete webhooks."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from airflow_provider_minut.sandbox.server.errors import RejectedError, invalid, not_found
from airflow_provider_minut.sandbox.server.validation import checked_text, json_object
from airflow_provider_minut.sandbox.server.webhook_sender import WebhookSender
from airflow_provider_minut.sandbox.simulation.catalog import USER_EVENT_NAMES
from airflow_provider_minut.sandbox.simulation.timestamps import to_iso
from airflow_provider_minut.sandbox.simulation.world import World

MAX_HOOKS = 100  # an assumption


def webhook_routes(world: World, deliveries: WebhookSender) -> APIRouter:
    """Return the endpoints of webhooks."""
    router = APIRouter(prefix="/webhooks", redirect_slashes=False)

    @router.post("")
    async def register(request: Request) -> Response:
        content = await json_object(request, "url", "events", "token")
        url, events = _checked_url(content.get("url")), _checked_events(content.get("events"))
        token = checked_text("token", content["token"]) if "token" in content else None
        if len(deliveries.hooks()) >= MAX_HOOKS:
            raise RejectedError(400, f"The limit of {MAX_HOOKS} webhooks is reached")
        return JSONResponse(deliveries.register(url, events, token, to_iso(world.now())))

    @router.get("")
    async def registered() -> Response:
        return JSONResponse({"hooks": deliveries.hooks()})

    @router.delete("/{hook_id}", status_code=204)
    async def delete(hook_id: str) -> None:
        if not deliveries.remove(hook_id):
            raise not_found()

    return router


def _checked_url(value: object) -> str:
    url = checked_text("url", value)
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        host = None
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))):
        raise invalid("url", "https, or http on loopback")
    return url


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _checked_events(value: object) -> list[str]:
    if not isinstance(value, list) or not value:
        raise invalid("events", "a non-empty list")
    if "*" in value and len(value) > 1:
        raise RejectedError(400, "wildcard events can only be used with a single event")
    for name in value:
        if name != "*" and (not isinstance(name, str) or name not in USER_EVENT_NAMES):
            raise RejectedError(400, f"events: unknown event type {name!r}")
    return value
