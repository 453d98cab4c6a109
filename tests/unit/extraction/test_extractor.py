from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from airflow_provider_minut.exceptions import (
    MinutAuthenticationError,
    MinutConfigurationError,
    MinutConnectionError,
    MinutNotFoundError,
    MinutPermissionError,
    MinutRateLimitError,
    MinutRequestError,
    MinutResponseError,
    MinutServerError,
)
from airflow_provider_minut.extraction.datasets import DATASETS, checked_dataset, tabular
from airflow_provider_minut.extraction.extractor import MAX_FAILURES_IN_A_ROW, Extractor, Selection

SECONDS = 30  # a wait that ends only if something is broken
START = datetime(2026, 6, 1, 10, tzinfo=UTC)
END = START + timedelta(hours=1)


class Account:
    """The methods of a client that an extraction needs, and a record of their calls."""

    at_once = 1

    def __init__(self, heard=(START, START, START)):
        self.settings = SimpleNamespace(requests_per_minute=120)
        self.max_window = timedelta(days=7)
        self.max_in_flight = self.at_once
        self.request_count = 5
        self.rejected_count = 2
        self.calls = []
        self.heard = heard
        self.broken = {}

    def _fail(self, unit):
        if unit in self.broken:
            raise self.broken[unit]
        return ()

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
        yield from self._fail(home_id)
        for part in (0, 1):
            self.request_count += 1
            times = [start_at + timedelta(minutes=10 * part + n) for n in (2, 0, 1)]
            yield ({"event_id": f"{home_id}-{t:%M}", "home_id": home_id, "event_time": t} for t in times)

    def iter_readings(self, device_id, sensor, *, start_at, end_at, **options):
        self.calls.append((device_id, sensor, start_at, end_at, options))
        self.request_count += 1
        yield from self._fail(f"{device_id}/{sensor}")
        yield {"time": start_at, "value": 1.0, "max": 2.0}


@pytest.fixture(autouse=True, params=[1, 8])
def at_once(request, monkeypatch):
    """Run every test with one request after the other, and with requests that overlap."""
    monkeypatch.setattr(Account, "at_once", request.param)
    return request.param


def extract(account, dataset, **selection):
    extraction = Extractor(account, Selection(**{"start_at": START, "end_at": END, **selection}))
    return list(DATASETS[dataset].rows(extraction)), extraction


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
    assert sorted(account.calls) == [(home, START, END, ("noise_detected",)) for home in ("b1", "b2")]
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
        {"time_resolution": 300, "include_min_max": False, "null_fill": False},
    )


def test_rows_of_readings_name_device_and_sensor_and_keep_unknown_fields():
    rows, _ = extract(Account(), "readings", device_ids=["d1"], sensors=["humidity"])
    assert rows == [{"device_id": "d1", "sensor": "humidity", "time": START, "value": 1.0, "max": 2.0}]


def test_readings_of_devices_that_have_not_checked_in_are_not_requested():
    account = Account([START - timedelta(hours=3), START - timedelta(hours=1), START, None])
    extract(account, "readings", sensors=["humidity"])
    assert sorted(device for device, *_ in account.calls) == ["d2", "d3"]  # d3 has no time


@pytest.mark.parametrize("error", [MinutNotFoundError, MinutPermissionError])
def test_sensor_and_home_that_the_account_cannot_read_are_left_out(caplog, error):
    account = Account()
    account.broken = {unit: error("GET /x returned it.") for unit in ("d1/pressure", "b1")}
    rows, extraction = extract(account, "readings", sensors=["pressure"])
    assert [row["device_id"] for row in rows] == ["d0", "d2"]
    assert extraction.left_out == ["d1/pressure"]
    rows, extraction = extract(account, "events")
    assert {row["home_id"] for row in rows} == {"b2"}
    assert extraction.left_out == ["b1"]
    extraction.raise_failure()  # there is none
    assert "Skipping d1/pressure: GET /x returned it." in caplog.text
    assert "Skipping b1: GET /x returned it." in caplog.text


def test_home_whose_id_no_path_can_contain_is_left_out():
    account = Account()
    account.broken = {"b1": MinutConfigurationError("home_id", "must be an ID of Minut")}
    rows, extraction = extract(account, "events")
    assert {row["home_id"] for row in rows} == {"b2"}
    assert extraction.left_out == ["b1"]


@pytest.mark.parametrize(
    ("dataset", "selection"),
    [("events", {"home_ids": ["b1", "../b2"]}), ("readings", {"sensors": ["humidity", "a/b"]})],
)
def test_argument_that_no_path_can_contain_is_an_error(dataset, selection):
    with pytest.raises(MinutConfigurationError, match=f"^{next(iter(selection))}: must be an ID"):
        extract(Account(), dataset, **selection)


