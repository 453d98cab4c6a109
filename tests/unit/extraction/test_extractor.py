from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from airflow_provider_minut.exceptions import MinutConfigurationError, MinutNotFoundError
from airflow_provider_minut.extraction.datasets import DATASETS, checked_dataset, tabular
from airflow_provider_minut.extraction.extractor import Extractor, Selection

START = datetime(2026, 6, 1, 10, tzinfo=UTC)
END = START + timedelta(hours=1)


class Account:
    """The methods of a client that an extraction needs, and a record of their calls."""

    def __init__(self, heard=(START, START, START)):
        self.settings = SimpleNamespace(requests_per_minute=120)
        self.max_window = timedelta(days=7)
        self.request_count = 5
        self.calls = []
        self.heard = heard
        self.broken = None

    def iter_homes(self):
        self.request_count += 1
        yield from ({"home_id": home_id, "name": home_id.upper()} for home_id in ("b2", "b1"))

    def iter_devices(self):
        self.request_count += 1
        for number, heard in reversed(list(enumerate(self.heard))):
            device = {"device_id": f"d{number}", "home": f"b{number % 2 + 1}"}
            yield device | ({"last_heard_from_at": heard} if heard else {})

    def iter_home_event_parts(self, home_id, *, start_at, end_at, event_types):
        self.calls.append((home_id, start_at, end_at, tuple(event_types)))
        for part in (0, 1):
            self.request_count += 1
            times = [start_at + timedelta(minutes=10 * part + n) for n in (2, 0, 1)]
            yield ({"event_id": f"{home_id}-{t:%M}", "home_id": home_id, "event_time": t} for t in times)

    def iter_readings(self, device_id, sensor, *, start_at, end_at, **options):
        self.calls.append((device_id, sensor, start_at, end_at, options))
        self.request_count += 1
        if (device_id, sensor) == self.broken:
            raise MinutNotFoundError("404", status=404)
        yield {"time": start_at, "value": 1.0, "max": 2.0}


def extract(account, dataset, **selection):
    extraction = Extractor(account, Selection(**{"start_at": START, "end_at": END, **selection}))
    return list(extraction.rows(DATASETS[dataset].read)), extraction


def test_homes_and_devices_come_sorted():
    homes, _ = extract(Account(), "homes")
    assert [home["home_id"] for home in homes] == ["b1", "b2"]
    devices, extraction = extract(Account(), "devices")
    assert [device["device_id"] for device in devices] == ["d0", "d1", "d2"]
    assert (extraction.row_count, extraction.request_count) == (3, 1)


def test_events_come_home_by_home_and_oldest_first():
    account = Account()
    events, extraction = extract(account, "events", event_types=["noise_detected"])
    assert [event["event_id"] for event in events] == [
        f"{home}-{minute}" for home in ("b1", "b2") for minute in ("00", "01", "02", "10", "11", "12")
    ]
    assert account.calls == [(home, START, END, ("noise_detected",)) for home in ("b1", "b2")]
    assert (extraction.row_count, extraction.request_count) == (12, 5)


def test_events_of_given_homes_need_no_list_of_homes():
    account = Account()
    _, extraction = extract(account, "events", home_ids=["b2"])
    assert extraction.request_count == 2


def test_readings_are_requested_in_whole_intervals():
    account = Account()
    extract(
        account,
        "readings",
        start_at=START + timedelta(seconds=10),
        end_at=END + timedelta(seconds=299),
        sensors=["humidity"],
    )
    assert account.calls[0] == (
        "d0",
        "humidity",
        START,
        END,
        {"time_resolution": 300, "include_min_max": False},
    )


def test_rows_of_readings_name_device_and_sensor_and_keep_unknown_fields():
    rows, _ = extract(Account(), "readings", device_ids=["d1"], sensors=["humidity"])
    assert rows == [{"device_id": "d1", "sensor": "humidity", "time": START, "value": 1.0, "max": 2.0}]


