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

# Times are whole microseconds since the epoch; the first number of a stored log is when a pause ends.
MICROSECONDS = 1_000_000
# Seconds. Slots further ahead than this were taken on a clock that has since been set back.
HORIZON = 2_400.0


class Rate(NamedTuple):
    """At most ``limit`` requests in any ``window`` seconds."""

    limit: int
    window: float


@dataclass(frozen=True, slots=True)
class Slots:
    """What is in a log.

    :param paused: seconds for which nobody may send, 0 or less if there is no pause.
    :param ahead: for each slot, oldest first, the seconds until it; negative if it has passed.
    """

    paused: float
    ahead: tuple[float, ...]


class UpdatedSlots:
    """The log as a state keeps it that can update an entry while nobody else does."""

    def update(self, name: str, change: Callable[[bytes], bytes]) -> None:
        """Replace the entry (empty if there is none) by what ``change`` makes of it, under a lock."""
        raise NotImplementedError

    def read(self, name: str) -> bytes | None:
        """Return the entry, or ``None`` if there is none."""
        raise NotImplementedError

    def take_slot(self, name: str, rates: Sequence[Rate], *, now: float, within: float) -> float:
        """Take the next free slot, unless it is over ``within`` seconds away; return the seconds."""
        microseconds = 0

        def change(stored: bytes) -> bytes:
            nonlocal microseconds
            at = int(now * MICROSECONDS)
            pause_until, slots = _load(stored, at)
            slot = max(at, pause_until, *slots[-1:])
            for limit, window in rates:
                if len(slots) >= limit:
                    slot = max(slot, slots[-limit] + int(window * MICROSECONDS))
            microseconds = slot - at
            if microseconds > within * MICROSECONDS:
                return stored
            slots.append(slot)
            return _dump(pause_until, slots[-max(rate.limit for rate in rates) :])

        self.update(name, change)
        return microseconds / MICROSECONDS

    def pause(self, name: str, seconds: float, *, now: float) -> None:
        """Let nobody send for so long."""

        def change(stored: bytes) -> bytes:
            at = int(now * MICROSECONDS)
            pause_until, slots = _load(stored, at)
            return _dump(max(pause_until, at + int(seconds * MICROSECONDS)), slots)

        self.update(name, change)

    def slots(self, name: str, *, now: float) -> Slots:
        """Return what is in the log."""
        at = int(now * MICROSECONDS)
        pause_until, slots = _load(self.read(name) or b"", at)
        return Slots((pause_until - at) / MICROSECONDS, tuple((slot - at) / MICROSECONDS for slot in slots))


def _load(stored: bytes, now: int) -> tuple[int, array[int]]:
    """Return when a pause ends, and the slots, oldest first; nothing if they make no sense."""
    numbers = array("q")
    if stored and len(stored) % numbers.itemsize == 0:
        numbers.frombytes(stored)
        end = now + int(HORIZON * MICROSECONDS)
        slots = numbers[1:]
        in_order = all(map(int.__le__, slots, slots[1:]))
        if in_order and max(numbers) <= end and min(numbers) >= 0:
            return numbers[0], slots
    if stored:
        log.debug("The shared request budget cannot be read; it starts anew.")
    return 0, array("q")


def _dump(pause_until: int, slots: array[int]) -> bytes:
    return array("q", [pause_until]).tobytes() + slots.tobytes()
