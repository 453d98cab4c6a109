"""Minut's events as Airflow assets: one naming, whichever way an event comes in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from urllib.parse import SplitResult

    from airflow.sdk import Asset, Context

SCHEME = "minut"
_NAME = "[A-Za-z0-9_.-]+"
_PATH = re.compile(rf"events/{_NAME}|homes/{_NAME}/events/{_NAME}")
_ACCEPTED = "minut://events/{event_type} or minut://homes/{home_id}/events/{event_type}"


class EventPayload(TypedDict):
    """What an asset event holds as ``extra["payload"]``. Without a home or a device, that is ``None``."""

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


def watched_event(
    event_type: str, home_id: str | None = None, *, minut_conn_id: str = "minut_default"
) -> Asset:
    """Return the asset of a type of event, with a watcher that polls for it in the triggerer.

    For where no webhook can be received; an asset that gets webhooks too would see events twice.

    :param event_type: name of a *user* event, like ``disturbance_first_notice``.
    :param home_id: only this home's; of all homes if not given.
    :param minut_conn_id: id of a connection of type ``minut``.
    :raises ValueError: one of them has other characters than letters, digits and ``_.-``.
    """
    from airflow.sdk import Asset, AssetWatcher

    from airflow_provider_minut.triggers.events import MinutEventTrigger

    trigger = MinutEventTrigger(event_type, home_id, minut_conn_id)
    return Asset(
        event_uri(event_type, home_id), watchers=[AssetWatcher(name="minut_event_poll", trigger=trigger)]
    )


def event_uris(payload: EventPayload) -> list[str]:
    """Return the URIs of the assets that an event belongs to; the home's is the first if it has one."""
    homes = [payload["home_id"], None] if payload["home_id"] else [None]
    return [event_uri(payload["event_type"], home_id) for home_id in homes]


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """Check an asset's URI, for Airflow (``asset-uris`` in the provider info).

    :raises ValueError: it is not the URI of an asset that anything here emits events for.
    """
    if not _PATH.fullmatch(uri.netloc + uri.path) or uri.query or uri.fragment:
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
    payload: EventPayload = {
        "event_id": event["id"],
        "event_type": event["type"],
        "event_time": event["created_at"],
        "home_id": home_id if isinstance(home_id, str) and home_id else None,
        "device_id": device_id if isinstance(device_id, str) and device_id else None,
        "via": via,
        "redelivered": redelivered,
        "event": dict(event),
    }
    event_uris(payload)
    return payload


def triggering_events(context: Context) -> list[EventPayload]:
    """Return the Minut events that triggered the run, each once, oldest first.

    For tasks of DAGs that are scheduled on assets of Minut's events. Several events may have come
    before Airflow started the run; then it is one run for all of them.

    :param context: the task's context, as ``execute`` or ``get_current_context`` has it.
    """
    payloads: dict[str, EventPayload] = {}
    for asset_events in context["triggering_asset_events"].values():
        for asset_event in asset_events:
            payload = _payload_of(asset_event)
            if payload and not (payload["redelivered"] and _is_repeated(asset_event, payload)):
                payloads[payload["event_id"]] = payload
    return sorted(payloads.values(), key=lambda payload: payload["event_time"])


def _payload_of(asset_event: Any) -> EventPayload | None:
    """Return what an asset event says about a Minut event; ``None`` if it is about something else."""
    payload = (asset_event.extra or {}).get("payload")
    return payload if isinstance(payload, dict) and "event_id" in payload else None  # type: ignore[return-value]


def _is_repeated(asset_event: Any, payload: EventPayload) -> bool:
    """Return whether an earlier asset event told of the same event. Only Airflow 3.3 and later redeliver."""
    from airflow.sdk.execution_time.context import InletEventsAccessor

    asset = asset_event.asset
    # It was stored after it occurred; an hour is for clocks that differ.
    since = datetime.fromisoformat(payload["event_time"]) - timedelta(hours=1)
    told = InletEventsAccessor(asset_name=asset.name, asset_uri=asset.uri).after(since.isoformat())
    before = (_payload_of(other) for other in told if other.timestamp < asset_event.timestamp)
    return any(other and other["event_id"] == payload["event_id"] for other in before)
