"""The data of a report.

Timestamps are seconds since the epoch: their differences are correct on days with 23 or 25 hours, unlike
those of aware datetimes in the same zone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from functools import cached_property
from itertools import pairwise
from statistics import fmean, median

DAY = 86400.0
# Used if there are too few readings to compute the usual interval.
DEFAULT_INTERVAL_SECONDS = 3600.0  # seconds
# With more rows than this, the rows of the heat map cannot be distinguished.
MAX_DAY_ROWS = 62

Points = list[tuple[float, float]]
Period = tuple[float, float]
Hours = tuple[time, time]


@dataclass(frozen=True, kw_only=True)
class NoiseLimit:
    """The level in dB from which a device reports noise; ``None`` if it does not report noise.

    :param day: level outside quiet hours, and during them if ``quiet`` is ``None``.
    :param quiet: level during quiet hours.
    :param hours: quiet hours in which ``quiet`` applies; ``None`` if ``quiet`` is ``None``.
    """

    day: float | None
    quiet: float | None
    hours: Hours | None


@dataclass(frozen=True, kw_only=True)
class DeviceData:
    """A device and what it measured in the period.

    :param name: display name.
    :param limit: its noise limit.
    :param quiet_hours: in local time; they may span midnight.
    :param lines: for each sensor, the readings between gaps.
    :param gaps: periods without sound levels.
    """

    name: str
    limit: NoiseLimit
    quiet_hours: Hours | None
    lines: dict[str, list[Points]]
    gaps: list[Period]

    def points(self, sensor: str) -> Points:
        """Return all readings of a sensor, in chronological order."""
        return [point for line in self.lines[sensor] for point in line]


@dataclass(frozen=True, kw_only=True)
class NoisePeriod:
    """Noise, from ``noise_detected`` to ``noise_quieted``.

    :param start: start of the noise; that of the report's period if the noise began earlier.
    :param end: end of the noise; that of the report's period if the noise was still ongoing.
    :param before: whether the noise began before the report's period.
    :param ongoing: whether the noise was ongoing at the end of the report's period.
    :param loudest: highest level during the noise, in dB; ``None`` without readings.
    """

    start: float
    end: float
    before: bool
    ongoing: bool
    loudest: float | None


@dataclass(frozen=True, kw_only=True)
class ReportData:
    """All data of a report.

    :param home: name of the home.
    :param zone: time zone of all times in the report.
    :param zone_name: name of ``zone``.
    :param zone_problem: why ``zone`` is not the home's time zone; empty if it is.
    :param start: start of the period.
    :param end: end of the period.
    :param devices: devices of the home.
    :param noise_periods: in chronological order.
    """

    home: str
    zone: tzinfo
    zone_name: str
    zone_problem: str
    start: float
    end: float
    devices: list[DeviceData]
    noise_periods: list[NoisePeriod]

    def local(self, timestamp: float) -> datetime:
        """Return a timestamp as local time."""
        return datetime.fromtimestamp(timestamp, self.zone)

    def timestamp(self, day: date, clock: time) -> float:
        """Return a local date and time as timestamp."""
        return datetime.combine(day, clock, self.zone).timestamp()

    @cached_property
    def days(self) -> list[date]:
        """The local dates that the period covers at least in part."""
        first, last = self.local(self.start).date(), self.local(self.end - 1e-3).date()
        return [first + timedelta(n) for n in range((last - first).days + 1)]

    @cached_property
    def days_in_row(self) -> int:
        """The number of days in a row of the heat map."""
        return 1 if len(self.days) <= MAX_DAY_ROWS else 7

    @cached_property
    def is_long(self) -> bool:
        """Whether the period has two days or more in local time, whatever their hours."""
        start, end = (self.local(timestamp).replace(tzinfo=None) for timestamp in (self.start, self.end))
        return end - start >= timedelta(2)

    @cached_property
    def limits(self) -> dict[NoiseLimit, list[int]]:
        """The distinct limits, each with the indexes of the devices that have it."""
        limits: dict[NoiseLimit, list[int]] = defaultdict(list)
        for index, device in enumerate(self.devices):
            if (device.limit.day, device.limit.quiet) != (None, None):
                limits[device.limit].append(index)
        return dict(limits)

    @cached_property
    def quiet_spans(self) -> list[Period]:
        """The periods in which at least one device has quiet hours, merged."""
        spans: list[Period] = []
        for start, end in sorted({s for d in self.devices for s in self.quiet_spans_of(d.quiet_hours)}):
            if spans and start <= spans[-1][1]:
                spans[-1] = spans[-1][0], max(end, spans[-1][1])
            else:
                spans.append((start, end))
        return spans

    def quiet_spans_of(self, hours: Hours | None) -> list[Period]:
        """Return the occurrences of quiet hours within the period."""
        if hours is None:
            return []
        first, last = hours
        spans = [
            (self.timestamp(day, first), self.timestamp(day + timedelta(last <= first), last))
            for day in (self.days[0] - timedelta(1), *self.days)
        ]
        clipped = [(max(a, self.start), min(b, self.end)) for a, b in spans]
        return [(a, b) for a, b in clipped if a < b]

    def values(self, sensor: str) -> list[float]:
        """Return the values of a sensor from all devices."""
        return [value for device in self.devices for _, value in device.points(sensor)]

    @cached_property
    def noise_seconds(self) -> float:
        """The total duration of noise in the period, in seconds."""
        return sum(noise.end - noise.start for noise in self.noise_periods)

    @cached_property
    def longest_noise(self) -> float:
        """The duration of the longest noise, in seconds; 0 without noise."""
        return max((noise.end - noise.start for noise in self.noise_periods), default=0.0)

    @cached_property
    def loudest(self) -> tuple[float, float, str] | None:
        """The highest sound level in dB, the timestamp of its first occurrence, and the device's name."""
        readings = [(-v, t, d.name) for d in self.devices for t, v in d.points("sound_level")]
        level, timestamp, name = min(readings, default=(0.0, 0.0, ""))
        return (-level, timestamp, name) if readings else None

    @cached_property
    def temperature(self) -> tuple[float, float, float] | None:
        """The average, lowest and highest temperature in °C."""
        values = self.values("temperature")
        return (fmean(values), min(values), max(values)) if values else None

    @cached_property
    def interval(self) -> float:
        """The usual seconds between two sound readings of a device."""
        return usual_interval([device.points("sound_level") for device in self.devices])


def usual_interval(series: Iterable[Points]) -> float:
    """Return the usual seconds between two readings of a device."""
    steps = [b - a for points in series for (a, _), (b, _) in pairwise(points)]
    return median(steps) if len(steps) >= 3 else DEFAULT_INTERVAL_SECONDS
