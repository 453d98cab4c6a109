"""Noisy periods and their events are a pure function of seed, home and time."""

from __future__ import annotations

import itertools

import pytest

from airflow_provider_minut.sandbox.simulation.fleet import Fleet, local_time
from airflow_provider_minut.sandbox.simulation.noise import NoiseSchedule
from airflow_provider_minut.sandbox.simulation.readings import SENSORS, HistoryQuery, Readings
from airflow_provider_minut.sandbox.simulation.timestamps import MINUTE
from tests.unit.sandbox.support import DAY, HOUR

TODAY = 1_800_000_000_000 // DAY * DAY


def periods_of(schedule, home, days):
    slots = range(schedule.slot_at(TODAY), schedule.slot_at(TODAY + days * DAY))
    return [(slot, period) for slot in slots if (period := schedule.period_in(home, slot))]


@pytest.mark.parametrize("per_day", [0.5, 1, 3, 7, 50, 8640])
def test_noisy_periods_stay_in_their_slots_and_are_long_enough_for_their_events(per_day):
    schedule = NoiseSchedule(0, per_day, 0.05)
    found = periods_of(schedule, 1, 2 if per_day > 1000 else 30)
    for slot, period in found:
        detected, quieted = schedule.events(1, slot)
        assert schedule.slot_at(period.start) == schedule.slot_at(period.end) == slot
        assert period.start < detected.time < quieted.time == period.end
        assert detected.time - period.start == min(10 * MINUTE, DAY // schedule.slots // 4)
    assert all(a.end < b.start for (_, a), (_, b) in itertools.pairwise(found))


@pytest.mark.parametrize(
    ("per_day", "days", "expected"), [(0, 100, 0), (0.5, 400, 200), (3, 10, 30), (2.6, 10, 30)]
)
def test_there_are_as_many_noisy_periods_as_requested(per_day, days, expected):
    assert len(periods_of(NoiseSchedule(0, per_day, 0), 1, days)) == pytest.approx(expected, rel=0.15)


def test_noisy_periods_of_a_quiet_fleet_last_20_to_90_minutes_and_mostly_at_night():
    found = [period for home in range(1, 8) for _, period in periods_of(NoiseSchedule(0, 1, 0), home, 30)]
    hours = [local_time(1 + n // 30, period.start) % DAY // HOUR for n, period in enumerate(found)]
    assert {20 <= (period.end - period.start) / MINUTE <= 90 for period in found} == {True}
    assert sum(hour >= 19 or hour < 2 for hour in hours) > 0.6 * len(found)


def test_everything_is_the_same_again_and_other_seeds_are_different():
    def seen(seed):
        schedule = NoiseSchedule(seed, 3, 0.05)
        readings = Readings(seed, Fleet(2, 3), schedule)
        query = HistoryQuery(TODAY, TODAY + DAY, HOUR)
        values = [readings.history(sensor, 1, query, [range(TODAY + DAY)]) for sensor in SENSORS]
        return periods_of(schedule, 1, 5), values

    assert seen(7) == seen(7) != seen(8)


@pytest.mark.parametrize("per_day", [1, 3, 50])
def test_events_follow_from_the_sound(per_day):
    fleet, schedule = Fleet(3, 6), NoiseSchedule(0, per_day, 0.05)
    readings = Readings(0, fleet, schedule)
    for device in (1, 3, 6):
        home = fleet.home_of(device)
        noisy = [period for _, period in periods_of(schedule, home, 2)]
        for minute in range(TODAY, TODAY + 2 * DAY, MINUTE):
            level = readings.sound(device, minute)
            if any(period.start <= minute < period.end for period in noisy):
                assert 76 <= level <= 90
            else:
                assert level < 70


def test_days_are_warmer_louder_busier_and_dryer_than_nights():
    readings = Readings(0, Fleet(2, 3), NoiseSchedule(0, 0, 0))

    def mean(sensor, hour):
        begin = TODAY + (hour - 1) * HOUR  # Stockholm in winter
        values = [
            readings.history(sensor, 1, HistoryQuery(at, at + HOUR, HOUR), [range(TODAY + 40 * DAY)])[0][1][
                "value"
            ]
            for at in range(begin, begin + 5 * DAY, DAY)
        ]
        return sum(values) / len(values)

    for sensor in ("temperature", "sound_level", "motion_events"):
        assert mean(sensor, 16) > mean(sensor, 4)
    assert mean("humidity", 16) < mean("humidity", 4)
    assert 980 < mean("pressure", 16) < 1050
    assert 2.4 <= mean("battery", 16) <= 3
