from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow_provider_minut.extraction.progress import StoredSeries, first_gap, read_from

SINCE = datetime(2026, 6, 1, tzinfo=UTC)
FIVE_MINUTES = timedelta(minutes=5)


def at(minutes):
    return SINCE + timedelta(minutes=minutes)


def test_series_without_readings_is_read_from_the_start():
    assert first_gap(None, SINCE, FIVE_MINUTES) == SINCE
    assert read_from(None, SINCE, FIVE_MINUTES) == SINCE


def test_series_that_starts_late_is_read_from_the_start():
    assert first_gap(StoredSeries(at(5), at(50), 10), SINCE, FIVE_MINUTES) == SINCE


def test_series_without_a_gap_goes_on_after_its_last_reading():
    series = StoredSeries(at(0), at(45), 10)
    assert first_gap(series, SINCE, FIVE_MINUTES) == at(50)
    assert read_from(series, SINCE, FIVE_MINUTES) == at(45)


def test_newest_reading_does_not_hide_a_gap():
    series = StoredSeries(at(0), at(600), 20, before_gap=at(30), after_gap=at(500))
    assert first_gap(series, SINCE, FIVE_MINUTES) == at(35)
    assert read_from(series, SINCE, FIVE_MINUTES) == at(30)


def test_first_reading_may_be_some_seconds_off_the_grid():
    series = StoredSeries(SINCE + timedelta(seconds=20), at(45), 10)
    assert first_gap(series, SINCE, FIVE_MINUTES) == at(50)
