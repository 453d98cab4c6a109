"""What the devices have uploaded: a pure function of seed, device, offline periods and time."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Iterator

from airflow_provider_minut.sandbox.simulation.check_ins import CheckIns
from airflow_provider_minut.sandbox.simulation.randomness import draw
from airflow_provider_minut.sandbox.simulation.timestamps import HISTORY_START, HOUR

_Backlog = list[tuple[float, int, int]]
"""A heap of the parts of an hour that a device has not uploaded yet: rank, start and end (exclusive)."""


class Uploads:
    """The periods whose measurements the devices have uploaded, in milliseconds since the epoch.

    A device uploads all its measurements at each check-in. Only one that was offline may have a backlog.

    :param seed: random seed of the order ``mixed``.
    :param check_ins: check-ins and offline periods of the devices.
    :param order: order in which a backlog is uploaded, as in the configuration.
    :param hours: hours of measurements that a device uploads at a check-in while it has a backlog.
    """

    def __init__(self, seed: int, check_ins: CheckIns, order: str, hours: float) -> None:
        self._seed = seed
        self._check_ins = check_ins
        self._order = order
        self._max_upload = math.inf if order == "at_once" else hours * HOUR

    def until(self, device: int, heard: int) -> list[range]:
        """Return the periods whose measurements a device has uploaded, oldest first.

        :param device: number of the device.
        :param heard: time of its last check-in, in milliseconds since the epoch.
        """
        if not self._check_ins.outages(device):
            return [range(HISTORY_START, heard + 1)]
        backlog = (range(start, stop) for _, start, stop in self._backlog(device, heard))
        return _without(range(HISTORY_START, heard + 1), [*self._unmeasured(device), *backlog])

    def measured(self, device: int, now: int) -> list[range]:
        """Return the periods in which a device has measured, uploaded or not, oldest first."""
        return _without(range(HISTORY_START, now + 1), self._unmeasured(device))

    def _unmeasured(self, device: int) -> list[range]:
        return [outage.time for outage in self._check_ins.outages(device) if not outage.measures]

    def _backlog(self, device: int, heard: int) -> _Backlog:
        """Return what a device had not uploaded after the check-in at ``heard``."""
        caught_up = 0
        for outage in self._check_ins.outages(device):
            # An earlier backlog may have grown by what the device measured in this outage.
            if not caught_up <= outage.time.start <= heard:
                continue
            backlog: _Backlog = []
            check_in = self._check_ins.last(device, outage.time.start)
            while backlog or check_in <= outage.time.start:
                previous, check_in = check_in, self._check_ins.next(device, check_in)
                if check_in > heard:
                    return backlog
                for part in self._measured_hours(device, range(previous + 1, check_in + 1)):
                    heapq.heappush(backlog, (self._rank(device, part.start // HOUR), part.start, part.stop))
                self._upload(backlog)
            caught_up = check_in
        return []

    def _upload(self, backlog: _Backlog) -> None:
        """Remove from a backlog what one check-in uploads."""
        uploaded = 0
        while backlog and uploaded < self._max_upload:
            _, start, stop = heapq.heappop(backlog)
            uploaded += stop - start

    def _measured_hours(self, device: int, time: range) -> Iterator[range]:
        """Yield the measured parts of a period, cut at each full hour."""
        for part in _without(time, self._unmeasured(device)):
            for hour in range(part.start // HOUR * HOUR, part.stop, HOUR):
                yield range(max(hour, part.start), min(hour + HOUR, part.stop))

    def _rank(self, device: int, hour: int) -> float:
        if self._order == "mixed":
            return draw(self._seed, "upload", device, hour)
        return -hour if self._order == "newest_first" else hour


def _without(whole: range, holes: Iterable[range]) -> list[range]:
    """Return the parts of a range that are in none of the holes, in order."""
    parts = []
    start = whole.start
    for hole in sorted(holes, key=lambda hole: hole.start):
        parts.append(range(start, min(hole.start, whole.stop)))
        start = max(start, hole.stop)
    return [part for part in [*parts, range(start, whole.stop)] if part]
