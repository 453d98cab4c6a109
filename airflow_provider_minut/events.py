"""Minut's events as Airflow knows them: one naming, whichever way an event comes in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, TypedDict

from airflow_provider_minut.api.times import from_text, to_text

SCHEME = "minut"
MAX_CLOCK_SKEW = timedelta(minutes=5)  # at most, between Minut's clock and the database's
_NAME = "[A-Za-z0-9_.-]+"
EVENT_PATH = re.compile(rf"events/{_NAME}|homes/{_NAME}/events/{_NAME}")
ACCEPTED_URIS = "minut://events/{event_type} or minut://homes/{home_id}/events/{event_type}"


class EventPayload(TypedDict):
    """What is known of one event. Without a home or a device, that is ``None``."""

    event_id: str
    event_type: str
    event_time: str
    """When it occurred, ISO 8601 in UTC; late uploads keep their time."""
    home_id: str | None
    device_id: str | None
    via: str
    """``webhook`` or ``poll``."""
    redelivered: bool
    """Whether an asset event with the same ``event_id`` may exist already."""
    event: dict[str, Any]
    """The event as Minut sent it; fields depend on the type."""


def event_uri(event_type: str, home_id: str | None = None) -> str:
    """Return the asset URI of a type of event, of all homes or of one.

    :param event_type: name of a *user* event, like ``disturbance_first_notice``.
    :param home_id: only this home's.
    :raises ValueError: one of them has other characters than letters, digits and ``_.-``.
    """
    path = f"homes/{home_id}/events/{event_type}" if home_id else f"events/{event_type}"
    if not EVENT_PATH.fullmatch(path):
        raise ValueError(f"{path!r} is no asset of Minut's events; accepted is {ACCEPTED_URIS}")
    return f"{SCHEME}://{path}"


def event_uris(payload: EventPayload) -> list[str]:
    """Return the URIs of the assets that an event belongs to; the home's is the first if it has one."""
    homes = [payload["home_id"], None] if payload["home_id"] else [None]
    return [event_uri(payload["event_type"], home_id) for home_id in homes]


def event_payload(event: Mapping[str, Any], *, via: str, redelivered: bool = False) -> EventPayload:
    """Return what an asset event says about a user event.

    :param event: as Minut sent it, with ``id``, ``type`` and ``created_at``.
    :param via: ``webhook`` or ``poll``.
    :param redelivered: whether an asset event of it may exist already.
    :raises ValueError: one of the three is missing, or is no text that can be used.
    """
    for field in ("id", "type", "created_at"):
        value = event.get(field)
        if not isinstance(value, str) or not value:
            raise ValueError(f"{field}: must be a text that is not empty, not {type(value).__name__}")
    home_id, device_id = event.get("home_id"), event.get("device_id")
    home_id = home_id if isinstance(home_id, str) and home_id else None
    for field, name in (("type", event["type"]), ("home_id", home_id or "-")):
        if not re.fullmatch(_NAME, name):
            raise ValueError(f"{field}: must be letters, digits and _.-")
    moment = from_text(event["created_at"])
    if moment is None:
        raise ValueError("created_at: must be a time in ISO 8601")
    return {
        "event_id": event["id"],
        "event_type": event["type"],
        "event_time": to_text(moment),
        "home_id": home_id,
        "device_id": device_id if isinstance(device_id, str) and device_id else None,
        "via": via,
        "redelivered": redelivered,
        "event": dict(event),
    }


def asset_payload(events: Sequence[EventPayload]) -> dict[str, list[EventPayload]]:
    """Return what an asset event holds as ``extra["payload"]``: one event, or what a poll found at once.

    Airflow before 3.4 may leave the later ones of several asset events to a run that only another event
    triggers (apache/airflow issue 56050); so what comes together is kept together.
    """
    return {"events": list(events)}


def events_in(extra: Any) -> list[EventPayload]:
    """Return the events in the ``extra`` of an asset event; none if it is about something else."""
    payload = extra.get("payload") if isinstance(extra, dict) else None
    events = payload.get("events") if isinstance(payload, dict) else None
    return [e for e in events if isinstance(e, dict) and "event_id" in e] if isinstance(events, list) else []  # type: ignore[misc]
