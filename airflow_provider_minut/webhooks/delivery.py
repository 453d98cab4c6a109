"""Parses deliveries after their signature has been verified."""

from __future__ import annotations

import hmac
import re
from typing import Any

from airflow_provider_minut.api import safe_json
from airflow_provider_minut.events import EventPayload, event_payload
from airflow_provider_minut.webhooks.registration import RegisteredWebhook

_ID = re.compile(r"[A-Za-z0-9_.:-]{1,200}")


class ForeignDeliveryError(Exception):
    """A delivery that is signed for this webhook, but contains the ``hook_id`` or ``token`` of another."""


def read_delivery(webhook: RegisteredWebhook, body: bytes) -> EventPayload:
    """Return the event of a delivery.

    Public clients (v1, v5, v8) find the event in an envelope with ``hook_id``; the documentation lists only
    the fields of the event. Both are accepted.

    :param webhook: Webhook to which it was sent.
    :param body: Raw body, with a valid signature.
    :raises ForeignDeliveryError: if it contains another ``hook_id`` or ``token``.
    :raises ValueError: if it is not a valid event; the message names the field, and contains no value.
    """
    try:
        content = safe_json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        content = None
    envelope = content if isinstance(content, dict) else {}
    event = envelope.get("event", envelope)
    if not isinstance(event, dict) or not event:
        raise ValueError("body: must be a JSON object: an event, or an envelope with the key event")
    _check_token(webhook.hook_id, envelope.get("hook_id", event.get("hook_id")))
    if webhook.token:
        _check_token(webhook.token, envelope.get("token", event.get("token")))
    payload = event_payload({name: value for name, value in event.items() if name != "token"}, via="webhook")
    if not _ID.fullmatch(payload["event_id"]):
        raise ValueError("id: must be 1 to 200 letters, digits or _.:-")
    return payload


def _check_token(expected: str, given: Any) -> None:
    """Verify a value that Minut echoes. Its place is not documented, so a missing value is accepted.

    A client of v1 found the token in the header ``Authorization``, which is not read.
    """
    if given is None:
        return
    echo = given.encode(errors="replace") if isinstance(given, str) else b""
    if not hmac.compare_digest(expected.encode(), echo):
        raise ForeignDeliveryError
