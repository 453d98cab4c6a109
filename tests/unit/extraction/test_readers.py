"""Which time range of a series is read, given what the destination has of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_minut.extraction.datasets import DATASETS
from airflow_provider_minut.extraction.extractor import Extractor, Selection
from airflow_provider_minut.extraction.progress import StoredSeries
from tests.unit.extraction.test_extractor import Account

DAY = datetime(2026, 6, 10, tzinfo=UTC)
FIVE_MINUTES = timedelta(minutes=5)


def at(hours, minutes=0):
    return DAY + timedelta(hours=hours, minutes=minutes)


END, EARLIEST = at(24), at(-48)


def ranges(stored, *, heard=END, since=EARLIEST, **selected):
    """The time ranges that are requested for one sensor of one device, as edges in hours of the day."""
    account = Account([heard])
    selection = Selection(start_at=at(0), end_at=at(24), sensors=["humidity"], **selected)
    extraction = Extractor(account, selection)
    extraction.stored = None if stored is None else {("d0", "humidity"): stored} if stored else {}
    extraction.stored_since = since
    list(DATASETS["readings"].rows(extraction))
    return [tuple((edge - DAY) / timedelta(hours=1) for edge in call[2:4]) for call in account.calls]


COMPLETE = StoredSeries(at(-48), at(-1, 55), 576)
MINUTES = 5 / 60


def test_complete_series_is_read_in_the_range_of_the_run():
    # One interval earlier: it may have been incomplete when the device checked in.
    assert ranges(COMPLETE) == [(-MINUTES, 24)]


def test_series_with_a_gap_is_read_from_there():
    gap = StoredSeries(at(-48), at(-1, 55), 400, before_gap=at(-30), after_gap=at(-20))
    assert ranges(gap) == [(-30, 24)]


def test_gap_at_the_beginning_counts_from_the_earliest_reading_of_the_table():
    assert ranges(StoredSeries(at(-40), at(-1, 55), 400)) == [(-48, 24)]


def test_series_without_readings_is_read_from_the_earliest_reading_of_the_table():
    assert ranges({}) == [(-48, 24)]


def test_device_that_checked_in_before_the_range_is_read_only_if_something_is_missing():
    assert ranges(COMPLETE, heard=at(-1, 58)) == []
    gap = StoredSeries(at(-48), at(-4), 400)
    assert ranges(gap, heard=at(-1, 58)) == [(-4, -MINUTES + MINUTES)]


def test_nothing_is_read_beyond_the_last_check_in():
    assert ranges(COMPLETE, heard=at(10, 2)) == [(-MINUTES, 10 + MINUTES)]
    assert ranges(COMPLETE, heard=None) == [(-MINUTES, 24)]


def test_destination_that_knows_nothing_is_not_asked():
    assert ranges(None, heard=at(10, 2)) == [(0, 24)]
    assert ranges(None, heard=at(-1)) == []


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ({}, [(0, 24)]),
        (StoredSeries(at(0), at(23, 55), 288), []),
        (StoredSeries(at(0), at(23, 55), 288, at(12), at(13)), [(12, 24)]),
        (StoredSeries(at(0), at(12), 145), [(12, 24)]),
    ],
)
def test_only_what_is_missing(stored, expected):
    assert ranges(stored, since=at(0), only_missing=True) == expected


def test_since_when_readings_are_missing():
    selection = Selection(start_at=at(0), end_at=at(24), late_within=timedelta(days=2))
    assert selection.missing_since(None) == at(0)
    assert selection.missing_since(at(-500)) == at(-48)
    assert selection.missing_since(at(-3, 2)) == at(-3)
    assert selection.missing_since(at(3)) == at(0)
