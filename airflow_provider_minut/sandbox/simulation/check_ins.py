"""The check-ins of the devices: a pure function of seed, device and time."""

from __future__ import annotations

from airflow_provider_minut.sandbox.simulation.fleet import Fleet
from airflow_provider_minut.sandbox.simulation.randomness import draw
from airflow_provider_minut.sandbox.simulation.timestamps import DAY, HOUR, SECOND

SILENT_SINCE = 3 * DAY  # before the sandbox started


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

    def last(self, device: int, now: int) -> int:
        """Return the time of the device's last check-in, in milliseconds since the epoch."""
        if self._fleet.is_silent(device):
            now = min(now, self._started - SILENT_SINCE)
        beat = self._next_beat(device, now) - 1
        while draw(self._seed, "beat", device, beat) < self._missed_share:
            beat -= 1
        return beat * HOUR + self._offset(device)

    def following(self, device: int, now: int) -> int:
        """Return the scheduled time of the device's next check-in, in milliseconds since the epoch."""
        return self._next_beat(device, now) * HOUR + self._offset(device)

    def _next_beat(self, device: int, now: int) -> int:
        return (now - self._offset(device)) // HOUR + 1

    def _offset(self, device: int) -> int:
        return int(3600 * draw(self._seed, "beat of", device)) * SECOND
