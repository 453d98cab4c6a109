"""What the devices measure, once a minute: a pure function of seed, device and time."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from airflow_provider_minut.sandbox.simulation.fleet import Fleet, local_time
from airflow_provider_minut.sandbox.simulation.noise import NoiseSchedule
from airflow_provider_minut.sandbox.simulation.randomness import draw
from airflow_provider_minut.sandbox.simulation.timestamps import DAY, HISTORY_START, HOUR, MINUTE, to_iso

_YEAR = 365 * DAY
_LOUDEST_OTHERWISE = 65  # dB(A), outside a noisy period

UNITS = {
    "sound_level": "dB(A)",
    "temperature": "celsius",
    "humidity": "% rH",
    "motion_events": "",
    "pressure": "hPa",
    "battery": "V",
}
"""The sensors that have a history, and the units of their values."""


@dataclass(frozen=True)
class HistoryQuery:
    """Which history is asked for.

    :param start: its first moment, in milliseconds since the epoch.
    :param end: the moment after its last.
    :param resolution: milliseconds of each bucket.
    :param null_fill: whether buckets without a measurement are there, too.
    :param min_max: whether each bucket tells the least and the greatest value measured in it.
    """

    start: int
    end: int
    resolution: int
    null_fill: bool = False
    min_max: bool = False


class Readings:
    """The values of all sensors, at moments in milliseconds since the epoch.

    :param seed: what the noise on top of the daily rhythm depends on.
    :param fleet: knows in which home a device is.
    :param schedule: when it is noisy there.
    """

    def __init__(self, seed: int, fleet: Fleet, schedule: NoiseSchedule) -> None:
        self._seed = seed
        self._fleet = fleet
        self._schedule = schedule
        self._sensors: dict[str, Callable[[int, int], float]] = {
            "sound_level": self.sound,
            "temperature": self.temperature,
            "humidity": self.humidity,
            "motion_events": self.motion,
            "pressure": self.pressure,
            "battery": self.battery,
        }

    def sound(self, device: int, moment: int) -> float:
        """Return the sound level in dB(A): above 75 in a noisy period of its home, below 70 otherwise."""
        home = self._fleet.home_of(device)
        noise = self._noise("sound", device, moment)
        period = self._schedule.period_in(home, self._schedule.slot_at(moment))
        if period and period.start <= moment < period.end:
            return _rounded(period.level + 3 * noise - 1.5, 4)
        return _rounded(min(34 + 14 * self._day(device, moment) + 8 * noise, _LOUDEST_OTHERWISE), 4)

    def temperature(self, device: int, moment: int) -> float:
        """Return the temperature in degrees Celsius."""
        own = 2 * draw(self._seed, "temperature of", device)
        noise = self._noise("temperature", device, moment)
        return _rounded(19.5 + own + 2 * self._day(device, moment) + 0.3 * noise, 16)

    def humidity(self, device: int, moment: int) -> float:
        """Return the relative humidity in percent."""
        return _rounded(48 - 8 * self._day(device, moment) + 2 * self._noise("humidity", device, moment), 2)

    def motion(self, device: int, moment: int) -> float:
        """Return how often there was motion in this minute."""
        busy = self._noise("motion", device, moment) * self._day(device, moment)
        return int(4 * busy)

    def pressure(self, device: int, moment: int) -> float:
        """Return the air pressure in hPa; it is the same weather in the whole fleet."""
        weather = 12 * math.sin(moment / (9 * DAY) * math.tau) + 5 * math.sin(moment / (3.7 * DAY) * math.tau)
        return _rounded(1013 + weather + 0.5 * self._noise("pressure", device, moment), 4)

    def battery(self, device: int, moment: int) -> float:
        """Return the voltage of the battery, which lasts a year."""
        return _rounded(3 - 0.6 * self._used(device, moment), 128)

    def battery_percent(self, device: int, moment: int) -> int:
        """Return what is left in the battery."""
        return 100 - int(100 * self._used(device, moment))

    def history(self, sensor: str, device: int, span: HistoryQuery, heard: int) -> list[dict[str, Any]]:
        """Return the buckets of a span, oldest first, as the API shows them.

        :param sensor: a key of :data:`UNITS`.
        :param heard: when the device checked in last; later measurements are not known yet.
        :raises KeyError: there is no such sensor.
        """
        measure = self._sensors[sensor]
        buckets: list[dict[str, Any]] = []
        first = -(-span.start // span.resolution) * span.resolution
        for begin in range(first, span.end, span.resolution):
            minutes = range(
                -(-max(begin, HISTORY_START) // MINUTE) * MINUTE,
                min(begin + span.resolution, heard + 1),
                MINUTE,
            )
            if not minutes and not span.null_fill:
                continue
            values = [measure(device, minute) for minute in minutes]
            bucket: dict[str, Any] = {"datetime": to_iso(begin), "value": None}
            if values:
                total = sum(values)
                bucket["value"] = total if sensor == "motion_events" else round(total / len(values), 4)
            if span.min_max:
                bucket |= {"min": min(values, default=None), "max": max(values, default=None)}
            buckets.append(bucket)
        return buckets

    def _noise(self, sensor: str, device: int, moment: int) -> float:
        return draw(self._seed, sensor, device, moment // MINUTE)

    def _day(self, device: int, moment: int) -> float:
        """Return 0 for four in the morning where the device is, 1 for four in the afternoon."""
        time = local_time(self._fleet.home_of(device), moment)
        return 0.5 - 0.5 * math.cos((time - 4 * HOUR) / DAY * math.tau)

    def _used(self, device: int, moment: int) -> float:
        return (moment / _YEAR + draw(self._seed, "battery of", device)) % 1


def _rounded(value: float, parts: int) -> float:
    """Return ``value`` in whole steps of 1/``parts``, as a sensor has them."""
    return round(value * parts) / parts