def test_sensor_that_is_left_out_beside_a_device_that_left_does_not_cost_the_others():
    account = Account()
    account.broken = {"d0/pressure": MinutNotFoundError("GET /x returned 404.")}
    rows, extraction = extract(
        account, "readings", device_ids=["d0", "gone"], sensors=["pressure", "humidity"]
    )
    assert [row["sensor"] for row in rows] == ["humidity"]
    assert extraction.left_out == ["gone", "d0/pressure"]


def test_account_that_can_read_nothing_is_an_error():
    account = Account()
    account.broken = {home: MinutPermissionError("GET /x returned 403.") for home in ("b1", "b2")}
    with pytest.raises(MinutPermissionError):
        extract(account, "events")


@pytest.mark.parametrize("error", [MinutServerError, MinutRequestError, MinutResponseError])
def test_error_of_one_home_is_raised_when_the_others_are_read(caplog, error):
    account = Account()
    account.broken = {"b1": error("GET /x failed.")}
    rows, extraction = extract(account, "events")
    assert {row["home_id"] for row in rows} == {"b2"}
    assert "Failed to read b1; continuing with the other homes. GET /x failed." in caplog.text
    with pytest.raises(error, match=r"GET /x failed\."):
        extraction.raise_failure()


def test_errors_that_concern_all_homes_are_raised_at_once():
    account = Account()
    for error in (MinutAuthenticationError, MinutConnectionError, MinutRateLimitError):
        account.broken = {"b1": error("GET /x failed.")}
        with pytest.raises(error):
            extract(account, "events")


def test_errors_of_several_sensors_in_a_row_are_raised_at_once(at_once):
    account = Account([START] * 200)
    account.broken = {f"d{number}/pressure": MinutServerError("GET /x failed.") for number in range(200)}
    with pytest.raises(MinutServerError):
        extract(account, "readings", sensors=["pressure"])
    # Those that were already read, or in flight.
    assert MAX_FAILURES_IN_A_ROW <= len(account.calls) <= MAX_FAILURES_IN_A_ROW + 2 * at_once * (at_once > 1)


def test_errors_in_a_row_are_counted_in_order_of_the_sensors_whatever_fails_first():
    account = Account([START] * 12)
    # Four in a row, one that can be read, four in a row.
    broken = ["d0", "d1", "d10", "d11", "d3", "d4", "d5", "d6"]
    account.broken = {f"{device}/pressure": MinutServerError(f"GET /{device} failed.") for device in broken}
    rows, extraction = extract(account, "readings", sensors=["pressure"])
    assert [row["device_id"] for row in rows] == ["d2", "d7", "d8", "d9"]
    with pytest.raises(MinutServerError, match="^GET /d0 failed"):
        extraction.raise_failure()


@pytest.mark.parametrize("error", [MinutNotFoundError, MinutServerError])
def test_sensor_that_fails_costs_its_other_windows_no_requests_and_counts_once(at_once, error):
    account = Account()
    account.max_window = timedelta(seconds=10)  # 360 windows
    account.broken = {"d0/humidity": error("GET /x failed.")}
    selection = {"start_at": START, "end_at": END, "device_ids": ["d0", "d1"], "sensors": ["humidity"]}
    rows, extraction = extract(account, "readings", **selection)
    assert [row["time"] for row in rows] == [START + timedelta(seconds=10 * n) for n in range(360)]
    assert sum(device == "d0" for device, *_ in account.calls) <= at_once
    assert extraction.left_out == (["d0/humidity"] if error is MinutNotFoundError else [])


def test_sensor_that_fails_in_a_later_window_has_the_rows_before_it():
    class Breaks(Account):
        def iter_readings(self, device_id, sensor, *, start_at, end_at, **options):
            if start_at >= START + timedelta(minutes=30):
                raise MinutServerError("GET /x failed.")
            return super().iter_readings(device_id, sensor, start_at=start_at, end_at=end_at, **options)

    account = Breaks()
    account.max_window = timedelta(minutes=5)
    rows, _ = extract(account, "readings", sensors=["humidity"])
    assert [(row["device_id"], row["time"]) for row in rows] == [
        (device, START + timedelta(minutes=5 * n)) for device in ("d0", "d1", "d2") for n in range(6)
    ]


def test_windows_of_one_sensor_are_read_at_once(at_once):
    class Slow(Account):
        barrier = threading.Barrier(at_once)

        def iter_readings(self, device_id, sensor, **options):
            self.barrier.wait(SECONDS)
            return super().iter_readings(device_id, sensor, **options)

    account = Slow()
    account.max_window = timedelta(seconds=150)
    rows, _ = extract(account, "readings", device_ids=["d0"], sensors=["humidity"])
    assert [row["time"] for row in rows] == [START + timedelta(seconds=150 * n) for n in range(24)]


