"""A fleet of any size is derived from the numbers of its homes and devices."""

from __future__ import annotations

import itertools
import random

import pytest

from airflow_provider_minut.sandbox.simulation.check_ins import CheckIns
from airflow_provider_minut.sandbox.simulation.fleet import (
    Fleet,
    UnknownIdError,
    device_id,
    home_id,
    home_zone,
    local_time,
)
from tests.unit.sandbox.support import DEVICE, HOME, HOUR

NOW = 1_800_000_000_000


@pytest.mark.parametrize("number", [1, 2, 0xFFF, 0x1000, 0x1001, 10_000_000])
def test_ids_are_read_back(number):
    fleet = Fleet(10_000_000, 10_000_000)
    assert len(home_id(number)) == len(device_id(number)) == 24
    assert fleet.home_number(home_id(number)) == fleet.device_number(device_id(number)) == number
    with pytest.raises(UnknownIdError, match="^home_id: must be the ID of a home"):
        fleet.home_number(device_id(number))
    with pytest.raises(UnknownIdError, match="^device_id: must be the ID of a device"):
        fleet.device_number(home_id(number))


def test_first_ids_are_those_that_they_always_were():
    assert (home_id(1), device_id(3)) == (HOME, "64aa0000000000000000d003")


@pytest.mark.parametrize(
    "id_", ["", "64aa0000000000000000b000", "64aa0000000000000000b003", HOME.upper(), HOME + "0", DEVICE]
)
def test_other_ids_are_unknown(id_):
    with pytest.raises(UnknownIdError):
        Fleet(2, 3).home_number(id_)


@pytest.mark.parametrize(
    ("homes", "expected"), [(1, [1, 1, 1, 1, 1]), (2, [1, 1, 2, 2, 1]), (9, [1, 1, 2, 4, 5])]
)
def test_devices_are_spread_over_the_homes_there_are(homes, expected):
    assert [Fleet(homes, 5).home_of(number) for number in range(1, 6)] == expected


@pytest.mark.parametrize(("devices", "silent"), [(1, 1), (40, 7), (1000, 1), (10, 0), (0, 0)])
def test_as_many_devices_are_silent_as_requested_and_spread_evenly(devices, silent):
    fleet = Fleet(3, devices, silent)
    numbers = [number for number in range(1, devices + 1) if fleet.is_silent(number)]
    gaps = {b - a for a, b in itertools.pairwise(numbers)}
    assert len(numbers) == silent
    assert not gaps or max(gaps) - min(gaps) <= 1


def test_local_time_knows_summer():
    summer, winter = 1_782_000_000_000, 1_800_000_000_000
    assert home_zone(1) == "Europe/Stockholm"
    assert local_time(1, summer) - summer == 2 * HOUR
    assert local_time(1, winter) - winter == HOUR


def test_check_ins_are_hourly_and_the_next_one_brings_what_a_missed_one_did_not():
    check_ins = CheckIns(0, Fleet(2, 200), 0.2, NOW)
    rng = random.Random(1)
    late = 0
    for device in range(1, 201):
        now = NOW + rng.randrange(HOUR)
        last, following = check_ins.last(device, now), check_ins.following(device, now)
        assert last <= now < following <= now + HOUR
        assert (following - last) % HOUR == 0
        assert check_ins.last(device, following - 1) == last
        late += following - last > HOUR
    assert 20 <= late <= 60  # a fifth of 200


def test_devices_check_in_at_a_time_of_their_own():
    check_ins = CheckIns(0, Fleet(2, 200), 0, NOW)
    assert len({check_ins.last(device, NOW) % HOUR for device in range(1, 201)}) > 150


def test_silent_devices_stay_silent():
    check_ins = CheckIns(0, Fleet(2, 10, 10), 0.05, NOW)
    for device in range(1, 11):
        before = check_ins.last(device, NOW)
        assert before <= NOW - 72 * HOUR
        assert check_ins.last(device, NOW + 100 * HOUR) == before
