"""Events that happen because somebody wants them to, and the command that asks for them."""

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
    """Check that there are such events.

    :raises ValueError: there are none.
    """
    if event_type not in EVENT_TYPES:
        text = f"event_type: must be one of {', '.join(EVENT_TYPES)}"
        raise ValueError(text)


async def emitted(state: SandboxState, request: Request) -> dict[str, Any]:
    """Let an event happen as the request says: ``POST /_sandbox/events``."""
    asked = await json_object(request, *_FIELDS)
    try:
        check_event_type(asked.get("type"))
    except ValueError as error:
        raise RejectedError(400, str(error)) from None
    home = state.world.fleet.home_number(str(asked.get("home_id")))
    if home is None:
        raise invalid("home_id", "the id of a home; GET /homes lists them")
    late, delay, copies = asked.get("late", 0), asked.get("delay", 0), asked.get("copies", 1)
    for field, value in (("late", late), ("delay", delay)):
        if not isinstance(value, int | float) or value < 0:
            raise invalid(field, "a number of seconds")
    if not isinstance(copies, int) or not 1 <= copies <= 100:
        raise invalid("copies", "a number from 1 to 100")
    moment = state.world.now() - int(late * 1000)
    event = state.world.emit(home, moment, asked["type"], asked.get("device_id"))
    signed = asked.get("signed", True) is not False
    told = state.deliveries.announce(event, copies=copies, delay=delay, signed=signed)
    return {"event": event, "webhooks": told}


def ask_to_emit(url: str, body: dict[str, Any]) -> tuple[int, str]:
    """Ask a running sandbox for an event; return the command's exit code and what to print.

    :param url: of the sandbox, without a path.
    :param body: of ``POST /_sandbox/events``.
    """
    import requests

    try:
        reply = requests.post(f"{url}/_sandbox/events", json=body, timeout=30)
        answer = reply.json()
    except (requests.RequestException, json.JSONDecodeError) as error:
        kind = type(error).__name__
        return 1, f"There is no sandbox at {url} ({kind}); start it with minut-sandbox, or give its --url."
    if not reply.ok:
        return 2, answer.get("message", str(answer))
    event, told = answer["event"], answer["webhooks"]
    note = "" if told else " Register one for it: POST /webhooks, or MinutCreateWebhookOperator."
    what = f"{event['type']} {event['id']} in home {event['home_id']}"
    return 0, f"{what}; sent to {told} webhook{'s' * (told != 1)}.{note}"
