"""The check-ins of the devices: a pure function of seed, device, offline periods and time."""

from __future__ import annotations

from typing import NamedTuple

from airflow_provider_minut.sandbox.simulation.fleet import Fleet
from airflow_provider_minut.sandbox.simulation.randomness import draw
from airflow_provider_minut.sandbox.simulation.timestamps import DAY, HOUR, SECOND

SILENT_SINCE = 3 * DAY  # before the sandbox started


class Outage(NamedTuple):
    """An offline period of a device.

    :param time: the period, in milliseconds since the epoch.
    :param measures: whether the device measures meanwhile.
    """

    time: range
    measures: bool


class CheckIns:
    """The hourly check-ins of all devices, each device at its own minute and second.

    :param seed: random seed of the minutes and seconds, and of the missed check-ins.
    :param fleet: the fleet, including which devices are silent.
    :param missed_share: share of check-ins that fail, below 1; their data arrives with the next one.
    :param started: start time of the sandbox, in milliseconds since the epoch.
    """

    def __init__(self, seed: int, fleet: Fleet, missed_share: float, started: int) -> None:
        self._seed = seed
        self._fleet = fleet
        self._missed_share = missed_share
        self._started = started
        self._outages: dict[int, tuple[Outage, ...]] = {}  # by device, oldest first

    def add_outage(self, device: int, outage: Outage) -> None:
        """Add a period in which a device does not check in; it may be in the past."""
        outages = (*self.outages(device), outage)
        self._outages[device] = tuple(sorted(outages, key=lambda known: known.time.start))

    def outages(self, device: int) -> tuple[Outage, ...]:
        """Return the offline periods of a device, oldest first."""
        return self._outages.get(device, ())

    def last(self, device: int, now: int) -> int:
        """Return the time of the device's last check-in, in milliseconds since the epoch."""
        if self._fleet.is_silent(device):
            now = min(now, self._started - SILENT_SINCE)
        beat = self._next_beat(device, now) - 1
        while self._is_missed(device, beat):
            beat -= 1
        return self._time(device, beat)

    def next(self, device: int, time_ms: int) -> int:
        """Return the time of the first check-in after ``time_ms``, in milliseconds since the epoch."""
        beat = self._next_beat(device, time_ms)
        while self._is_missed(device, beat):
            beat += 1
        return self._time(device, beat)

    def following(self, device: int, now: int) -> int:
        """Return the scheduled time of the device's next check-in, in milliseconds since the epoch."""
        return self._time(device, self._next_beat(device, now))

    def is_offline(self, device: int, now: int) -> bool:
        """Return whether a device is silent, or has not checked in since an offline period."""
        if self._fleet.is_silent(device):
            return True
        if not self.outages(device):
            return False
        missed = range(self._next_beat(device, self.last(device, now)), self._next_beat(device, now))
        return any(self._is_in_outage(device, beat) for beat in missed)

    def _is_missed(self, device: int, beat: int) -> bool:
        if device in self._outages and self._is_in_outage(device, beat):
            return True
        return draw(self._seed, "beat", device, beat) < self._missed_share

    def _is_in_outage(self, device: int, beat: int) -> bool:
        time_ms = self._time(device, beat)
        return any(time_ms in outage.time for outage in self._outages[device])

    def _next_beat(self, device: int, now: int) -> int:
        return (now - self._offset(device)) // HOUR + 1

    def _time(self, device: int, beat: int) -> int:
        return beat * HOUR + self._offset(device)

    def _offset(self, device: int) -> int:
        return int(3600 * draw(self._seed, "beat of", device)) * SECOND
