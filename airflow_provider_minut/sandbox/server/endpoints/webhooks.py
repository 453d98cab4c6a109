"""``/webhooks``: register, list and delete webhooks."""

from __future__ import annotations

import contextlib
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, Field

from airflow_provider_minut.sandbox.server.validation import OPTIONAL, JsonObject, Text
from airflow_provider_minut.sandbox.server.webhook_sender import WebhookSender
from airflow_provider_minut.sandbox.simulation.catalog import USER_EVENT_NAMES
from airflow_provider_minut.sandbox.simulation.timestamps import to_iso
from airflow_provider_minut.sandbox.simulation.world import World

MAX_HOOKS = 100  # an assumption


def _check_url(url: str) -> str:
    with contextlib.suppress(ValueError):  # of a URL or an address that cannot be parsed
        parts = urlsplit(url)
        host = parts.hostname
        if host and (
            parts.scheme == "https"
            or (parts.scheme == "http" and (host == "localhost" or ip_address(host).is_loopback))
        ):
            return url
    raise ValueError("must be https, or http on loopback")


def _check_events(events: list[str]) -> list[str]:
    if "*" in events and len(events) > 1:
        raise HTTPException(400, "wildcard events can only be used with a single event")
    return events


class NewWebhook(JsonObject):
    """The body of ``POST /webhooks``."""

    url: Annotated[str, AfterValidator(_check_url)]
    events: Annotated[list[Text], Field(min_length=1), AfterValidator(_check_events)]
    token: Text = OPTIONAL


def webhook_routes(world: World, deliveries: WebhookSender, *, reject_unknown: bool) -> APIRouter:
    """Return the endpoints of webhooks.

    :param deliveries: sends the events to the webhooks.
    :param reject_unknown: whether to reject names of events that no public client uses.
    """
    router = APIRouter(prefix="/webhooks", redirect_slashes=False)

    @router.post("")
    async def register(request: Request) -> Response:
        hook = await NewWebhook.read(request)
        unknown = set(hook.events) - USER_EVENT_NAMES - {"*"}
        if unknown and reject_unknown:
            raise HTTPException(400, f"events: unknown event type {min(unknown)!r}")
        if len(deliveries.hooks()) >= MAX_HOOKS:
            raise HTTPException(400, f"The limit of {MAX_HOOKS} webhooks is reached")
        return JSONResponse(deliveries.register(hook.url, hook.events, hook.token, to_iso(world.now())))

    @router.get("")
    async def registered() -> Response:
        return JSONResponse({"hooks": deliveries.hooks()})

    @router.delete("/{hook_id}", status_code=204)
    async def delete(hook_id: str) -> None:
        if not deliveries.remove(hook_id):
            raise HTTPException(404)

    return router
