from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from airflow_provider_minut.exceptions import MinutConfigurationError, MinutNotFoundError
from airflow_provider_minut.extraction.datasets import DATASETS, Selection, tabular
from airflow_provider_minut.extraction.extractor import Extractor

START = datetime(2026, 6, 1, 10, tzinfo=UTC)
END = START + timedelta(hours=1)


class Account:
    """What an extraction needs of a client, and a record of what it asked."""

    def __init__(self, heard=(START, START, START)):
        self.settings = SimpleNamespace(requests_per_minute=120)
        self.max_window = timedelta(days=7)
        self.request_count = 5
        self.asked = []
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
        self.asked.append((home_id, start_at, end_at, tuple(event_types)))
        for part in (0, 1):
            self.request_count += 1
            times = [start_at + timedelta(minutes=10 * part + n) for n in (2, 0, 1)]
            yield ({"event_id": f"{home_id}-{t:%M}", "home_id": home_id, "event_time": t} for t in times)

    def iter_readings(self, device_id, sensor, *, start_at, end_at, **options):
        self.asked.append((device_id, sensor, start_at, end_at, options))
        self.request_count += 1
        if (device_id, sensor) == self.broken:
            raise MinutNotFoundError("404", status=404)
        yield {"time": start_at, "value": 1.0, "max": 2.0}


def extract(account, dataset, **selection):
    extraction = Extractor(
        account, Selection(dataset=dataset, **{"start_at": START, "end_at": END, **selection})
    )
    return list(extraction.rows()), extraction


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
    assert account.asked == [(home, START, END, ("noise_detected",)) for home in ("b1", "b2")]
    assert (extraction.row_count, extraction.request_count) == (12, 5)


def test_events_of_given_homes_need_no_list_of_homes():
    account = Account()
    _, extraction = extract(account, "events", home_ids=["b2"])
    assert extraction.request_count == 2


def test_readings_are_asked_for_in_whole_intervals():
    account = Account()
    extract(
        account,
        "readings",
        start_at=START + timedelta(seconds=10),
        end_at=END + timedelta(seconds=299),
        sensors=["humidity"],
    )
    assert account.asked[0] == (
        "d0",
        "humidity",
        START,
        END,
        {"time_resolution": 300, "include_min_max": False},
    )


def test_rows_of_readings_say_whose_they_are_and_keep_unknown_fields():
    rows, _ = extract(Account(), "readings", device_ids=["d1"], sensors=["humidity"])
    assert rows == [{"device_id": "d1", "sensor": "humidity", "time": START, "value": 1.0, "max": 2.0}]


@pytest.mark.parametrize("since", [None, START - timedelta(hours=2)])
def test_devices_that_have_not_checked_in_are_not_asked(since):
    heard = [START - timedelta(hours=3), START - timedelta(hours=1), START, None]
    account = Account(heard)
    extract(account, "readings", heard_since=since, sensors=["humidity"])
    asked = [device for device, *_ in account.asked]
    assert asked == (["d1", "d2", "d3"] if since else ["d2", "d3"])  # d3 does not say


def test_device_without_a_sensor_is_told_and_left_out(caplog):
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


def test_plan_is_told_before_it_starts(caplog):
    caplog.set_level(logging.INFO)
    account = Account([START] * 200)
    account.max_window = timedelta(minutes=20)
    rows = Extractor(account, Selection(dataset="readings", start_at=START, end_at=END)).rows()
    next(rows)
    assert "for the readings of 200 devices from" in caplog.messages[0]
    assert "2400 requests, about 19 min at 120 a minute" in caplog.messages[0]


def test_plan_says_which_devices_are_left_out_and_that_nothing_waits(caplog):
    caplog.set_level(logging.INFO)
    account = Account([START, START - timedelta(days=3)])
    list(Extractor(account, Selection(dataset="readings", start_at=START, end_at=END)).rows())
    assert "Plan: 4 requests, no wait at" in caplog.messages[0]
    assert "for the readings of 1 devices (1 more have not checked in) from 20" in caplog.messages[0]
    assert "." not in caplog.messages[0].partition(" from ")[2].rstrip("."), "no one needs microseconds"


def test_progress_is_told_now_and_then_with_the_time_left(caplog):
    caplog.set_level(logging.INFO)
    seconds = iter(range(0, 10_000, 10))
    selection = Selection(dataset="readings", start_at=START, end_at=END, sensors=["humidity", "battery"])
    list(Extractor(Account(), selection, monotonic=lambda: next(seconds)).rows())
    assert caplog.messages[1:] == [
        "1 of 6 sensors, 1 rows, 2 requests; about 100 s left.".replace("100 s", "2 min"),
        "3 of 6 sensors, 3 rows, 4 requests; about 40 s left.",
        "5 of 6 sensors, 5 rows, 6 requests; about 12 s left.",
    ]


@pytest.mark.parametrize(
    ("wrong", "field"), [({"dataset": "guests"}, "dataset"), ({"end_at": START}, "start_at")]
)
def test_wrong_selection_is_an_error_that_names_the_field(wrong, field):
    with pytest.raises(MinutConfigurationError, match=field):
        Selection(**{"dataset": "events", "start_at": START, "end_at": END, **wrong})


def test_tabular_rows_have_all_columns_and_lose_nothing():
    (row,) = tabular(DATASETS["homes"], [{"home_id": "b1", "brand_new": [1]}])
    assert row == {
        "home_id": "b1",
        "name": None,
        "timezone": None,
        "alarm_status": None,
        "additional_fields": {"brand_new": [1]},
    }
