"""Assets of Minut's events to schedule DAGs on, and the events that triggered a run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_minut.api.settings import DEFAULT_BASE_URL
from airflow_provider_minut.events import (
    ACCEPTED_URIS,
    EVENT_PATH,
    MAX_CLOCK_SKEW,
    EventPayload,
    event_uri,
    events_in,
)
from airflow_provider_minut.extraction.datasets import DATASETS
from airflow_provider_minut.utils.openlineage import namespace_of

if TYPE_CHECKING:
    from urllib.parse import SplitResult

    from airflow.providers.common.compat.openlineage.facet import Dataset as OpenLineageDataset
    from airflow.sdk import Asset, Context

_DATASET_PATHS = {f"datasets/{name}" for name in DATASETS}  # only in lineage


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """Check an asset's URI, for Airflow (``asset-uris`` in the provider info).

    :raises ValueError: if this provider emits no events for the URI.
    """
    path = uri.netloc + uri.path
    if not (EVENT_PATH.fullmatch(path) or path in _DATASET_PATHS) or uri.query or uri.fragment:
        raise ValueError(f"{uri.geturl()!r} is not an asset of Minut events; accepted: {ACCEPTED_URIS}")
    return uri


def convert_asset_to_openlineage(asset: Asset, lineage_context: Any) -> OpenLineageDataset:
    """Return the OpenLineage dataset of an asset, for Airflow (``asset-uris`` in the provider info).

    :param asset: Asset with a URI that :func:`~airflow_provider_minut.assets.minut.sanitize_uri` accepts.
    :param lineage_context: Ignored.
    """
    from airflow.providers.common.compat.openlineage.facet import Dataset as OpenLineageDataset

    uri = urlsplit(asset.uri)
    path = f"{uri.netloc}{uri.path}".removeprefix("datasets/")
    return OpenLineageDataset(namespace=namespace_of(DEFAULT_BASE_URL), name=path)


def watched_event(
    event_type: str, home_id: str | None = None, *, minut_conn_id: str = "minut_default"
) -> Asset:
    """Return the asset of an event type, with a watcher that polls for its events in the triggerer.

    Polls ``GET /events``, which is not documented: its path was seen in public clients of v8, its response in
    v7. Use it where webhooks cannot be received; with both, the asset gets every event twice.

    :param event_type: Type of a *user* event, like ``disturbance_first_notice``. Home events, like
        ``noise_detected``, have other names.
    :param home_id: ID of a home, for its events only. Default: the events of all homes.
    :param minut_conn_id: ID of a connection of type ``minut``.
    :raises ValueError: if an argument has characters other than letters, digits and ``_.-``.
    """
    from airflow.sdk import Asset, AssetWatcher

    from airflow_provider_minut.triggers.events import MinutEventTrigger

    trigger = MinutEventTrigger(event_type, home_id, minut_conn_id)
    return Asset(
        event_uri(event_type, home_id), watchers=[AssetWatcher(name="minut_event_poll", trigger=trigger)]
    )


def triggering_events(context: Context) -> list[EventPayload]:
    """Return the Minut events that triggered the run, each once, oldest first.

    For tasks of DAGs scheduled on assets of Minut's events. Airflow starts one run for all events that
    arrive before it.

    :param context: Context of the task, as passed to ``execute`` or returned by ``get_current_context``.
    """
    found: dict[str, EventPayload] = {}
    redelivered: dict[tuple[str, str], list[tuple[datetime, EventPayload]]] = defaultdict(list)
    for asset_events in context["triggering_asset_events"].values():
        for asset_event in asset_events:
            asset = asset_event.asset
            for event in events_in(asset_event.extra):
                if event["redelivered"]:
                    redelivered[asset.name, asset.uri].append((asset_event.timestamp, event))
                else:
                    found[event["event_id"]] = event
    for (name, uri), repeats in redelivered.items():
        found |= {event["event_id"]: event for event in _not_emitted_before(name, uri, repeats)}
    return sorted(found.values(), key=lambda event: event["event_time"])


def _not_emitted_before(
    name: str, uri: str, repeats: Collection[tuple[datetime, EventPayload]]
) -> Iterator[EventPayload]:
    """Yield the redelivered events that no earlier asset event contains (Airflow 3.3 and later)."""
    from airflow.sdk.execution_time.context import InletEventsAccessor

    oldest = min(datetime.fromisoformat(event["event_time"]) for _, event in repeats)
    since = oldest - MAX_CLOCK_SKEW  # the asset event was stored after the event occurred
    first_emitted: dict[str, datetime] = {}
    for other in InletEventsAccessor(asset_name=name, asset_uri=uri).after(since.isoformat()):
        for event in events_in(other.extra):
            earlier = first_emitted.get(event["event_id"], other.timestamp)
            first_emitted[event["event_id"]] = min(earlier, other.timestamp)
    for timestamp, event in repeats:
        if first_emitted.get(event["event_id"], timestamp) >= timestamp:
            yield event
