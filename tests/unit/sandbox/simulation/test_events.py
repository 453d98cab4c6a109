"""Counting and paging by arithmetic give the same result as generating all events."""

from __future__ import annotations

import random
import tracemalloc

import pytest

from airflow_provider_minut.sandbox.simulation.events import EventWindow, HomeEvents
from airflow_provider_minut.sandbox.simulation.noise import NoiseEvent, NoiseSchedule
from airflow_provider_minut.sandbox.simulation.timestamps import HISTORY_START
from tests.unit.sandbox.support import DAY, HOUR

NOW = 1_800_000_000_000


def walk(schedule, home, start, end, now, kinds):
    """Return the visible events, oldest first, by generating those of every slot around the window."""
    slots = range(schedule.slot_at(start) - 1, schedule.slot_at(end) + 2)
    events = [event for slot in slots for event in schedule.events(home, slot)]
    return [e for e in events if start <= e.time < end and e.visible_from <= now and e.kind in kinds]


@pytest.mark.parametrize("per_day", [0.5, 3, 50])
@pytest.mark.parametrize("kinds", [(0, 1), (0,), (1,)])
def test_any_window_has_what_a_walk_finds(per_day, kinds):
    schedule = NoiseSchedule(0, per_day, 0.3)
    rng = random.Random(per_day)
    for _ in range(60):
        start = NOW - rng.randrange(10 * DAY)
        end = start + rng.choice([1, HOUR, DAY, rng.randrange(12 * DAY)])
        now = NOW - rng.randrange(DAY)
        expected = walk(schedule, 2, start, min(end, now + 1), now, kinds)
        window = EventWindow(schedule, 2, start, end, now, kinds)
        assert len(window) == len(expected)
        assert list(window.oldest_first()) == expected
        assert list(window.newest_first()) == expected[::-1]


def test_window_at_the_exact_time_of_an_event():
    schedule = NoiseSchedule(0, 3, 0)
    event = schedule.events(1, schedule.slot_at(NOW - DAY))[0]
    assert list(EventWindow(schedule, 1, event.time, event.time + 1, NOW).oldest_first()) == [event]
    assert len(EventWindow(schedule, 1, event.time - 1, event.time, NOW)) == 0
    assert len(EventWindow(schedule, 1, event.time + 1, event.time + 2, NOW)) == 0
    assert len(EventWindow(schedule, 1, event.time, event.time + 1, event.time)) == 1
    assert len(EventWindow(schedule, 1, event.time, event.time + 1, event.time - 1)) == 0


@pytest.mark.parametrize("per_day", [0, 0.5, 3])
def test_pages_put_together_are_the_truth_with_added_events_in_between(per_day):
    schedule = NoiseSchedule(0, per_day, 0.1)
    start = NOW - 9 * DAY
    base = walk(schedule, 1, start, NOW + 1, NOW, (0, 1))
    times = [NOW, NOW, start, start - 1, NOW - DAY, NOW + HOUR, *(event.time for event in base[:3])]
    added = [NoiseEvent(time, 0, 1, -1 - n, n % 2, 80) for n, time in enumerate(times)]
    events = HomeEvents(schedule, 1, start, NOW + DAY, NOW, added)
    truth = list(events.oldest_first())
    assert len(events) == len(truth) == len(base) + len(added) - 1
    assert [e.time for e in truth] == sorted(e.time for e in truth)
    assert set(truth) == {*base, *(e for e in added if e.time >= start)}
    whole = events.page(0, 1000)
    assert [e.time for e in whole] == [e.time for e in truth[::-1]]
    for limit in (1, 2, 7, 30):
        pages = [events.page(offset, limit) for offset in range(0, len(truth) + limit, limit)]
        assert [event for page in pages for event in page] == whole == list(events.newest_first())


def test_nothing_is_older_than_the_history():
    assert len(EventWindow(NoiseSchedule(0, 3, 0), 1, 0, HISTORY_START, NOW)) == 0
    assert len(EventWindow(NoiseSchedule(0, 3, 0), 1, -(10**15), HISTORY_START + 10 * DAY, NOW)) == 60


def test_empty_window():
    assert HomeEvents(NoiseSchedule(0, 3, 0), 1, NOW, NOW - DAY, NOW).page(0, 10) == []


def test_last_page_of_a_million_events_needs_neither_memory_nor_a_walk(monkeypatch):
    schedule = NoiseSchedule(0, 1000, 0.05)
    generated = []
    original = schedule.events
    monkeypatch.setattr(schedule, "events", lambda home, slot: generated.append(slot) or original(home, slot))
    tracemalloc.start()
    try:
        events = HomeEvents(schedule, 1, NOW - 501 * DAY, NOW + 1, NOW)
        page = events.page(999_900, 100)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(events) > 1_000_000
    assert len(page) == 100
    assert len(generated) < 400  # the last four hours, and the page
    assert peak < 2_000_000
