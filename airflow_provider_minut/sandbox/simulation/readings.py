"""The readings of the devices, one per minute: a pure function of seed, device and time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_minut.sandbox.simulation.fleet import Fleet, local_time
from airflow_provider_minut.sandbox.simulation.noise import NoiseSchedule
from airflow_provider_minut.sandbox.simulation.randomness import draw
from airflow_provider_minut.sandbox.simulation.timestamps import DAY, HOUR, MINUTE

Bucket = tuple[int, dict[str, Any]]
"""The start of a bucket in milliseconds since the epoch, and its value, minimum and maximum by name."""
_YEAR = 365 * DAY
_MAX_QUIET_LEVEL = 65  # dB(A), outside a noisy period


@dataclass(frozen=True)
class HistoryQuery:
    """The query of a sensor history.

    :param start: start of the time range, inclusive, in milliseconds since the epoch.
    :param end: end of the time range, exclusive, in milliseconds since the epoch.
    :param resolution: length of a bucket, in milliseconds.
    :param null_fill: whether to include buckets without a measurement.
    :param min_max: whether to include the minimum and maximum of each bucket.
    """

    start: int
    end: int
    resolution: int
    null_fill: bool = False
    min_max: bool = False


class Readings:
    """The values of all sensors. Times are in milliseconds since the epoch.

    :param seed: random seed of the variation around the daily rhythm.
    :param fleet: the fleet, including the home of each device.
    :param schedule: noisy periods of the homes.
    """

    def __init__(self, seed: int, fleet: Fleet, schedule: NoiseSchedule) -> None:
        self._seed = seed
        self._fleet = fleet
        self._schedule = schedule

    def sound(self, device: int, time_ms: int) -> float:
        """Return the sound level in dB(A): above 75 in a noisy period of the home, below 70 otherwise."""
        home = self._fleet.home_of(device)
        variation = self._variation("sound", device, time_ms)
        period = self._schedule.period_in(home, self._schedule.slot_at(time_ms))
        if period and period.start <= time_ms < period.end:
            return _rounded(period.level + 3 * variation - 1.5, 4)
        return _rounded(min(34 + 14 * self._day(device, time_ms) + 8 * variation, _MAX_QUIET_LEVEL), 4)

    def temperature(self, device: int, time_ms: int) -> float:
        """Return the temperature in degrees Celsius."""
        base = 2 * draw(self._seed, "temperature of", device)
        variation = self._variation("temperature", device, time_ms)
        return _rounded(19.5 + base + 2 * self._day(device, time_ms) + 0.3 * variation, 16)

    def humidity(self, device: int, time_ms: int) -> float:
        """Return the relative humidity in percent."""
        variation = self._variation("humidity", device, time_ms)
        return _rounded(48 - 8 * self._day(device, time_ms) + 2 * variation, 2)

    def motion(self, device: int, time_ms: int) -> float:
        """Return the number of motion events in this minute."""
        busy = self._variation("motion", device, time_ms) * self._day(device, time_ms)
        return int(4 * busy)

    def pressure(self, device: int, time_ms: int) -> float:
        """Return the air pressure in hPa; the weather is the same for the whole fleet."""
        slow = math.sin(time_ms / (9 * DAY) * math.tau)
        fast = math.sin(time_ms / (3.7 * DAY) * math.tau)
        weather = 12 * slow + 5 * fast
        return _rounded(1013 + weather + 0.5 * self._variation("pressure", device, time_ms), 4)

    def battery(self, device: int, time_ms: int) -> float:
        """Return the voltage of the battery, which lasts for a year."""
        return _rounded(3 - 0.6 * self._used(device, time_ms), 128)

    def battery_percent(self, device: int, time_ms: int) -> int:
        """Return the remaining charge of the battery in percent."""
        return 100 - int(100 * self._used(device, time_ms))

    def history(
        self, sensor: str, device: int, query: HistoryQuery, uploaded: Sequence[range]
    ) -> list[Bucket]:
        """Return the buckets of a history, oldest first.

        :param sensor: a key of :data:`SENSORS`.
        :param device: number of the device.
        :param query: time range and format of the history.
        :param uploaded: periods whose measurements are included, in milliseconds since the epoch, in order
            and without overlap.
        :raises KeyError: if there is no such sensor.
        """
        _, measure = SENSORS[sensor]
        buckets: list[Bucket] = []
        periods = [period for period in uploaded if query.start < period.stop]
        first = -(-query.start // query.resolution) * query.resolution
        for begin in range(first, query.end, query.resolution):
            end = begin + query.resolution
            values = [
                measure(self, device, minute)
                for period in periods
                for minute in range(
                    -(-max(begin, period.start) // MINUTE) * MINUTE, min(end, period.stop), MINUTE
                )
            ]
            if not values and not query.null_fill:
                continue
            fields: dict[str, Any] = {"value": None}
            if values:
                total = sum(values)
                fields["value"] = total if sensor == "motion_events" else round(total / len(values), 4)
            if query.min_max:
                fields |= {"min": min(values, default=None), "max": max(values, default=None)}
            buckets.append((begin, fields))
        return buckets

    def _variation(self, sensor: str, device: int, time_ms: int) -> float:
        return draw(self._seed, sensor, device, time_ms // MINUTE)

    def _day(self, device: int, time_ms: int) -> float:
        """Return a daily rhythm: 0 at 04:00 local time of the device, 1 at 16:00."""
        local = local_time(self._fleet.home_of(device), time_ms)
        return 0.5 - 0.5 * math.cos((local - 4 * HOUR) / DAY * math.tau)

    def _used(self, device: int, time_ms: int) -> float:
        return (time_ms / _YEAR + draw(self._seed, "battery of", device)) % 1


def _rounded(value: float, parts: int) -> float:
    """Return ``value`` rounded to steps of 1/``parts``, like the resolution of a sensor."""
    return round(value * parts) / parts


SENSORS: dict[str, tuple[str, Callable[[Readings, int, int], float]]] = {
    "sound_level": ("dB(A)", Readings.sound),
    "temperature": ("celsius", Readings.temperature),
    "humidity": ("% rH", Readings.humidity),
    "motion_events": ("", Readings.motion),
    "pressure": ("hPa", Readings.pressure),
    "battery": ("V", Readings.battery),
}
"""The sensors with a history: the unit of their values, and how a value is computed."""
