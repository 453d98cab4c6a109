"""Minut's events as Airflow knows them: one naming, whichever way an event comes in."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypedDict

from airflow_provider_minut.api.times import from_text, to_text

if TYPE_CHECKING:
    from urllib.parse import SplitResult

    from airflow_provider_minut.api.client import MinutClient

SCHEME = "minut"
CLOCK_DIFFERENCE = timedelta(minutes=5)  # at most, between Minut's clock and the database's
ENOUGH_OLD = 20  # events in a row
_NAME = "[A-Za-z0-9_.-]+"
_PATH = re.compile(rf"events/{_NAME}|homes/{_NAME}/events/{_NAME}")
_DATASET = re.compile("datasets/(homes|devices|events|readings)")  # only lineage has these
_ACCEPTED = "minut://events/{event_type} or minut://homes/{home_id}/events/{event_type}"


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
    if not _PATH.fullmatch(path):
        text = f"{path!r} is no asset of Minut's events; accepted is {_ACCEPTED}"
        raise ValueError(text)
    return f"{SCHEME}://{path}"


def event_uris(payload: EventPayload) -> list[str]:
    """Return the URIs of the assets that an event belongs to; the home's is the first if it has one."""
    homes = [payload["home_id"], None] if payload["home_id"] else [None]
    return [event_uri(payload["event_type"], home_id) for home_id in homes]


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """Check an asset's URI, for Airflow (``asset-uris`` in the provider info).

    :raises ValueError: it is not the URI of an asset that anything here emits events for.
    """
    path = uri.netloc + uri.path
    if not (_PATH.fullmatch(path) or _DATASET.fullmatch(path)) or uri.query or uri.fragment:
        text = f"{uri.geturl()!r} is no asset of Minut's events; accepted is {_ACCEPTED}"
        raise ValueError(text)
    return uri


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
            text = f"{field}: must be a text that is not empty, not {type(value).__name__}"
            raise ValueError(text)
    home_id, device_id = event.get("home_id"), event.get("device_id")
    home_id = home_id if isinstance(home_id, str) and home_id else None
    for field, name in (("type", event["type"]), ("home_id", home_id or "-")):
        if not re.fullmatch(_NAME, name):
            text = f"{field}: must be letters, digits and _.-"
            raise ValueError(text)
    moment = from_text(event["created_at"])
    if moment is None:
        text = "created_at: must be a time in ISO 8601"
        raise ValueError(text)
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


def events_of(extra: Any) -> list[EventPayload]:
    """Return the events in the ``extra`` of an asset event; none if it is about something else."""
    payload = extra.get("payload") if isinstance(extra, dict) else None
    events = payload.get("events") if isinstance(payload, dict) else None
    return [e for e in events if isinstance(e, dict) and "event_id" in e] if isinstance(events, list) else []  # type: ignore[misc]


def user_events_since(
    client: MinutClient, since: datetime, known: Container[str] = ()
) -> list[dict[str, Any]]:
    """Return the user events from a moment on, newest first, as Minut sent them (``GET /events``).

    The order of that list is not documented. It is about sorted, but a late upload may stand anywhere;
    so a few events that are too old, or known, do not end it.

    :param since: aware.
    :param known: ids of events to leave out.
    :raises MinutError: as :meth:`MinutClient.request`.
    """
    events: list[dict[str, Any]] = []
    in_a_row = 0
    for event in client.iter_user_events(order="desc"):
        moment = event.get("created_at")
        if isinstance(moment, datetime):
            in_a_row = in_a_row + 1 if moment < since or event.get("id") in known else 0
            if in_a_row > ENOUGH_OLD:
                break
            if in_a_row == 0:
                events.append({**event, "created_at": to_text(moment)})
    return events
