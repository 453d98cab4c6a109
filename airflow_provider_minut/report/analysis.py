"""Converts data as returned by the API into the data of a report."""

from __future__ import annotations

import math
from bisect import bisect
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, time, tzinfo
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from airflow_provider_minut.exceptions import MinutConfigurationError
from airflow_provider_minut.report.model import (
    DeviceData,
    Hours,
    NoiseLimit,
    NoisePeriod,
    Period,
    Points,
    ReportData,
    usual_interval,
)

SENSORS = ("sound_level", "temperature", "humidity")
# A pause of more than this multiple of the usual interval is a gap; a single lost reading is not.
GAP_FACTOR = 2.5
MIN_GAP = 900.0  # seconds


def analyze(
    home: Mapping[str, Any],
    devices: Iterable[Mapping[str, Any]],
    readings: Iterable[Mapping[str, Any]],
    events: Iterable[Mapping[str, Any]],
    *,
    start_at: datetime,
    end_at: datetime,
) -> ReportData:
    """Return the data of a report. The arguments are those of ``noise_report``.

    :raises MinutConfigurationError: if a time has no time zone, or ``end_at`` is not after ``start_at``.
    """
    start, end = _timestamp(start_at, "start_at"), _timestamp(end_at, "end_at")
    if end <= start:
        raise MinutConfigurationError("end_at", "must be after start_at")
    all_devices = {str(device["device_id"]): device for device in devices}
    own = {key: device for key, device in all_devices.items() if _belongs_to(home, _home_of(device))}
    series = _series(readings, start, end)
    unlisted = {key for key, _ in series} - all_devices.keys()
    own |= {key: {"device_id": key} for key in sorted(unlisted)}
    intervals = {s: usual_interval([_valid(series.get((key, s), {})) for key in own]) for s in SENSORS}
    analyzed = [
        _device(device, {s: series.get((key, s), {}) for s in SENSORS}, intervals, (start, end))
        for key, device in own.items()
    ]
    zone, zone_name, problem = _zone(home.get("timezone"))
    return ReportData(
        home=str(home.get("name") or home["home_id"]),
        zone=zone,
        zone_name=zone_name,
        zone_problem=problem,
        start=start,
        end=end,
        devices=analyzed,
        noise_periods=_noise_periods(
            (event for event in events if _belongs_to(home, event.get("home_id"))),
            sorted(point for device in analyzed for point in device.points("sound_level")),
            (start, end),
        ),
    )


def _belongs_to(home: Mapping[str, Any], home_id: object) -> bool:
    return home_id is None or str(home_id) == str(home["home_id"])


def _home_of(device: Mapping[str, Any]) -> object:
    return device.get("home_id") if device.get("home") is None else device["home"]


def _setting(device: Mapping[str, Any], name: str, kind: type) -> Any:
    """Return settings of a device: documented at its top level; seen in its ``configuration``."""
    configuration = device.get("configuration")
    nested = configuration.get(name) if isinstance(configuration, Mapping) else None
    found = device.get(name) or nested
    return found if isinstance(found, kind) else kind()


def _timestamp(value: datetime, field: str) -> float:
    # Like api.times.check_aware, which this package does not import: the report is independent of the client.
    if value.tzinfo is None:
        raise MinutConfigurationError(field, "must have a time zone")
    return value.timestamp()