@pytest.mark.parametrize("since", [None, START - timedelta(hours=2)])
def test_readings_of_devices_that_have_not_checked_in_are_not_requested(since):
    heard = [START - timedelta(hours=3), START - timedelta(hours=1), START, None]
    account = Account(heard)
    extract(account, "readings", heard_since=since, sensors=["humidity"])
    devices = [device for device, *_ in account.calls]
    assert devices == (["d1", "d2", "d3"] if since else ["d2", "d3"])  # d3 has no time


def test_device_without_a_sensor_is_logged_and_skipped(caplog):
    account = Account()
    account.broken = ("d1", "pressure")
    rows, _ = extract(account, "readings", sensors=["pressure"])
    assert [row["device_id"] for row in rows] == ["d0", "d2"]
    assert "d1 has no sensor pressure" in caplog.text


def test_devices_can_be_chosen_by_home():
    devices, _ = extract(Account(), "devices", home_ids=["b1"])
    assert [device["device_id"] for device in devices] == ["d0", "d2"]


@pytest.mark.parametrize(
    ("dataset", "ids"), [("homes", {"home_ids": ["b1", "nope"]}), ("devices", {"device_ids": ["nope"]})]
)
def test_unknown_ids_are_an_error_and_not_an_empty_result(dataset, ids):
    with pytest.raises(MinutConfigurationError, match="nope"):
        extract(Account(), dataset, **ids)


def test_plan_is_logged_first(caplog):
    caplog.set_level(logging.INFO)
    account = Account([START] * 200)
    account.max_window = timedelta(minutes=20)
    extraction = Extractor(account, Selection(start_at=START, end_at=END))
    next(extraction.rows(DATASETS["readings"].read))
    assert "for the readings of 200 devices from" in caplog.messages[0]
    assert "2400 requests, about 19 min at 120 requests/min" in caplog.messages[0]


def test_plan_counts_skipped_devices_and_expects_no_delay_for_few_requests(caplog):
    caplog.set_level(logging.INFO)
    extract(Account([START, START - timedelta(days=3)]), "readings")
    assert "Plan: 4 requests, no delay at" in caplog.messages[0]
    assert "for the readings of 1 device (1 more has not checked in) from 20" in caplog.messages[0]
    assert "." not in caplog.messages[0].partition(" from ")[2].rstrip("."), "no one needs microseconds"


def test_plan_of_one_request_is_singular(caplog):
    caplog.set_level(logging.INFO)
    extract(Account(), "events", home_ids=["b1"])
    assert (
        "Plan: at least 1 request, no delay at 120 requests/min, for the events of 1 home from" in caplog.text
    )


def test_progress_is_logged_periodically_with_the_time_left(caplog):
    caplog.set_level(logging.INFO)
    seconds = iter(range(0, 10_000, 10))
    selection = Selection(start_at=START, end_at=END, sensors=["humidity", "battery"])
    list(Extractor(Account(), selection, monotonic=lambda: next(seconds)).rows(DATASETS["readings"].read))
    assert caplog.messages[1:] == [
        "Progress: 1 of 6 sensors, 1 row, 2 requests; about 2 min left.",
        "Progress: 3 of 6 sensors, 3 rows, 4 requests; about 40 s left.",
        "Progress: 5 of 6 sensors, 5 rows, 6 requests; about 12 s left.",
    ]


def test_unknown_dataset_and_empty_range_are_errors_that_name_the_field():
    with pytest.raises(MinutConfigurationError, match="^dataset: must be one of homes, "):
        checked_dataset("guests")
    with pytest.raises(MinutConfigurationError, match="^start_at: must be before end_at"):
        Selection(start_at=START, end_at=START)


def test_tabular_rows_have_all_columns_and_lose_nothing():
    (row,) = tabular(DATASETS["homes"], [{"home_id": "b1", "brand_new": [1]}])
    assert row == {
        "home_id": "b1",
        "name": None,
        "timezone": None,
        "alarm_status": None,
        "additional_fields": {"brand_new": [1]},
    }
