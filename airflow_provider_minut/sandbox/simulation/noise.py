"""The noisy periods of the homes and their events: a pure function of seed, home and time."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from airflow_provider_minut.sandbox.simulation.fleet import local_time
from airflow_provider_minut.sandbox.simulation.randomness import draws
from airflow_provider_minut.sandbox.simulation.timestamps import DAY, HOUR, MINUTE

THRESHOLD = 75  # dB(A), Minut's default
MAX_DURATION = 10 * MINUTE  # of noise before it is an event, Minut's default
MIN_DELAY, MAX_DELAY = HOUR, 4 * HOUR  # of an event that reaches the backend late
DETECTED, QUIETED = 0, 1
OTHER = 2  # an event that is not about noise; no schedule has one
QUIET_LEVEL = 55  # dB(A), at the end of a noisy period
_NIGHT = (19 * HOUR, 26 * HOUR)  # local time, past midnight


class NoisyPeriod(NamedTuple):
    """A period of noise in a home, in milliseconds since the epoch; ``level`` is in dB(A)."""

    start: int
    end: int
    level: float


class NoiseEvent(NamedTuple):
    """The start or the end of a noisy period, or another event.

    ``kind`` is :data:`DETECTED`, :data:`QUIETED` or :data:`OTHER`. ``time`` and ``visible_from`` are in
    milliseconds since the epoch, ``level`` is in dB(A). ``slot`` and ``kind`` identify an event of a home.
    """

    time: int
    visible_from: int
    home: int
    slot: int
    kind: int
    level: float


class NoiseSchedule:
    """The noisy periods of all homes. Each day is divided into equal time slots of at most one period each.

    :param seed: random seed.
    :param per_day: noisy periods per home and day; from 1 on, rounded to a whole number, and every day has
        exactly that many.
    :param late_share: share of events that reach the backend late.
    """

    def __init__(self, seed: int, per_day: float, late_share: float) -> None:
        self.slots = max(1, round(per_day))
        self.is_certain = per_day >= 1
        self._probability = min(per_day, 1.0)
        self._seed = seed
        self._late_share = late_share
        self._duration = min(MAX_DURATION, DAY // self.slots // 4)
        # As many slots as the longest delay can span, so that polling for new events is cheap.
        self.period_in = lru_cache(maxsize=2048)(self._period_in)
        self.events = lru_cache(maxsize=2048)(self._events)

    def slot_at(self, time_ms: int) -> int:
        """Return the number of the time slot that ``time_ms`` is in, counted from the epoch."""
        day, rest = divmod(time_ms, DAY)
        return day * self.slots + rest * self.slots // DAY

    def _events(self, home: int, slot: int) -> tuple[NoiseEvent, ...]:
        """Return the two events of the period in this slot, by kind, or nothing without a period."""
        period = self.period_in(home, slot)
        if not period:
            return ()
        by_kind = ((period.start + self._duration, period.level), (period.end, QUIET_LEVEL))
        return tuple(
            NoiseEvent(time, time + self._delay(home, slot, kind), home, slot, kind, level)
            for kind, (time, level) in zip((DETECTED, QUIETED), by_kind, strict=True)
        )

    def _period_in(self, home: int, slot: int) -> NoisyPeriod | None:
        """Return the noisy period in this slot, if any."""
        # Another key would change the data of every seed.
        number, length, loudness, *positions = draws(self._seed, "spell", home, slot)
        if number >= self._probability:
            return None
        begin, end = self._bounds(slot)
        slot_length = end - begin
        if slot_length >= 3 * HOUR:
            duration = int(20 * MINUTE + length * (70 * MINUTE))
        else:
            duration = int(0.3 * slot_length + length * (0.2 * slot_length))
        starts = [begin + int(position * (slot_length - duration)) for position in positions[:4]]
        start = next((start for start in starts if _is_night(home, start)), starts[-1])
        return NoisyPeriod(start, start + duration, round(4 * (78 + loudness * 10.5)) / 4)

    def _bounds(self, slot: int) -> tuple[int, int]:
        day, index = divmod(slot, self.slots)
        # Rounded up, because slot_at rounds down.
        return day * DAY - (-index * DAY // self.slots), day * DAY - (-(index + 1) * DAY // self.slots)

    def _delay(self, home: int, slot: int, kind: int) -> int:
        number, length, *_ = draws(self._seed, "delay", home, slot, kind)
        return MIN_DELAY + int(length * (MAX_DELAY - MIN_DELAY)) if number < self._late_share else 0


def _is_night(home: int, time_ms: int) -> bool:
    time_of_day = local_time(home, time_ms) % DAY
    return time_of_day >= _NIGHT[0] or time_of_day < _NIGHT[1] - DAY
