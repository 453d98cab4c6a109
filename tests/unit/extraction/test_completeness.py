from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_minut.extraction.completeness import Completeness, SeriesCounter
from airflow_provider_minut.extraction.datasets import DATASETS
from airflow_provider_minut.extraction.progress import StoredSeries

START = datetime(2026, 6, 1, tzinfo=UTC)
FIVE_MINUTES = timedelta(minutes=5)
TEN = ("d1", "sound_level"), ("d1", "humidity"), ("d2", "sound_level")


def at(number):
    return START + number * FIVE_MINUTES


def reading(number, value=1.0, device="d1", sensor="sound_level"):
    return {"device_id": device, "sensor": sensor, "time": at(number), "value": value}


def completeness(stored, series=TEN):
    return Completeness(series, stored, START, at(10), FIVE_MINUTES)


def test_coverage_is_by_sensor():
    stored = {
        ("d1", "sound_level"): StoredSeries(at(0), at(9), 10),
        ("d2", "sound_level"): StoredSeries(at(0), at(4), 5),
        ("d1", "humidity"): StoredSeries(at(0), at(2), 3),
    }
    assert completeness(stored).coverage() == {"sound_level": 0.75, "humidity": 0.3}


def test_device_without_readings_counts_as_missing():
    assert completeness({}).coverage() == {"sound_level": 0.0, "humidity": 0.0}


def test_one_missing_reading_is_never_rounded_away():
    series = [("d1", "sound_level")]
    stored = {series[0]: StoredSeries(at(0), at(99_999), 99_999)}
    assert Completeness(series, stored, START, at(100_000), FIVE_MINUTES).coverage() == {
        "sound_level": 0.9999
    }


def test_range_shorter_than_an_interval_expects_nothing():
    assert Completeness(TEN, {}, START, START + timedelta(minutes=1), FIVE_MINUTES).coverage() == {}


@pytest.mark.parametrize(
    ("stored", "gap"),
    [
        (None, (0, 10)),
        (StoredSeries(at(3), at(9), 7), (0, 3)),
        (StoredSeries(at(0), at(9), 5, at(2), at(8)), (3, 8)),
        (StoredSeries(at(0), at(6), 7), (7, 10)),
    ],
)
def test_first_gap_of_a_series(stored, gap):
    found = list(completeness({TEN[0]: stored} if stored else {}, TEN[:1]).gaps())
    assert found == [f"d1/sound_level from {at(gap[0]).isoformat()} to {at(gap[1]).isoformat()}"]


def test_complete_series_has_no_gap():
    assert list(completeness({TEN[0]: StoredSeries(at(0), at(9), 10)}, TEN[:1]).gaps()) == []


def test_counter_sees_what_the_database_would():
    counter = SeriesCounter(FIVE_MINUTES)
    rows = [reading(number) for number in (0, 1, 2, 5, 6, 9)] + [
        reading(0, device="d2"),
        reading(1, None, "d2"),
    ]
    assert list(counter.counted(DATASETS["readings"], iter(rows))) == rows
    assert counter.stored == {
        ("d1", "sound_level"): StoredSeries(at(0), at(9), 6, at(2), at(5)),
        ("d2", "sound_level"): StoredSeries(at(0), at(0), 1),
    }
