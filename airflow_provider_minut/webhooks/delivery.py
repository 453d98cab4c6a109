"""What a delivery says, once its signature was found to be right."""

from __future__ import annotations

import hmac
import json
import re
from typing import Any

from airflow_provider_minut.events import EventPayload, event_payload
from airflow_provider_minut.webhooks.registration import RegisteredWebhook

_ID = re.compile(r"[A-Za-z0-9_.:-]{1,200}")


class ForeignDeliveryError(Exception):
    """A delivery that was signed for this webhook but says that it belongs to another."""


def read_delivery(webhook: RegisteredWebhook, body: bytes) -> EventPayload:
    """Return the event of a delivery.

    Clients of v5 and v8 found the event in an envelope with ``hook_id``; the documentation lists the
    event's fields only. Both are read.

    :param webhook: to which it was sent.
    :param body: as it came, signed.
    :raises ForeignDeliveryError: another ``hook_id`` or ``token`` came with it.
    :raises ValueError: it is no event; the error names the field, and no value.
    """
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        content = None
    envelope = content if isinstance(content, dict) else {}
    event = envelope.get("event", envelope)
    if not isinstance(event, dict) or not event:
        raise ValueError("body: must be a JSON object that is an event, or has one as event")
    _check_token(webhook.hook_id, envelope.get("hook_id", event.get("hook_id")))
    if webhook.token:
        _check_token(webhook.token, envelope.get("token", event.get("token")))
    payload = event_payload({name: value for name, value in event.items() if name != "token"}, via="webhook")
    if not _ID.fullmatch(payload["event_id"]):
        raise ValueError("id: must be 1 to 200 letters, digits or _.:-")
    return payload


def _check_token(expected: str, given: Any) -> None:
    """Check what came back; it may come in a place that is not known, so none is good too."""
    if given is None:
        return
    echo = given.encode(errors="replace") if isinstance(given, str) else b""
    if not hmac.compare_digest(expected.encode(), echo):
        raise ForeignDeliveryError
