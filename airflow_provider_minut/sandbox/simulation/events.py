"""Count and page through the events of a home in a time range, without generating all of them."""

from __future__ import annotations

import heapq
import itertools
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from airflow_provider_minut.sandbox.simulation.noise import (
    DETECTED,
    MAX_DELAY,
    OTHER,
    QUIETED,
    NoiseEvent,
    NoiseSchedule,
)
from airflow_provider_minut.sandbox.simulation.timestamps import HISTORY_START

BOTH = (DETECTED, QUIETED)
ALL = (*BOTH, OTHER)


class EventWindow:
    """The events of a home's noisy periods in [start, end) that are visible at ``now``.

    Events in time slots that are known to be complete are generated only when they are read.

    :param schedule: schedule that the events are derived from.
    :param home: number of the home.
    :param start: start of the time range, inclusive, in milliseconds since the epoch.
    :param end: end of the time range, exclusive, in milliseconds since the epoch.
    :param now: current time, in milliseconds since the epoch; later arrivals at the backend are omitted.
    :param kinds: kinds of events to include, in the order in which they occur.
    """

    def __init__(
        self, schedule: NoiseSchedule, home: int, start: int, end: int, now: int, kinds: Sequence[int] = BOTH
    ) -> None:
        self._schedule, self._home, self._now, self._kinds = schedule, home, now, kinds
        self._start, self._end = max(start, HISTORY_START), min(end, now + 1)
        self._oldest: list[NoiseEvent] = []
        self._whole = range(0)  # slots, each with all its events
        self._newest: list[NoiseEvent] = []
        if self._start >= self._end or not kinds:
            return
        first, last = schedule.slot_at(self._start), schedule.slot_at(self._end - 1)
        if not schedule.is_certain:
            self._oldest = self._visible(range(first, last + 1))
            return
        # From this slot on, events may not have reached the backend yet.
        unsettled = max(min(last, schedule.slot_at(now - MAX_DELAY)), first + 1)
        self._oldest = self._visible(range(first, first + 1))
        self._whole = range(first + 1, unsettled)
        self._newest = self._visible(range(unsettled, last + 1))

    def __len__(self) -> int:
        return len(self._oldest) + len(self._whole) * len(self._kinds) + len(self._newest)

    def newest_first(self, offset: int = 0, limit: int | None = None) -> Iterator[NoiseEvent]:
        """Yield at most ``limit`` events, newest first, after skipping ``offset`` events."""
        last = len(self) - offset
        first = 0 if limit is None else max(last - limit, 0)
        return (self._event(index) for index in range(last - 1, first - 1, -1))

    def oldest_first(self) -> Iterator[NoiseEvent]:
        """Yield the events, oldest first."""
        return (self._event(index) for index in range(len(self)))

    def _event(self, index: int) -> NoiseEvent:
        if index < len(self._oldest):
            return self._oldest[index]
        slot, kind = divmod(index - len(self._oldest), len(self._kinds))
        if slot >= len(self._whole):
            return self._newest[index - len(self)]
        return self._schedule.events(self._home, self._whole[slot])[self._kinds[kind]]

    def _visible(self, slots: Iterable[int]) -> list[NoiseEvent]:
        return [
            event
            for slot in slots
            for event in self._schedule.events(self._home, slot)
            if event.kind in self._kinds
            and self._start <= event.time < self._end
            and event.visible_from <= self._now
        ]


class HomeEvents:
    """All events of a home in [start, end) that are visible at ``now``: generated and added ones.

    :param schedule: schedule that the generated events are derived from.
    :param home: number of the home.
    :param start: start of the time range, inclusive, in milliseconds since the epoch.
    :param end: end of the time range, exclusive, in milliseconds since the epoch.
    :param now: current time, in milliseconds since the epoch.
    :param added: events that were added to this home, of any time and kind.
    :param kinds: kinds of events to include, in the order in which they occur.
    """

    def __init__(
        self,
        schedule: NoiseSchedule,
        home: int,
        start: int,
        end: int,
        now: int,
        added: Iterable[NoiseEvent] = (),
        kinds: Sequence[int] = ALL,
    ) -> None:
        self._start = start
        scheduled = [kind for kind in kinds if kind in BOTH]
        self._from = partial(EventWindow, schedule, home, end=end, now=now, kinds=scheduled)
        self._window = self._from(start=start)
        self._added = sorted((e for e in added if start <= e.time < end and e.kind in kinds), key=_age)

    def __len__(self) -> int:
        return len(self._window) + len(self._added)

    def page(self, offset: int, limit: int) -> list[NoiseEvent]:
        """Return at most ``limit`` events, newest first, after skipping ``offset`` events."""
        # The number of added events among the skipped ones.
        skipped = bisect_left(range(len(self._added)), offset, key=self._position)
        return list(itertools.islice(self._merged(offset - skipped, skipped, limit), limit))

    def newest_first(self) -> Iterator[NoiseEvent]:
        """Yield all events, newest first."""
        return self._merged(0, 0, None)

    def oldest_first(self) -> Iterator[NoiseEvent]:
        """Yield all events, oldest first."""
        return heapq.merge(self._added[::-1], self._window.oldest_first(), key=_time)

    def _merged(self, offset: int, skipped: int, limit: int | None) -> Iterator[NoiseEvent]:
        return heapq.merge(self._window.newest_first(offset, limit), self._added[skipped:], key=_age)

    def _position(self, index: int) -> int:
        """Return the number of events that are newer than the added event with this index."""
        return index + len(self._from(start=max(self._start, self._added[index].time)))


def _time(event: NoiseEvent) -> int:
    return event.time


def _age(event: NoiseEvent) -> int:
    return -event.time
