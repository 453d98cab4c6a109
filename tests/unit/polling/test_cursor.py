"""The cursor of a watcher: no event is lost or repeated, whenever the triggerer is killed."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_minut.polling.cursor import LOOKBACK, EventCursor

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def restored(cursor):
    """Return the cursor as a new process reads it."""
    return EventCursor.from_state(json.loads(json.dumps(cursor.to_state())))


def test_each_event_is_new_once():
    cursor = EventCursor(NOON, {"old": NOON})
    assert cursor.add([("old", NOON), ("a", NOON)], NOON + MINUTE) == {"a": False}
    assert cursor.add([("old", NOON), ("a", NOON), ("b", NOON)], NOON + 2 * MINUTE) == {"b": False}
    cursor.mark_stored(["a", "b"])
    assert cursor.add([("a", NOON), ("b", NOON)], NOON + 3 * MINUTE) == {}


def test_late_event_is_new_and_one_that_is_too_late_is_not():
    cursor = EventCursor(NOON, {})
    late = [("late", NOON - LOOKBACK), ("too late", NOON - LOOKBACK - MINUTE)]
    assert cursor.add(late, NOON + MINUTE) == {"late": False}


def test_restart_repeats_only_what_may_not_have_been_stored():
    cursor = EventCursor(NOON, {})
    cursor.add([("stored", NOON)], NOON)
    cursor.mark_stored(["stored"])
    cursor.add([("pending", NOON)], NOON)
    again = restored(cursor)
    assert again.add([("stored", NOON), ("pending", NOON), ("new", NOON)], NOON) == {
        "pending": True,
        "new": False,
    }
    twice = restored(again)
    assert twice.add([("pending", NOON), ("new", NOON)], NOON) == {"pending": True, "new": True}


def test_state_does_not_grow():
    cursor = EventCursor(NOON, {})
    for number in range(1_000):
        now = NOON + number * MINUTE
        cursor.add([(str(number), now)], now)
        cursor.mark_stored([str(number)])
        cursor = restored(cursor)
    assert len(cursor.to_state()["stored"]) == LOOKBACK / MINUTE + 1


@pytest.mark.parametrize(
    "state",
    [
        None,
        "x",
        1,
        [],
        {},
        {"read_at": "2026-06-01T12:00:00Z"},
        {"read_at": 1, "stored": {}, "pending": {}},
        {"read_at": "2026-06-01T12:00:00Z", "stored": [], "pending": {}},
    ],
)
def test_invalid_state_is_ignored(state):
    assert EventCursor.from_state(state) is None


@pytest.mark.parametrize("seed", range(50))
def test_any_history_with_crashes_emits_each_event_at_least_once_and_repeats_only_what_is_marked(seed):
    rng = random.Random(seed)
    events = {str(n): NOON + n * MINUTE - timedelta(minutes=rng.choice([0, 0, 90])) for n in range(100)}
    cursor = EventCursor(NOON - MINUTE, {})
    state, emitted, stored = cursor.to_state(), [], set()
    for minute in range(200):
        now = NOON + minute * MINUTE
        visible = [(n, time) for n, time in events.items() if int(n) <= minute]
        new = cursor.add(visible, now)
        state = cursor.to_state()  # before anything is emitted
        for event_id, redelivered in new.items():
            if rng.random() < 0.1:
                break  # killed while emitting
            assert redelivered or event_id not in stored
            emitted.append(event_id)
            stored.add(event_id)
        else:
            if rng.random() < 0.8:
                cursor.mark_stored(new)
                state = cursor.to_state()
                continue
        cursor = EventCursor.from_state(json.loads(json.dumps(state)))
    assert set(emitted) == set(events)
