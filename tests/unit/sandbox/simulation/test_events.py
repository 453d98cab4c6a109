"""Counting and paging by arithmetic give what a walk over all events gives."""

from __future__ import annotations

import random
import tracemalloc

import pytest

from airflow_provider_minut.sandbox.simulation.events import EventWindow, HomeEvents
from airflow_provider_minut.sandbox.simulation.noise import NoiseEvent, NoiseSchedule
from airflow_provider_minut.sandbox.simulation.timestamps import HISTORY_START
from tests.unit.sandbox.support import DAY, HOUR

NOW = 1_800_000_000_000


def walk(noise, home, start, end, now, kinds):
    """Return what is visible, oldest first, by looking at every slot around the window."""
    slots = range(noise.slot_at(start) - 1, noise.slot_at(end) + 2)
    events = [event for slot in slots for event in noise.events(home, slot)]
    return [e for e in events if start <= e.time < end and e.visible_from <= now and e.kind in kinds]


@pytest.mark.parametrize("per_day", [0.5, 3, 50])
@pytest.mark.parametrize("kinds", [(0, 1), (0,), (1,)])
def test_any_window_has_what_a_walk_finds(per_day, kinds):
    noise = NoiseSchedule(0, per_day, 0.3)
    chance = random.Random(per_day)
    for _ in range(60):
        start = NOW - chance.randrange(10 * DAY)
        end = start + chance.choice([1, HOUR, DAY, chance.randrange(12 * DAY)])
        now = NOW - chance.randrange(DAY)
        expected = walk(noise, 2, start, min(end, now + 1), now, kinds)
        window = EventWindow(noise, 2, start, end, now, kinds)
        assert len(window) == len(expected)
        assert list(window.oldest_first()) == expected
        assert list(window.newest_first()) == expected[::-1]


def test_window_on_the_very_moment_of_an_event():
    noise = NoiseSchedule(0, 3, 0)
    event = noise.events(1, noise.slot_at(NOW - DAY))[0]
    assert list(EventWindow(noise, 1, event.time, event.time + 1, NOW).oldest_first()) == [event]
    assert len(EventWindow(noise, 1, event.time - 1, event.time, NOW)) == 0
    assert len(EventWindow(noise, 1, event.time + 1, event.time + 2, NOW)) == 0
    assert len(EventWindow(noise, 1, event.time, event.time + 1, event.time)) == 1
    assert len(EventWindow(noise, 1, event.time, event.time + 1, event.time - 1)) == 0


@pytest.mark.parametrize("per_day", [0, 0.5, 3])
def test_pages_put_together_are_the_truth_with_added_events_in_between(per_day):
    noise = NoiseSchedule(0, per_day, 0.1)
    start = NOW - 9 * DAY
    base = walk(noise, 1, start, NOW + 1, NOW, (0, 1))
    times = [NOW, NOW, start, start - 1, NOW - DAY, NOW + HOUR, *(event.time for event in base[:3])]
    added = [NoiseEvent(time, 0, 1, -1 - n, n % 2, 80) for n, time in enumerate(times)]
    events = HomeEvents(noise, 1, start, NOW + DAY, NOW, added)
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
    noise = NoiseSchedule(0, 1000, 0.05)
    looked_at = []
    look = noise.events
    monkeypatch.setattr(noise, "events", lambda home, slot: looked_at.append(slot) or look(home, slot))
    tracemalloc.start()
    try:
        events = HomeEvents(noise, 1, NOW - 501 * DAY, NOW + 1, NOW)
        page = events.page(999_900, 100)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(events) > 1_000_000
    assert len(page) == 100
    assert len(looked_at) < 400  # the last four hours, and the page
    assert peak < 2_000_000
