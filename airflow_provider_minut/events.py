"""Minut's events in Airflow: payloads and asset URIs, the same for webhooks and polls.

These are user events. Home events have other names; that ``noise_detected`` occurs with
``disturbance_first_notice`` is inferred from the names. Noise becomes an event only after it has lasted for
the configured time, 5 to 15 minutes (help centre of Minut).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, TypedDict

from airflow_provider_minut.api.times import parse_time, to_text
from airflow_provider_minut.api.values import id_of

SCHEME = "minut"
MAX_CLOCK_SKEW = timedelta(minutes=5)  # between the clocks of Minut and of the database
_NAME = "[A-Za-z0-9_.-]+"
EVENT_PATH = re.compile(rf"events/{_NAME}|homes/{_NAME}/events/{_NAME}")
ACCEPTED_URIS = "minut://events/{event_type} or minut://homes/{home_id}/events/{event_type}"


class EventPayload(TypedDict):
    """An event. ``home_id`` and ``device_id`` are ``None`` if it has no home or no device."""

    event_id: str
    event_type: str
    event_time: str
    """When the event occurred, ISO 8601 in UTC; late uploads keep the original time."""
    home_id: str | None
    device_id: str | None
    via: str
    """``webhook`` or ``poll``."""
    redelivered: bool
    """Whether an asset event with the same ``event_id`` may already exist."""
    event: dict[str, Any]
    """The event as Minut sent it; fields depend on the type."""


def event_uri(event_type: str, home_id: str | None = None) -> str:
    """Return the asset URI of an event type, for all homes or for one.

    :param event_type: Name of a *user* event, like ``disturbance_first_notice``.
    :param home_id: ID of a home; all homes if not given.
    :raises ValueError: if one of them contains characters other than letters, digits and ``_.-``.
    """
    path = f"homes/{home_id}/events/{event_type}" if home_id else f"events/{event_type}"
    if not EVENT_PATH.fullmatch(path):
        raise ValueError(f"{path!r} is not an asset of Minut events; accepted: {ACCEPTED_URIS}")
    return f"{SCHEME}://{path}"


def event_uris(payload: EventPayload) -> list[str]:
    """Return the URIs of the assets of an event; if it has a home, the asset of the home first."""
    homes = [payload["home_id"], None] if payload["home_id"] else [None]
    return [event_uri(payload["event_type"], home_id) for home_id in homes]


def event_payload(event: Mapping[str, Any], *, via: str, redelivered: bool = False) -> EventPayload:
    """Return the payload of a user event.

    :param event: Event as Minut sent it, with ``id``, ``type`` and ``created_at``. An ID that is a number
        becomes text.
    :param via: ``webhook`` or ``poll``.
    :param redelivered: Whether an asset event with the same ID may already exist.
    :raises ValueError: if one of these fields or the home ID is invalid; the message names the field.
    """
    event_id, home_id = id_of(event.get("id")), id_of(event.get("home_id"))
    if event_id is None:
        raise ValueError(f"id: must be a non-empty string, not {type(event.get('id')).__name__}")
    event_type = event.get("type")
    if not isinstance(event_type, str) or not event_type:
        raise ValueError(f"type: must be a non-empty string, not {type(event_type).__name__}")
    for field, name in (("type", event_type), ("home_id", home_id or "-")):
        if not re.fullmatch(_NAME, name):
            raise ValueError(f"{field}: must be letters, digits and _.-")
    event_time = parse_time(event.get("created_at"))
    if event_time is None:
        raise ValueError("created_at: must be a time, in ISO 8601 or as seconds since the epoch")
    return {
        "event_id": event_id,
        "event_type": event_type,
        "event_time": to_text(event_time),
        "home_id": home_id,
        "device_id": id_of(event.get("device_id")),
        "via": via,
        "redelivered": redelivered,
        "event": dict(event),
    }


def asset_payload(events: Sequence[EventPayload]) -> dict[str, list[EventPayload]]:
    """Return the ``extra["payload"]`` of an asset event: one event, or several that arrived together.

    Before Airflow 3.4, the later of several asset events may wait for a run that only another event
    triggers (apache/airflow issue 56050). Events that arrive together are therefore one asset event.
    """
    return {"events": list(events)}


def events_in(extra: Any) -> list[EventPayload]:
    """Return the events in the ``extra`` of an asset event; an empty list if it has none."""
    payload = extra.get("payload") if isinstance(extra, dict) else None
    events = payload.get("events") if isinstance(payload, dict) else None
    if not isinstance(events, list):
        return []
    stored: list[EventPayload] = events  # by this provider
    return [event for event in stored if isinstance(event, dict) and "event_id" in event]
