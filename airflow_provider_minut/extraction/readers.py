"""The readers of the datasets: each yields the rows that the selection of an extraction asks for."""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from airflow_provider_minut.api.models import last_heard
from airflow_provider_minut.exceptions import MinutConfigurationError, MinutNotFoundError
from airflow_provider_minut.extraction.extractor import Extractor, Row, count_of

log = logging.getLogger(__name__)


def read_homes(extractor: Extractor) -> Iterator[Any]:
    """Yield the homes."""
    yield from _selected(extractor.client.iter_homes(), "home_id", extractor.selection.home_ids)


def read_devices(extractor: Extractor) -> Iterator[Any]:
    """Yield the devices."""
    homes = extractor.selection.home_ids
    devices = _selected(extractor.client.iter_devices(), "device_id", extractor.selection.device_ids)
    yield from (device for device in devices if not homes or device.get("home") in homes)


def read_events(extractor: Extractor) -> Iterator[Any]:
    """Yield the home events, home by home, oldest first."""
    client, selection = extractor.client, extractor.selection
    homes = sorted(selection.home_ids or (home["home_id"] for home in client.iter_homes()))
    extractor.log_plan(f"the events of {count_of(len(homes), 'home')}", len(homes), at_least=True)
    for home_id in extractor.log_progress(homes, "homes"):
        parts = client.iter_home_event_parts(
            home_id,
            start_at=selection.start_at,
            end_at=selection.end_at,
            event_types=selection.event_types,
        )
        for part in parts:
            yield from sorted(
                part, key=lambda event: (str(event.get("event_time")), str(event.get("event_id")))
            )


def read_readings(extractor: Extractor) -> Iterator[Row]:
    """Yield the readings, device by device, sensor by sensor, oldest first."""
    client, selection = extractor.client, extractor.selection
    # Whole intervals only, so that an interval has the same time in every extraction. An incomplete
    # last interval is left to the next extraction.
    start = _floor(selection.start_at, selection.time_resolution)
    end = _floor(selection.end_at, selection.time_resolution)
    devices = list(read_devices(extractor))
    heard = [device for device in devices if _may_have_readings(device, selection.heard_since or start)]
    pairs = [(device["device_id"], sensor) for device in heard for sensor in selection.sensors]
    skipped = len(devices) - len(heard)
    target = f"the readings of {count_of(len(heard), 'device')}"
    target += f" ({skipped} more {'have' if skipped > 1 else 'has'} not checked in)" if skipped else ""
    extractor.log_plan(target, len(pairs) * math.ceil((end - start) / client.max_window))
    for device_id, sensor in extractor.log_progress(pairs, "sensors"):
        readings = client.iter_readings(
            device_id,
            sensor,
            start_at=start,
            end_at=end,
            time_resolution=selection.time_resolution,
            include_min_max=selection.include_min_max,
        )
        try:
            for reading in readings:
                yield {"device_id": device_id, "sensor": sensor, **reading}
        except MinutNotFoundError:
            log.warning("Device %s has no sensor %s (404); skipping it.", device_id, sensor)


def _selected(items: Iterable[Any], id_field: str, ids: Collection[str]) -> list[Any]:
    """Return the items with these IDs, or all if there are none; sorted by ID."""
    found = sorted((i for i in items if not ids or i[id_field] in ids), key=lambda item: str(item[id_field]))
    missing = set(ids) - {item[id_field] for item in found}
    if missing:
        raise MinutConfigurationError(f"{id_field}s", f"this account has no {', '.join(sorted(missing))}")
    return found


def _may_have_readings(device: Any, since: datetime) -> bool:
    """Return whether the device may have uploaded since; it uploads only when it checks in."""
    heard = last_heard(device)
    return heard is None or heard >= since


def _floor(time: datetime, seconds: int) -> datetime:
    return datetime.fromtimestamp(time.timestamp() // seconds * seconds, UTC)
