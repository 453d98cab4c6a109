"""When it is noisy in which home: a pure function of seed, home and time."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from airflow_provider_minut.sandbox.simulation.fleet import local_time
from airflow_provider_minut.sandbox.simulation.randomness import draws
from airflow_provider_minut.sandbox.simulation.timestamps import DAY, HOUR, MINUTE

THRESHOLD = 75  # dB(A), Minut's default
LONGEST_DURATION = 10 * MINUTE  # of noise until it is an event, Minut's default
MIN_DELAY, MAX_DELAY = HOUR, 4 * HOUR  # of an event that reaches the backend late
DETECTED, QUIETED = 0, 1
QUIET_LEVEL = 55  # dB(A), when noise has quieted
_NIGHT = (19 * HOUR, 26 * HOUR)  # local time, past midnight


class NoisyPeriod(NamedTuple):
    """One time of noise in a home, in milliseconds since the epoch; ``level`` is in dB(A)."""

    start: int
    end: int
    level: float


class NoiseEvent(NamedTuple):
    """Noise was detected or has quieted: ``kind`` says which.

    ``time`` and ``visible_from`` are in milliseconds since the epoch, ``level`` in dB(A); ``slot`` tells the
    events of a home apart.
    """

    time: int
    visible_from: int
    home: int
    slot: int
    kind: int
    level: float


class NoiseSchedule:
    """The noisy periods of all homes. A day is divided into slots, and no slot has more than one period.

    :param seed: other seeds, other noise.
    :param per_day: noise per home and day; from 1 on, rounded to a whole number, of which each day has all.
    :param late_share: the share of events that reach the backend late.
    """

    def __init__(self, seed: int, per_day: float, late_share: float) -> None:
        self.slots = max(1, round(per_day))
        self.is_certain = per_day >= 1
        self._chance = min(per_day, 1.0)
        self._seed = seed
        self._late_share = late_share
        self._duration = min(LONGEST_DURATION, DAY // self.slots // 4)
        # As many as the longest delay has, so that asking again for what is new is cheap.
        self.period_in = lru_cache(maxsize=2048)(self._period_in)
        self.events = lru_cache(maxsize=2048)(self._events)

    def slot_at(self, moment: int) -> int:
        """Return the number of the slot that ``moment`` is in, counted from the epoch."""
        day, rest = divmod(moment, DAY)
        return day * self.slots + rest * self.slots // DAY

    def _events(self, home: int, slot: int) -> tuple[NoiseEvent, ...]:
        """Return the two events of the period in this slot, if it has one, by their kind."""
        period = self.period_in(home, slot)
        if not period:
            return ()
        detected = period.start + self._duration
        return (
            NoiseEvent(
                detected, detected + self._delay(home, slot, DETECTED), home, slot, DETECTED, period.level
            ),
            NoiseEvent(
                period.end, period.end + self._delay(home, slot, QUIETED), home, slot, QUIETED, QUIET_LEVEL
            ),
        )

    def _period_in(self, home: int, slot: int) -> NoisyPeriod | None:
        """Return the period in this slot, if it has one."""
        chance, length, loudness, *places = draws(self._seed, "spell", home, slot)
        if chance >= self._chance:
            return None
        begin, end = self._bounds(slot)
        duration = int(self._shortest(end - begin) + length * self._span(end - begin))
        starts = [begin + int(place * (end - begin - duration)) for place in places[:4]]
        start = next((start for start in starts if _is_night(home, start)), starts[-1])
        return NoisyPeriod(start, start + duration, round(4 * (78 + loudness * 10.5)) / 4)

    def _bounds(self, slot: int) -> tuple[int, int]:
        day, place = divmod(slot, self.slots)
        # Rounded up, as the counterpart of slot_at, which rounds down.
        return day * DAY - (-place * DAY // self.slots), day * DAY - (-(place + 1) * DAY // self.slots)

    def _shortest(self, slot: int) -> float:
        return 20 * MINUTE if slot >= 3 * HOUR else 0.3 * slot

    def _span(self, slot: int) -> float:
        return 70 * MINUTE if slot >= 3 * HOUR else 0.2 * slot

    def _delay(self, home: int, slot: int, kind: int) -> int:
        chance, length, *_ = draws(self._seed, "delay", home, slot, kind)
        return MIN_DELAY + int(length * (MAX_DELAY - MIN_DELAY)) if chance < self._late_share else 0


def _is_night(home: int, moment: int) -> bool:
    time = local_time(home, moment) % DAY
    return time >= _NIGHT[0] or time < _NIGHT[1] - DAY
