"""The reservation log of the rate limiter: when the latest requests were sent, or will be.

A caller reserves the next free time and sleeps until then, so requests are served in order of arrival. Where
Redis keeps the log, the same algorithm runs as a Lua script.
"""

from __future__ import annotations

import logging
from array import array
from bisect import bisect_right, insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

log = logging.getLogger(__name__)

# Times are whole microseconds since the epoch.
MICROSECONDS_PER_SECOND = 1_000_000
# A reservation further ahead was made on a clock that has been set back since.
MAX_AHEAD_SECONDS = 2_400.0


class Rate(NamedTuple):
    """At most ``limit`` requests in any ``window`` seconds."""

    limit: int
    window: float


@dataclass(frozen=True, slots=True)
class Reservations:
    """The content of a log.

    :param paused: Seconds for which no request may be sent; 0 or less without a pause.
    :param ahead: Seconds until each reservation, oldest first; negative for those that have passed.
    """

    paused: float
    ahead: tuple[float, ...]


class ReservationLog:
    """The log in a store that can update an entry under a lock."""

    def update(self, name: str, change: Callable[[bytes], bytes]) -> None:
        """Replace an entry (empty if missing) by the result of ``change``, under a lock."""
        raise NotImplementedError

    def read(self, name: str) -> bytes | None:
        """Return an entry; ``None`` if it is missing."""
        raise NotImplementedError

    def reserve(self, name: str, rates: Sequence[Rate], *, now: float, within: float) -> float:
        """Reserve the next free time, unless it is more than ``within`` seconds away; return the seconds."""
        microseconds = 0

        def change(stored: bytes) -> bytes:
            nonlocal microseconds
            at = int(now * MICROSECONDS_PER_SECOND)
            pause_until, reserved = _load(stored, at)
            new = max(at, pause_until, reserved[-1] if reserved else 0)
            for limit, window in rates:
                if len(reserved) >= limit:
                    new = max(new, reserved[-limit] + int(window * MICROSECONDS_PER_SECOND))
            microseconds = new - at
            if microseconds > within * MICROSECONDS_PER_SECOND:
                return stored
            reserved.append(new)
            return _dump(pause_until, reserved[-max(rate.limit for rate in rates) :])

        self.update(name, change)
        return microseconds / MICROSECONDS_PER_SECOND

    def pause(self, name: str, seconds: float, *, now: float) -> None:
        """Allow no request for this long."""

        def change(stored: bytes) -> bytes:
            at = int(now * MICROSECONDS_PER_SECOND)
            pause_until, reserved = _load(stored, at)
            return _dump(max(pause_until, at + int(seconds * MICROSECONDS_PER_SECOND)), reserved)

        self.update(name, change)

    def postpone(self, name: str, seconds: float, *, age: float, now: float) -> None:
        """Move a reservation of the past to a later time of the past."""

        def change(stored: bytes) -> bytes:
            pause_until, reserved = _load(stored, int(now * MICROSECONDS_PER_SECOND))
            at = int((now - age) * MICROSECONDS_PER_SECOND)
            index = bisect_right(reserved, at) - 1
            if index >= 0:
                reserved.pop(index)
                insort(reserved, at + int(seconds * MICROSECONDS_PER_SECOND))
            return _dump(pause_until, reserved)

        self.update(name, change)

    def reservations(self, name: str, *, now: float) -> Reservations:
        """Return the content of the log."""
        at = int(now * MICROSECONDS_PER_SECOND)
        pause_until, reserved = _load(self.read(name) or b"", at)
        ahead = tuple((time - at) / MICROSECONDS_PER_SECOND for time in reserved)
        return Reservations((pause_until - at) / MICROSECONDS_PER_SECOND, ahead)


def _load(stored: bytes, now: int) -> tuple[int, array[int]]:
    """Return the end of a pause, and the reservations, oldest first; nothing if they are invalid."""
    numbers = array("q")
    if stored and len(stored) % numbers.itemsize == 0:
        numbers.frombytes(stored)
        latest = now + int(MAX_AHEAD_SECONDS * MICROSECONDS_PER_SECOND)
        reserved = numbers[1:]
        ends = [numbers[0], *reserved[:1], *reserved[-1:]]
        if min(ends) >= 0 and max(ends) <= latest and reserved.tolist() == sorted(reserved):
            return numbers[0], reserved
    if stored:
        log.debug("The shared reservation log is invalid; it is replaced.")
    return 0, array("q")


def _dump(pause_until: int, reserved: array[int]) -> bytes:
    return array("q", [pause_until]).tobytes() + reserved.tobytes()
