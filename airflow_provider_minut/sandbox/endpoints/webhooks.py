"""``/webhooks``: registered, listed and deleted; nothing is delivered yet."""

from __future__ import annotations

import secrets
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from airflow_provider_minut.sandbox.answers import RefusedError, invalid, not_found
from airflow_provider_minut.sandbox.moments import to_iso
from airflow_provider_minut.sandbox.parameters import checked_text, json_object
from airflow_provider_minut.sandbox.world import World

MAX_HOOKS = 100  # a sandbox choice
USER_EVENT_NAMES = frozenset(
    {
        "alarm_grace_period_expired",
        "alarm_heard",
        "alarm_silenced",
        "avg_sound_high",
        "battery_empty",
        "battery_low",
        "device_offline",
        "device_online",
        "disturbance_dismissed",
        "disturbance_ended",
        "disturbance_first_notice",
        "disturbance_second_notice",
        "disturbance_snoozed",
        "disturbance_third_notice",
        "glassbreak",
        "humidity_dropped_normal",
        "humidity_high",
        "humidity_low",
        "humidity_risen_normal",
        "pir_motion",
        "short_button_press",
        "smoking_detection_smoking_detected",
        "sound_level_dropped_normal",
        "tamper",
        "tamper_mounted",
        "tamper_removed",
        "temperature_dropped_normal",
        "temperature_high",
        "temperature_low",
        "temperature_risen_normal",
    }
)


def webhook_routes(world: World) -> APIRouter:
    """Return the endpoints of webhooks."""
    router = APIRouter(prefix="/webhooks", redirect_slashes=False)
    hooks: dict[str, dict[str, Any]] = {}

    @router.post("")
    async def register(request: Request) -> Response:
        content = await json_object(request, "url", "events", "token")
        url, events = _checked_url(content.get("url")), _checked_events(content.get("events"))
        if "token" in content:
            checked_text("token", content["token"])
        if len(hooks) >= MAX_HOOKS:
            raise RefusedError(400, f"There are {MAX_HOOKS} webhooks already")
        hook_id = secrets.token_hex(12)
        hooks[hook_id] = {
            "hook_id": hook_id,
            "created_at": to_iso(world.now()),
            "url": url,
            "events": events,
            "token": "token" in content,
        }
        return JSONResponse(hooks[hook_id] | {"hook_secret": secrets.token_hex(20)})

    @router.get("")
    async def registered() -> Response:
        return JSONResponse({"hooks": list(hooks.values())})

    @router.delete("/{hook_id}", status_code=204)
    async def delete(hook_id: str) -> None:
        if hooks.pop(hook_id, None) is None:
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
        raise invalid("events", "a list that is not empty")
    if "*" in value and len(value) > 1:
        raise RefusedError(400, "wildcard events can only be used with a single event")
    for name in value:
        if name != "*" and (not isinstance(name, str) or name not in USER_EVENT_NAMES):
            raise RefusedError(400, f"events: there is no {name!r}")
    return value
