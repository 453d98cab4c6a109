"""What a device uploads after it was offline: in which order, how much at a time, and all of it once."""

from __future__ import annotations

import itertools

import pytest

from airflow_provider_minut.sandbox.simulation.check_ins import CheckIns, Outage
from airflow_provider_minut.sandbox.simulation.fleet import Fleet
from airflow_provider_minut.sandbox.simulation.timestamps import HISTORY_START, MINUTE
from airflow_provider_minut.sandbox.simulation.uploads import Uploads
from tests.unit.sandbox.support import HOUR

NOW = 1_800_000_000_000
ORDERS = ["at_once", "oldest_first", "newest_first", "mixed"]
PARTS = ["oldest_first", "newest_first", "mixed"]


class Simulated:
    """A fleet whose first device is offline for a number of hours, and then back."""

    def __init__(self, order, hours, *, measures=True, missed_share=0.0, part=6, silent=0):
        self.check_ins = CheckIns(0, Fleet(1, 2, silent), missed_share, NOW)
        self.uploads = Uploads(0, self.check_ins, order, part)
        self.gone = self.check_ins.last(1, NOW)
        self.offline = range(NOW, NOW + hours * HOUR)
        self.add(self.offline, measures=measures)
        self.back = self.check_ins.next(1, self.gone)

    def add(self, time, *, measures=True):
        self.check_ins.add_outage(1, Outage(time, measures))

    def uploaded(self, now):
        """The minutes since the last check-in before it went offline that are uploaded."""
        periods = self.uploads.until(1, self.check_ins.last(1, now))
        assert all(a.stop < b.start for a, b in itertools.pairwise(periods))
        assert periods[0].start == HISTORY_START
        late = (range(max(period.start, self.gone + 1), period.stop) for period in periods)
        return {minute for period in late for minute in minutes_of(period)}

    def parts(self):
        """What each check-in after the offline period uploads, until nothing is late."""
        known, check_in = self.uploaded(self.back - 1), self.back
        while not (found := self.uploaded(check_in)) >= minutes_of(range(self.gone + 1, check_in + 1)):
            yield check_in, found - known
            assert found >= known
            known, check_in = found, self.check_ins.next(1, check_in)
        yield check_in, found - known


def minutes_of(period):
    return {m // MINUTE for m in range(-(-period.start // MINUTE) * MINUTE, period.stop, MINUTE)}


@pytest.fixture(params=[1, 10, 40, 96])
def hours(request):
    return request.param


@pytest.mark.parametrize("order", ORDERS)
def test_nothing_is_uploaded_while_a_device_is_offline(order, hours):
    simulated = Simulated(order, hours)
    assert simulated.back - simulated.gone == (hours + 1) * HOUR
    for now in (simulated.offline.start, simulated.offline.stop - 1, simulated.back - 1):
        assert simulated.uploaded(now) == set()
        assert simulated.check_ins.last(1, now) == simulated.gone
    assert simulated.uploaded(simulated.back)
    assert simulated.check_ins.last(1, simulated.back) == simulated.back


@pytest.mark.parametrize("missed_share", [0, 0.3])
@pytest.mark.parametrize("order", PARTS)
def test_each_check_in_brings_its_part_until_everything_has_arrived_once(order, hours, missed_share):
    simulated = Simulated(order, hours, missed_share=missed_share)
    parts = list(simulated.parts())
    everything = [minute for _, part in parts for minute in part]
    assert sorted(everything) == sorted(minutes_of(range(simulated.gone + 1, parts[-1][0] + 1)))
    assert len(parts) > hours // 6
    for _, part in parts[:-1]:
        assert 6 * 60 <= len(part) <= 7 * 60 + 1


def test_oldest_first_leaves_no_gap(hours):
    simulated = Simulated("oldest_first", hours)
    for check_in, _ in simulated.parts():
        (period,) = simulated.uploads.until(1, check_in)
        assert period.start == HISTORY_START


def test_newest_first_leaves_one_gap_that_closes_from_its_newest_end():
    simulated = Simulated("newest_first", 40)
    ends = []
    for check_in, _ in list(simulated.parts())[:-1]:
        before, after = simulated.uploads.until(1, check_in)
        assert before.stop == simulated.gone + 1
        assert after.stop == check_in + 1
        ends.append(after.start)
    assert ends == sorted(ends, reverse=True)
    assert len(set(ends)) == len(ends) > 5


def test_mixed_leaves_several_gaps_and_depends_on_the_seed():
    simulated = Simulated("mixed", 40)
    assert len(simulated.uploads.until(1, simulated.back)) > 3
    other = Uploads(1, simulated.check_ins, "mixed", 6)
    assert other.until(1, simulated.back) != simulated.uploads.until(1, simulated.back)


def test_at_once_has_no_gap_after_the_first_check_in(hours):
    assert len(list(Simulated("at_once", hours).parts())) == 1


@pytest.mark.parametrize("order", ORDERS)
def test_device_that_was_switched_off_has_a_gap_that_stays(order):
    simulated = Simulated(order, 10, measures=False)
    later = simulated.back + 100 * HOUR
    before, after = simulated.uploads.until(1, later)
    assert (before.stop, after.start) == (simulated.offline.start, simulated.offline.stop)
    assert simulated.uploads.measured(1, later)[:-1] == [before]


@pytest.mark.parametrize("order", PARTS)
def test_backlog_of_two_offline_periods_is_uploaded_once(order):
    simulated = Simulated(order, 40)
    # It is back for two check-ins, then offline again, with a backlog of both periods.
    again = range(simulated.back + 90 * MINUTE, simulated.back + 30 * HOUR)
    simulated.add(again)
    simulated.add(range(again.start + HOUR, again.start + 2 * HOUR))  # within the second one
    parts = list(simulated.parts())
    assert len(parts) > 70 / 6
    assert sum(len(part) for _, part in parts) == len({minute for _, part in parts for minute in part})


@pytest.mark.parametrize("order", ORDERS)
def test_offline_period_between_two_check_ins_costs_nothing(order):
    simulated = Simulated(order, 0)
    simulated.add(range(simulated.gone + MINUTE, simulated.gone + 2 * MINUTE))
    assert len(simulated.uploads.until(1, simulated.back)) == 1
    assert not simulated.check_ins.is_offline(1, simulated.back - 1)


def test_device_is_offline_from_the_first_missed_check_in_to_the_next_one():
    simulated = Simulated("mixed", 10)
    missed = simulated.check_ins.following(1, simulated.gone)
    flags = [simulated.check_ins.is_offline(1, now) for now in range(NOW, NOW + 15 * HOUR, MINUTE)]
    assert flags == [missed <= now < simulated.back for now in range(NOW, NOW + 15 * HOUR, MINUTE)]
    assert not simulated.check_ins.is_offline(2, missed)


def test_silent_devices_stay_silent_whatever_their_offline_periods():
    simulated = Simulated("mixed", 10, silent=2)
    later = NOW + 200 * HOUR
    assert simulated.check_ins.is_offline(1, later)
    assert simulated.uploads.until(1, simulated.check_ins.last(1, later)) == [
        range(HISTORY_START, simulated.gone + 1)
    ]


def test_other_devices_are_not_affected():
    simulated = Simulated("mixed", 96)
    heard = simulated.check_ins.last(2, simulated.back)
    assert simulated.back - heard < HOUR
    assert simulated.uploads.until(2, heard) == [range(HISTORY_START, heard + 1)]
