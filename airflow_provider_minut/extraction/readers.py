"""The readers of the datasets: each yields the rows that the selection of an extraction asks for."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_minut.api.models import last_heard
from airflow_provider_minut.api.values import checked_id
from airflow_provider_minut.exceptions import MinutConfigurationError
from airflow_provider_minut.extraction.extractor import Extractor, Part, Row, count_of
from airflow_provider_minut.extraction.progress import first_gap, read_from

if TYPE_CHECKING:
    from airflow_provider_minut.api.client import MinutClient


def read_homes(extractor: Extractor) -> Iterator[Any]:
    """Yield the homes."""
    yield from _selected(extractor, extractor.client.iter_homes(), "home_id", extractor.selection.home_ids)


def read_devices(extractor: Extractor) -> Iterator[Any]:
    """Yield the devices, with columns for what is nested in them."""
    for device in _devices(extractor):
        nested = {
            "battery_percent": _nested(device, "battery", "percent"),
            "wlan_rssi": _nested(device, "wlan", "rssi"),
            "firmware_installed": _nested(device, "firmware", "installed"),
        }
        yield device | {column: value for column, value in nested.items() if value is not None}


def read_latest(extractor: Extractor) -> Iterator[Row]:
    """Yield the latest value of each sensor, device by device."""
    for device in _devices(extractor):
        latest = device.get("latest_sensor_values")
        for sensor, sent in sorted(latest.items()) if isinstance(latest, dict) else ():
            # A value without a time has not been seen; it is not lost.
            fields = sent if isinstance(sent, dict) else {"value": sent}
            yield {**fields, "device_id": device["device_id"], "sensor": sensor}


def read_events(extractor: Extractor) -> Iterator[Any]:
    """Yield the home events, home by home, oldest first."""
    client, selection = extractor.client, extractor.selection
    for home_id in selection.home_ids:
        checked_id("home_ids", home_id)
    homes = sorted(selection.home_ids or (home["home_id"] for home in client.iter_homes()))
    extractor.log_plan(f"the events of {count_of(len(homes), 'home')}", len(homes), at_least=True)

    def events(home_id: str) -> Iterator[Row]:
        for part in client.iter_home_event_parts(
            home_id,
            start_at=selection.start_at,
            end_at=selection.end_at,
            event_types=selection.event_types,
        ):
            for event in _in_order(list(part)):
                event.setdefault("home_id", home_id)
                yield event

    yield from extractor.tolerant(homes, "homes", lambda home_id: [partial(events, home_id)], of=homes)


def read_readings(extractor: Extractor) -> Iterator[Row]:
    """Yield the readings, device by device, sensor by sensor, oldest first."""
    client, selection = extractor.client, extractor.selection
    for sensor in selection.sensors:
        checked_id("sensors", sensor)
    devices = _devices(extractor)
    heard = {
        Series(device["device_id"], sensor): last_heard(device)
        for device in devices
        for sensor in selection.sensors
    }
    extractor.series = list(heard)
    ranges = {
        series: time_range
        for series, last in heard.items()
        if (time_range := _range_of(extractor, series, last))
    }
    _log_readings_plan(extractor, len(devices), ranges)

    def windows(one: Series) -> Iterator[Part]:
        for since, until in _windows(client, ranges[one]):
            yield partial(readings, one, since, until)

    def readings(one: Series, since: datetime, until: datetime) -> Iterator[Row]:
        for reading in client.iter_readings(
            one.device_id,
            one.sensor,
            start_at=since,
            end_at=until,
            time_resolution=selection.time_resolution,
            include_min_max=selection.include_min_max,
            null_fill=selection.null_fill,
        ):
            yield {"device_id": one.device_id, "sensor": one.sensor, **reading}

    yield from extractor.tolerant(ranges, "sensors", windows, of=list(heard))


class Series(NamedTuple):
    """The readings of one sensor of a device."""

    device_id: str
    sensor: str

    def __str__(self) -> str:
        return f"{self.device_id}/{self.sensor}"


def _range_of(
    extractor: Extractor, series: Series, heard: datetime | None
) -> tuple[datetime, datetime] | None:
    """Return the time range to read of a series; ``None`` if there can be nothing new.

    :param heard: When the device checked in last. It uploads only then (documented), so no reading after this
        time is missing.
    """
    selection, stored = extractor.selection, extractor.stored
    start, end = selection.readings_range
    may_be_new = heard is None or heard >= start
    if stored is None:
        return (start, end) if may_be_new else None
    complete = end if heard is None else min(end, selection.floor(heard))  # the interval after it is not
    if first_gap(stored.get(series), extractor.stored_since, selection.interval) < complete:
        begin = read_from(stored.get(series), extractor.stored_since, selection.interval)
        start = begin if selection.only_missing else min(begin, start)
    elif selection.only_missing or not may_be_new:
        return None
    # A response that ends before its range looks as if it were cut, and would cost another request.
    return start, min(end, complete + selection.interval)


def _log_readings_plan(
    extractor: Extractor, devices: int, ranges: Mapping[Series, tuple[datetime, datetime]]
) -> None:
    selected = len({series.device_id for series in ranges})
    target, skipped = f"the readings of {count_of(selected, 'device')}", devices - selected
    if skipped:
        reason = "nothing missing" if extractor.selection.only_missing else "not checked in"
        target += f" ({skipped} more {'have' if skipped > 1 else 'has'} {reason})"
    window = extractor.client.max_window
    extractor.log_plan(target, sum(math.ceil((end - start) / window) for start, end in ranges.values()))


def _windows(
    client: MinutClient, time_range: tuple[datetime, datetime]
) -> Iterator[tuple[datetime, datetime]]:
    """Yield the time ranges of the requests for a series; shorter ones once the API has rejected one."""
    start, end = time_range
    while start < end:
        until = start + min(client.max_window, end - start)
        yield start, until
        start = until


def _devices(extractor: Extractor) -> list[Any]:
    client, selection = extractor.client, extractor.selection
    devices = _selected(extractor, client.iter_devices(), "device_id", selection.device_ids)
    homes = selection.home_ids
    return [device for device in devices if not homes or device.get("home") in homes]


def _in_order(events: list[Any]) -> list[Any]:
    """Return events by time and ID; those whose time cannot be read are the last."""
    timed = [event for event in events if isinstance(event.get("event_time"), datetime)]
    timed.sort(key=itemgetter("event_time", "event_id"))
    if len(timed) == len(events):
        return timed
    others = [event for event in events if not isinstance(event.get("event_time"), datetime)]
    return timed + sorted(others, key=itemgetter("event_id"))


def _nested(device: Any, field: str, name: str) -> Any:
    """Return a field of an object in a device; a public client may have seen its value without the object."""
    found = device.get(field)
    return found.get(name) if isinstance(found, dict) else found


def _selected(extractor: Extractor, items: Iterable[Any], id_field: str, ids: Collection[str]) -> list[Any]:
    """Return the items with these IDs, or all if there are none; sorted by ID.

    :raises MinutConfigurationError: if none of the IDs belongs to the account.
    """
    found = sorted((item for item in items if not ids or item[id_field] in ids), key=itemgetter(id_field))
    missing = sorted(set(ids) - {item[id_field] for item in found})
    if missing and not found:
        raise MinutConfigurationError(f"{id_field}s", f"this account has no {', '.join(missing)}")
    for identity in missing:
        extractor.skip(identity, f"this account has no such {id_field}.")
    return found