def _zone(name: object) -> tuple[tzinfo, str, str]:
    if not name:
        return UTC, "UTC", "The home has no time zone, so times are in UTC."
    try:
        return ZoneInfo(str(name)), str(name), ""
    except (KeyError, ValueError, OSError):  # OSError: a name like "Europe" is a directory
        return UTC, "UTC", f"The home's time zone “{name}” is unknown, so times are in UTC."


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (OverflowError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _series(
    readings: Iterable[Mapping[str, Any]], start: float, end: float
) -> dict[tuple[str, str], dict[float, float | None]]:
    """Group readings by device and sensor. Of several readings with the same time, the last is used."""
    series: dict[tuple[str, str], dict[float, float | None]] = defaultdict(dict)
    for reading in readings:
        sensor, read_at = reading.get("sensor"), reading.get("time")
        if sensor not in SENSORS or not isinstance(read_at, datetime):
            continue
        if start <= (at := _timestamp(read_at, "time")) < end:
            series[str(reading["device_id"]), sensor][at] = _number(reading.get("value"))
    return series


def _valid(values: Mapping[float, float | None]) -> Points:
    return sorted((t, v) for t, v in values.items() if v is not None)


def _device(
    device: Mapping[str, Any],
    series: Mapping[str, Mapping[float, float | None]],
    intervals: Mapping[str, float],
    period: Period,
) -> DeviceData:
    max_pause = {sensor: max(GAP_FACTOR * intervals[sensor], MIN_GAP) for sensor in SENSORS}
    hours = _hours(_setting(device, "quiet_hours", dict))
    times = [period[0], *(t for t, _ in _valid(series["sound_level"])), period[1]]
    return DeviceData(
        name=str(device.get("description") or device["device_id"]),
        limit=_limit(device, hours),
        quiet_hours=hours,
        lines={sensor: _lines(series[sensor], max_pause[sensor]) for sensor in SENSORS},
        gaps=[(a, b) for a, b in pairwise(times) if b - a > max_pause["sound_level"]],
    )


def _lines(values: Mapping[float, float | None], max_pause: float) -> list[Points]:
    """Split readings at gaps and at readings without a value, where a line would show unmeasured values."""
    lines: list[Points] = []
    previous = -math.inf
    for timestamp, value in sorted(values.items(), key=lambda item: item[0]):
        if value is None:
            previous = -math.inf
            continue
        if timestamp - previous > max_pause:
            lines.append([])
        lines[-1].append((timestamp, value))
        previous = timestamp
    return lines


def _limit(device: Mapping[str, Any], hours: Hours | None) -> NoiseLimit:
    levels: dict[str, list[float]] = defaultdict(list)
    for reaction in _setting(device, "reactions", list):
        if isinstance(reaction, Mapping) and (value := _number(reaction.get("value"))) is not None:
            levels[str(reaction.get("type"))].append(value)
    quiet = min(levels["sound_level_high_quiet_hours"], default=None) if hours else None
    hours = None if quiet is None else hours
    return NoiseLimit(day=min(levels["sound_level_high"], default=None), quiet=quiet, hours=hours)


def _hours(quiet_hours: Mapping[str, Any]) -> Hours | None:
    try:
        first, last = (time.fromisoformat(str(quiet_hours.get(key))) for key in ("start", "end"))
    except ValueError:
        return None
    return (first.replace(tzinfo=None), last.replace(tzinfo=None)) if quiet_hours.get("enabled") else None


def _noise_periods(events: Iterable[Mapping[str, Any]], levels: Points, period: Period) -> list[NoisePeriod]:
    """Pair events. Noise that is detected again before it was quieted is the same noise."""
    start, end = period
    ordered = sorted(
        (_timestamp(event["event_time"], "event_time"), str(event.get("event_type")))
        for event in events
        if isinstance(event.get("event_time"), datetime)
    )
    spans: list[Period] = []
    # If the first event is "quieted", the noise began before the events that were passed.
    since: float | None = -math.inf
    for timestamp, event_type in ordered:
        if event_type == "noise_detected" and since in {None, -math.inf}:
            since = timestamp
        elif event_type == "noise_quieted" and since is not None:
            spans.append((since, timestamp))
            since = None
    if since not in {None, -math.inf}:
        spans.append((since, math.inf))
    return [
        NoisePeriod(
            start=max(a, start),
            end=min(b, end),
            before=a < start,
            ongoing=b > end,
            loudest=max(
                (v for _, v in levels[bisect(levels, (a,)) : bisect(levels, (b, math.inf))]), default=None
            ),
        )
        for a, b in spans
        if a < end and b > start
    ]
