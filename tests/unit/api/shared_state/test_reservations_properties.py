"""No interleaving of clients that share a rate limit breaks a window, even with pauses and different limits."""

from __future__ import annotations

from bisect import bisect_left

from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_minut.api.shared_state.memory import MemoryState
from airflow_provider_minut.api.shared_state.reservations import (
    MAX_AHEAD_SECONDS,
    MICROSECONDS_PER_SECOND,
    Rate,
)
from tests.conftest import FakeClock

SECOND, MINUTE = 1.25, 60.25
limits = st.lists(st.tuples(st.integers(1, 6), st.integers(1, 20)), min_size=1, max_size=3)
ticks = st.sampled_from([0, 0, 0, 1, 300_000, 1_250_000, 20_000_000, 61_000_000])  # microseconds
reservations = st.tuples(st.just("take"), st.integers(0, 2), st.sampled_from([-1.0, 0.0, 0.5, 30.0, 300.0]))
pauses = st.tuples(st.just("pause"), st.integers(0, 2), st.sampled_from([0.0, 0.7, 25.0, 300.0]))
steps = st.lists(st.tuples(ticks, st.one_of(reservations, reservations, reservations, pauses)), max_size=80)
GREEDY = (0, ("take", 0, 300.0))
MODEST = (0, ("take", 1, 300.0))


@given(limits, steps)
@example([(6, 20), (6, 5)], [GREEDY] * 20 + [MODEST] + [GREEDY] * 20)
def test_no_window_has_more_than_the_limit_of_the_latest_client(limits, steps):
    """Processes that share a client ID may have different limits; each keeps its limit, whatever the others reserved."""
    state, now, pause_until, granted = MemoryState(), int(FakeClock().now) * MICROSECONDS_PER_SECOND, 0, []
    for tick, (action, client, seconds) in steps:
        now += tick
        if action == "pause":
            state.pause("log", seconds, now=now / MICROSECONDS_PER_SECOND)
            pause_until = max(pause_until, now + int(seconds * MICROSECONDS_PER_SECOND))
            continue
        per_second, per_minute = limits[client % len(limits)]
        rates = Rate(per_second, SECOND), Rate(per_minute, MINUTE)
        before = state.reservations("log", now=0)
        wait = state.reserve("log", rates, now=now / MICROSECONDS_PER_SECOND, within=seconds)
        if wait > seconds:
            assert state.reservations("log", now=0) == before
            continue
        reserved = now + round(wait * MICROSECONDS_PER_SECOND)
        assert reserved >= max([pause_until, now, *granted[-1:]]) - 2  # first come, first served
        granted.append(reserved)
        for limit, window in ((per_second, 1), (per_minute, 60)):
            assert len(granted) - bisect_left(granted, reserved - window * MICROSECONDS_PER_SECOND) <= limit


@given(
    st.lists(st.sampled_from([0.0, 0.01, 0.3, 2.0]), min_size=1, max_size=30),
    st.floats(0, 40),
    st.floats(0, 1),
)
def test_reservation_that_is_postponed_stays_in_the_past_and_leaves_the_others(pauses, age, share):
    state, now = MemoryState(), FakeClock().now
    for pause in pauses:
        now += pause
        state.reserve("log", [Rate(100, MINUTE)], now=now, within=0)
    before = state.reservations("log", now=now).ahead
    state.postpone("log", age * share, age=age, now=now)
    after = state.reservations("log", now=now).ahead
    moved = [ahead for ahead in before if ahead <= -age + 1e-5][-1:]
    assert list(after) == sorted(after)
    assert max(after) <= 1e-5
    expected = sorted([*before, -age * (1 - share)]) if moved else sorted(before)
    if moved:
        expected.remove(moved[0])
    assert all(abs(one - other) < 1e-4 for one, other in zip(sorted(after), expected, strict=True))


def packed(numbers):
    return b"".join(n.to_bytes(8, "little", signed=True) for n in numbers)


numbers = st.lists(st.integers(-1, 2**62), max_size=6)
logs = st.tuples(st.integers(-1, 2**62), numbers)


@given(
    st.binary(max_size=80) | numbers.map(packed)
    | logs.map(lambda log: packed([log[0], *log[1]]))
)  # fmt: skip
def test_whatever_lies_in_the_log_the_next_reservation_is_not_beyond_the_horizon(stored):
    state, now = MemoryState(), FakeClock().now
    state.write("log", stored, lifetime=60)
    reservations = state.reservations("log", now=now)
    assert reservations.paused <= MAX_AHEAD_SECONDS
    assert state.reserve("log", [Rate(1, 60.25)], now=now, within=1e9) <= MAX_AHEAD_SECONDS + 60.25
