"""Events emitted on request: the endpoint, and the client that the command ``emit`` uses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fastapi import HTTPException
from pydantic import Field

from airflow_provider_minut.sandbox.server.validation import JsonObject

if TYPE_CHECKING:
    from fastapi import Request

    from airflow_provider_minut.sandbox.server.state import SandboxState


class NewEvent(JsonObject):
    """The body of ``POST /_sandbox/events``."""

    type: str
    home_id: str
    device_id: str | None = None
    late: float = Field(0, ge=0)
    copies: int = Field(1, ge=1, le=100)
    delay: float = Field(0, ge=0)
    signed: bool = True


async def emit_event(state: SandboxState, request: Request) -> dict[str, Any]:
    """Emit the event that the body of ``POST /_sandbox/events`` describes."""
    new = await NewEvent.read(request)
    time_ms = state.world.now() - int(new.late * 1000)
    try:
        event = state.world.emit(new.home_id, time_ms, new.type, new.device_id)
    except ValueError as error:
        raise HTTPException(400, str(error)) from None
    count = state.deliveries.announce(event, copies=new.copies, delay=new.delay, signed=new.signed)
    return {"event": event, "webhooks": count}


def request_event(url: str, body: dict[str, Any]) -> tuple[int, str]:
    """Request an event from a running sandbox; return the exit code of the command and its output.

    :param url: URL of the sandbox, without a path.
    :param body: body of ``POST /_sandbox/events``.
    """
    import requests

    try:
        response = requests.post(f"{url}/_sandbox/events", json=body, timeout=30)
        content = response.json()
    except (requests.RequestException, json.JSONDecodeError) as error:
        kind = type(error).__name__
        return 1, f"No sandbox is running at {url} ({kind}); start it with minut-sandbox, or set --url."
    if not response.ok:
        return 2, content.get("message", str(content))
    event, count = content["event"], content["webhooks"]
    note = "" if count else " Register one with POST /webhooks or MinutCreateWebhookOperator."
    emitted = f"{event['type']} {event['id']} in home {event['home_id']}"
    return 0, f"{emitted}; sent to {count} webhook{'s' * (count != 1)}.{note}"
