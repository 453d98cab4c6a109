"""When the devices check in: a pure function of seed, device and time."""

from __future__ import annotations

from airflow_provider_minut.sandbox.simulation.fleet import Fleet
from airflow_provider_minut.sandbox.simulation.randomness import draw
from airflow_provider_minut.sandbox.simulation.timestamps import DAY, HOUR, SECOND

SILENT_SINCE = 3 * DAY  # before the sandbox started


class CheckIns:
    """The hourly check-ins of all devices, each at a minute and second of its own.

    :param seed: what the places in the hour and the missed check-ins depend on.
    :param fleet: knows which devices are silent.
    :param missed_share: the share of check-ins that fail, below 1; the next one brings their data.
    :param started: when the sandbox started, in milliseconds since the epoch.
    """

    def __init__(self, seed: int, fleet: Fleet, missed_share: float, started: int) -> None:
        self._seed = seed
        self._fleet = fleet
        self._missed_share = missed_share
        self._started = started

    def last(self, device: int, now: int) -> int:
        """Return when the device checked in last, in milliseconds since the epoch."""
        if self._fleet.is_silent(device):
            now = min(now, self._started - SILENT_SINCE)
        beat = self._next_beat(device, now) - 1
        while draw(self._seed, "beat", device, beat) < self._missed_share:
            beat -= 1
        return beat * HOUR + self._place(device)

    def following(self, device: int, now: int) -> int:
        """Return when the device is to check in next, in milliseconds since the epoch."""
        return self._next_beat(device, now) * HOUR + self._place(device)

    def _next_beat(self, device: int, now: int) -> int:
        return (now - self._place(device)) // HOUR + 1

    def _place(self, device: int) -> int:
        return int(3600 * draw(self._seed, "beat of", device)) * SECOND
