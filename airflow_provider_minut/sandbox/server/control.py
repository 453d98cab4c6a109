"""Events emitted on request: the endpoint, and the client that the command ``emit`` uses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow_provider_minut.sandbox.server.errors import RejectedError, invalid
from airflow_provider_minut.sandbox.server.validation import json_object
from airflow_provider_minut.sandbox.simulation.catalog import USER_EVENT_NAMES

if TYPE_CHECKING:
    from fastapi import Request

    from airflow_provider_minut.sandbox.server.state import SandboxState

EVENT_TYPES = sorted({*USER_EVENT_NAMES, "noise_detected", "noise_quieted"})
_FIELDS = ("type", "home_id", "device_id", "late", "copies", "delay", "signed")


def check_event_type(event_type: Any) -> None:
    """Check that an event type is known.

    :raises ValueError: if it is not.
    """
    if event_type not in EVENT_TYPES:
        text = f"event_type: must be one of {', '.join(EVENT_TYPES)}"
        raise ValueError(text)


async def emit_event(state: SandboxState, request: Request) -> dict[str, Any]:
    """Emit the event that the body of ``POST /_sandbox/events`` describes."""
    body = await json_object(request, *_FIELDS)
    try:
        check_event_type(body.get("type"))
    except ValueError as error:
        raise RejectedError(400, str(error)) from None
    home = state.world.fleet.home_number(str(body.get("home_id")))
    if home is None:
        raise invalid("home_id", "the ID of a home; GET /homes lists them")
    late, delay, copies = body.get("late", 0), body.get("delay", 0), body.get("copies", 1)
    for field, value in (("late", late), ("delay", delay)):
        if not isinstance(value, int | float) or value < 0:
            raise invalid(field, "a number of seconds")
    if not isinstance(copies, int) or not 1 <= copies <= 100:
        raise invalid("copies", "a number from 1 to 100")
    time_ms = state.world.now() - int(late * 1000)
    event = state.world.emit(home, time_ms, body["type"], body.get("device_id"))
    signed = body.get("signed", True) is not False
    count = state.deliveries.announce(event, copies=copies, delay=delay, signed=signed)
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
