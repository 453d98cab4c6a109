"""What a report tells.

Moments are seconds since the epoch: differences are right on days with 23 or 25 hours, which those of
aware datetimes in one zone are not.
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
# Assumed where too few readings are there to tell what is usual.
DEFAULT_INTERVAL = 3600.0
# More rows than this in the heat map are no longer looked at one by one.
MAX_DAY_ROWS = 62

Points = list[tuple[float, float]]
Period = tuple[float, float]
Hours = tuple[time, time]


@dataclass(frozen=True, kw_only=True)
class NoiseLimit:
    """From which level devices report noise, in dB; ``None`` if they do not.

    :param day: outside quiet hours, and in them if there is no ``quiet``.
    :param quiet: in quiet hours.
    :param hours: the quiet hours that ``quiet`` is for; ``None`` without it.
    """

    day: float | None
    quiet: float | None
    hours: Hours | None


@dataclass(frozen=True, kw_only=True)
class DeviceData:
    """A device and what it measured in the period.

    :param name: for people.
    :param limit: its limits.
    :param quiet_hours: in local time; they may span midnight.
    :param lines: by sensor, the readings between gaps.
    :param gaps: when it sent no sound level.
    """

    name: str
    limit: NoiseLimit
    quiet_hours: Hours | None
    lines: dict[str, list[Points]]
    gaps: list[Period]

    def points(self, sensor: str) -> Points:
        """Return all readings of a sensor, in order."""
        return [point for line in self.lines[sensor] for point in line]


@dataclass(frozen=True, kw_only=True)
class NoisePeriod:
    """Noise from when it was detected until it was quieted.

    :param start: when; the period's start if it began before.
    :param end: when; the period's end if it was still going on.
    :param before: whether it began before the period.
    :param ongoing: whether it went on at the period's end.
    :param loudest: the highest level meanwhile, in dB; ``None`` without a reading.
    """

    start: float
    end: float
    before: bool
    ongoing: bool
    loudest: float | None


@dataclass(frozen=True, kw_only=True)
class ReportData:
    """Everything a report tells.

    :param home: the home's name.
    :param zone: the time zone of all that is shown.
    :param zone_name: its name.
    :param zone_problem: why it is not the home's; empty if it is.
    :param start: where the period begins.
    :param end: where it ends.
    :param devices: the home's devices.
    :param noises: in order.
    """

    home: str
    zone: tzinfo
    zone_name: str
    zone_problem: str
    start: float
    end: float
    devices: list[DeviceData]
    noises: list[NoisePeriod]

    def local(self, moment: float) -> datetime:
        """Return a moment in the home's time zone."""
        return datetime.fromtimestamp(moment, self.zone)

    def moment(self, day: date, clock: time) -> float:
        """Return when a clock in the home shows that."""
        return datetime.combine(day, clock, self.zone).timestamp()

    @cached_property
    def days(self) -> list[date]:
        """The local dates that have a part in the period."""
        first, last = self.local(self.start).date(), self.local(self.end - 1e-3).date()
        return [first + timedelta(n) for n in range((last - first).days + 1)]

    @cached_property
    def days_in_row(self) -> int:
        """How many days are a row of the heat map."""
        return 1 if len(self.days) <= MAX_DAY_ROWS else 7

    @cached_property
    def is_long(self) -> bool:
        """Whether the period has two days or more, by the clock on the wall."""
        walls = [self.local(moment).replace(tzinfo=None) for moment in (self.start, self.end)]
        return walls[1] - walls[0] >= timedelta(2)

    @cached_property
    def limits(self) -> dict[NoiseLimit, list[int]]:
        """The limits that there are, each with the numbers of the devices that have it."""
        limits: dict[NoiseLimit, list[int]] = defaultdict(list)
        for number, device in enumerate(self.devices):
            if (device.limit.day, device.limit.quiet) != (None, None):
                limits[device.limit].append(number)
        return dict(limits)

    @cached_property
    def quiet_spans(self) -> list[Period]:
        """When at least one device has quiet hours, without overlaps."""
        spans: list[Period] = []
        for start, end in sorted({s for d in self.devices for s in self.quiet_spans_of(d.quiet_hours)}):
            if spans and start <= spans[-1][1]:
                spans[-1] = spans[-1][0], max(end, spans[-1][1])
            else:
                spans.append((start, end))
        return spans

    def quiet_spans_of(self, hours: Hours | None) -> list[Period]:
        """Return the quiet hours within the period."""
        if hours is None:
            return []
        first, last = hours
        spans = [
            (self.moment(day, first), self.moment(day + timedelta(last <= first), last))
            for day in (self.days[0] - timedelta(1), *self.days)
        ]
        clipped = [(max(a, self.start), min(b, self.end)) for a, b in spans]
        return [(a, b) for a, b in clipped if a < b]

    def values(self, sensor: str) -> list[float]:
        """Return what all devices measured."""
        return [value for device in self.devices for _, value in device.points(sensor)]

    @cached_property
    def loud_seconds(self) -> float:
        """How long there was noise in the period."""
        return sum(noise.end - noise.start for noise in self.noises)

    @cached_property
    def longest_noise(self) -> float:
        """The seconds of the noise that took longest, 0 without any."""
        return max((noise.end - noise.start for noise in self.noises), default=0.0)

    @cached_property
    def loudest(self) -> tuple[float, float, str] | None:
        """The highest sound level in dB, when (the first time), and the device."""
        found = [(-v, t, d.name) for d in self.devices for t, v in d.points("sound_level")]
        level, moment, name = min(found, default=(0.0, 0.0, ""))
        return (-level, moment, name) if found else None

    @cached_property
    def temperature(self) -> tuple[float, float, float] | None:
        """Average, lowest and highest temperature in °C."""
        values = self.values("temperature")
        return (fmean(values), min(values), max(values)) if values else None

    @cached_property
    def interval(self) -> float:
        """The usual seconds between two sound levels of a device."""
        return usual_interval([device.points("sound_level") for device in self.devices])


def usual_interval(series: Iterable[Points]) -> float:
    """Return the usual seconds between two readings of a device."""
    steps = [b - a for points in series for (a, _), (b, _) in pairwise(points)]
    return median(steps) if len(steps) >= 3 else DEFAULT_INTERVAL
