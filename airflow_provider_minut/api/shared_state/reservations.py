"""The reservation log: when the last requests were, or will be, sent.

Who wants to send takes the next free slot and sleeps until it; so it is first come, first served, and
nobody starves. The same algorithm runs in a Lua script where Redis keeps the log.
"""

from __future__ import annotations

import logging
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

log = logging.getLogger(__name__)

# Times are whole microseconds since the epoch.
MICROSECONDS_PER_SECOND = 1_000_000
MICROSECONDS_PER_MINUTE = 60 * MICROSECONDS_PER_SECOND
# Seconds. Reservations further ahead than this were taken on a clock that has since been set back.
MAX_AHEAD_SECONDS = 2_400.0
# Minutes whose requests are counted: the last hour, whose end may be as far ahead as a slot.
COUNTED = 60 + int(MAX_AHEAD_SECONDS // 60) + 1
# What comes before the slots in a stored log: when a pause ends, and the counts.
_HEAD = 1 + COUNTED


class Rate(NamedTuple):
    """At most ``limit`` requests in any ``window`` seconds."""

    limit: int
    window: float


@dataclass(frozen=True, slots=True)
class Reservations:
    """What is in a log.

    :param paused: seconds for which nobody may send, 0 or less if there is no pause.
    :param ahead: for each slot, oldest first, the seconds until it; negative if it has passed.
    :param last_hour: how many slots were in this minute and the 59 before it.
    """

    paused: float
    ahead: tuple[float, ...]
    last_hour: int


class ReservationLog:
    """The log as a state keeps it that can update an entry while nobody else does."""

    def update(self, name: str, change: Callable[[bytes], bytes]) -> None:
        """Replace the entry (empty if there is none) by what ``change`` makes of it, under a lock."""
        raise NotImplementedError

    def read(self, name: str) -> bytes | None:
        """Return the entry, or ``None`` if there is none."""
        raise NotImplementedError

    def reserve(self, name: str, rates: Sequence[Rate], *, now: float, within: float) -> float:
        """Take the next free slot, unless it is over ``within`` seconds away; return the seconds."""
        microseconds = 0

        def change(stored: bytes) -> bytes:
            nonlocal microseconds
            at = int(now * MICROSECONDS_PER_SECOND)
            pause_until, counts, slots = _load(stored, at)
            last = slots[-1] if slots else 0
            slot = max(at, pause_until, last)
            for limit, window in rates:
                if len(slots) >= limit:
                    slot = max(slot, slots[-limit] + int(window * MICROSECONDS_PER_SECOND))
            microseconds = slot - at
            if microseconds > within * MICROSECONDS_PER_SECOND:
                return stored
            slots.append(slot)
            _count(counts, last // MICROSECONDS_PER_MINUTE, slot // MICROSECONDS_PER_MINUTE)
            return _dump(pause_until, counts, slots[-max(rate.limit for rate in rates) :])

        self.update(name, change)
        return microseconds / MICROSECONDS_PER_SECOND

    def pause(self, name: str, seconds: float, *, now: float) -> None:
        """Let nobody send for so long."""

        def change(stored: bytes) -> bytes:
            at = int(now * MICROSECONDS_PER_SECOND)
            pause_until, counts, slots = _load(stored, at)
            return _dump(max(pause_until, at + int(seconds * MICROSECONDS_PER_SECOND)), counts, slots)

        self.update(name, change)

    def reservations(self, name: str, *, now: float) -> Reservations:
        """Return what is in the log."""
        at = int(now * MICROSECONDS_PER_SECOND)
        pause_until, counts, slots = _load(self.read(name) or b"", at)
        this = at // MICROSECONDS_PER_MINUTE
        newest = min(this, slots[-1] // MICROSECONDS_PER_MINUTE) if slots else 0
        return Reservations(
            (pause_until - at) / MICROSECONDS_PER_SECOND,
            tuple((slot - at) / MICROSECONDS_PER_SECOND for slot in slots),
            sum(counts[minute % COUNTED] for minute in range(this - 59, newest + 1)),
        )


def _count(counts: array[int], last: int, minute: int) -> None:
    """Count a request in its minute; those since the last one that had any had none.

    A minute's place is taken again after :data:`COUNTED` minutes.
    """
    for empty in range(max(last, minute - COUNTED) + 1, minute + 1):
        counts[empty % COUNTED] = 0
    counts[minute % COUNTED] += 1


def _load(stored: bytes, now: int) -> tuple[int, array[int], array[int]]:
    """Return when a pause ends, the counts, and the slots, oldest first; nothing if they make no sense."""
    numbers = array("q")
    if len(stored) >= _HEAD * numbers.itemsize and len(stored) % numbers.itemsize == 0:
        numbers.frombytes(stored)
        end = now + int(MAX_AHEAD_SECONDS * MICROSECONDS_PER_SECOND)
        slots = numbers[_HEAD:]
        in_order = all(map(int.__le__, slots, slots[1:]))
        if in_order and max(numbers) <= end and min(numbers) >= 0:
            return numbers[0], numbers[1:_HEAD], slots
    if stored:
        log.debug("The shared request budget cannot be read; it starts anew.")
    return 0, array("q", [0] * COUNTED), array("q")


def _dump(pause_until: int, counts: array[int], slots: array[int]) -> bytes:
    return array("q", [pause_until]).tobytes() + counts.tobytes() + slots.tobytes()
