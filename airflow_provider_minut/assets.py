"""What DAGs need for Minut's events: assets to be scheduled on, and the events that triggered a run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_minut.events import CLOCK_DIFFERENCE, EventPayload, event_uri

if TYPE_CHECKING:
    from airflow.sdk import Asset, Context


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


def triggering_events(context: Context) -> list[EventPayload]:
    """Return the Minut events that triggered the run, each once, oldest first.

    For tasks of DAGs that are scheduled on assets of Minut's events. Several events may have come
    before Airflow started the run; then it is one run for all of them.

    :param context: the task's context, as ``execute`` or ``get_current_context`` has it.
    """
    found: dict[str, EventPayload] = {}
    doubtful: dict[tuple[str, str], list[tuple[datetime, EventPayload]]] = defaultdict(list)
    for asset_events in context["triggering_asset_events"].values():
        for asset_event in asset_events:
            payload = _payload_of(asset_event)
            if payload and payload["redelivered"]:
                asset = asset_event.asset
                doubtful[asset.name, asset.uri].append((asset_event.timestamp, payload))
            elif payload:
                found[payload["event_id"]] = payload
    for (name, uri), repeats in doubtful.items():
        found |= {payload["event_id"]: payload for payload in _not_told_before(name, uri, repeats)}
    return sorted(found.values(), key=lambda payload: payload["event_time"])


def _payload_of(asset_event: Any) -> EventPayload | None:
    """Return what an asset event says about a Minut event; ``None`` if it is about something else."""
    payload = (asset_event.extra or {}).get("payload")
    return payload if isinstance(payload, dict) and "event_id" in payload else None  # type: ignore[return-value]


def _not_told_before(
    name: str, uri: str, repeats: Collection[tuple[datetime, EventPayload]]
) -> Iterator[EventPayload]:
    """Yield those redelivered events that no earlier asset event told of (Airflow 3.3 and later)."""
    from airflow.sdk.execution_time.context import InletEventsAccessor

    oldest = min(datetime.fromisoformat(payload["event_time"]) for _, payload in repeats)
    first_told: dict[str, datetime] = {}
    for other in InletEventsAccessor(asset_name=name, asset_uri=uri).after(
        (oldest - CLOCK_DIFFERENCE).isoformat()  # it was stored after it occurred
    ):
        if payload := _payload_of(other):
            told = first_told.setdefault(payload["event_id"], other.timestamp)
            first_told[payload["event_id"]] = min(told, other.timestamp)
    for timestamp, payload in repeats:
        if first_told.get(payload["event_id"], timestamp) >= timestamp:
            yield payload