def test_windows_become_shorter_when_the_api_rejects_one():
    class Strict(Account):
        def iter_readings(self, device_id, sensor, **options):
            self.max_window = timedelta(minutes=1)  # as the client, which has halved it
            return super().iter_readings(device_id, sensor, **options)

    account = Strict()
    account.max_window = timedelta(minutes=2)
    extract(account, "readings", device_ids=["d0"], sensors=["humidity"])
    ranges = sorted((start, end) for _, _, start, end, _ in account.calls)
    assert (ranges[0][0], ranges[-1][1]) == (START, END)
    assert [end for _, end in ranges[:-1]] == [start for start, _ in ranges[1:]], "nothing twice, no gap"
    assert ranges[-1] == (END - timedelta(minutes=1), END)


def test_reader_that_stops_starts_no_more_requests(at_once):
    account = Account([START] * 500)
    rows = DATASETS["readings"].rows(Extractor(account, Selection(start_at=START, end_at=END)))
    next(rows)
    rows.close()
    for thread in threading.enumerate():
        if thread.name == "minut-reader":
            thread.join(SECONDS)
    assert len(account.calls) <= 2 * at_once


def test_nothing_but_readings_and_events_needs_threads(at_once):
    before = threading.active_count()
    for dataset in ("homes", "devices", "latest"):
        extract(Account(), dataset)
    assert threading.active_count() == before
    if at_once == 1:
        extract(Account(), "readings")
        extract(Account(), "events")
        assert threading.active_count() == before


def test_devices_can_be_chosen_by_home():
    devices, _ = extract(Account(), "devices", home_ids=["b1"])
    assert [device["device_id"] for device in devices] == ["d0", "d2"]


@pytest.mark.parametrize(
    ("dataset", "ids"), [("homes", {"home_ids": ["nope", "no"]}), ("devices", {"device_ids": ["nope"]})]
)
def test_only_unknown_ids_are_an_error_and_not_an_empty_result(dataset, ids):
    with pytest.raises(MinutConfigurationError, match="nope"):
        extract(Account(), dataset, **ids)


def test_home_that_left_the_account_is_left_out(caplog):
    rows, extraction = extract(Account(), "homes", home_ids=["b1", "sold"])
    assert [row["home_id"] for row in rows] == ["b1"]
    assert extraction.left_out == ["sold"]
    assert "Skipping sold: this account has no such home_id." in caplog.text


def test_plan_is_logged_first(caplog):
    caplog.set_level(logging.INFO)
    account = Account([START] * 200)
    account.max_window = timedelta(minutes=20)
    extraction = Extractor(account, Selection(start_at=START, end_at=END))
    next(DATASETS["readings"].rows(extraction))
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


def test_progress_is_logged_periodically_with_the_time_left(caplog, monkeypatch):
    monkeypatch.setattr(Account, "at_once", 1)  # it counts requests
    caplog.set_level(logging.INFO)
    seconds = iter(range(0, 10_000, 10))
    selection = Selection(start_at=START, end_at=END, sensors=["humidity", "battery"])
    extraction = Extractor(Account(), selection, monotonic=lambda: next(seconds))
    list(DATASETS["readings"].rows(extraction))
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


def test_value_that_does_not_fit_its_column_is_an_additional_field():
    class Odd(Account):
        def iter_devices(self):
            yield {
                "device_id": "d1",
                "home": "b1",
                "description": 12,
                "active": 1,
                "offline": "maybe",
                "battery": {"percent": "87"},
                "wlan": None,
                "firmware": "2.1",
                "next_heartbeat_at": "soon",
                "latest_sensor_values": {"sound": {"time": START, "value": "n/a"}, "humidity": 44},
            }

    (device,), _ = extract(Odd(), "devices")
    (row,) = tabular(DATASETS["devices"], [device])
    assert row == {
        "device_id": "d1",
        "home": "b1",
        "description": "12",
        "active": True,
        "offline": None,
        "battery_percent": 87,
        "charge_status": None,
        "mount_status": None,
        "wlan_rssi": None,
        "firmware_installed": "2.1",
        "last_heard_from_at": None,
        "next_heartbeat_at": None,
        "additional_fields": {
            "battery": {"percent": "87"},
            "wlan": None,
            "firmware": "2.1",
            "latest_sensor_values": {"sound": {"time": START, "value": "n/a"}, "humidity": 44},
            "offline": "maybe",
            "next_heartbeat_at": "soon",
        },
    }
    latest, _ = extract(Odd(), "latest")
    assert list(tabular(DATASETS["latest"], latest)) == [
        {"device_id": "d1", "sensor": "humidity", "time": None, "value": 44, "additional_fields": None},
        {
            "device_id": "d1",
            "sensor": "sound",
            "time": START,
            "value": None,
            "additional_fields": {"value": "n/a"},
        },
    ]
