"""What comes late comes, however late: offline devices upload in any order, and each reading is stored once."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_minut.hooks.minut import minut_client
from airflow_provider_minut.transfers.minut_to_delta_lake import MinutToDeltaLakeOperator
from airflow_provider_minut.transfers.minut_to_sql import MinutToSqlOperator
from tests.late_data import (
    DAY,
    HOUR,
    OFFLINE_HOURS,
    SENSORS,
    START,
    UPLOADED_WITHIN,
    late_fleet,
    offline,
)
from tests.servers import PostgresServer

ORDERS = ["oldest_first", "newest_first", "mixed"]
TWO_SENSORS = ("humidity", "motion_events")
SELECT = "SELECT device_id, sensor, time, value FROM minut_readings"


class Remembered:
    """A destination in memory that reads a fixed time again, as a transfer does that knows nothing of gaps."""

    sensors = ("humidity",)

    def __init__(self, lookback):
        self._lookback = lookback
        self._stored = {}

    def load(self, start, end):
        with minut_client("minut_default") as client:
            for device in client.iter_devices():
                for sensor in self.sensors:
                    found = client.iter_readings(
                        device["device_id"], sensor, start_at=start - self._lookback, end_at=end
                    )
                    self._stored |= {(device["device_id"], sensor, r["time"]): r["value"] for r in found}

    def rows(self):
        return [(*key, value) for key, value in self._stored.items()]


class SqlDestination:
    """A table of a database.

    :param connect: Opens a connection of the database's own driver.
    :param arguments: Arguments of the operator.
    """

    def __init__(self, connect, **arguments):
        self._connect = connect
        self._arguments = {"conn_id": "late_warehouse", "sensors": SENSORS, **arguments}

    def load(self, start, end):
        operator = MinutToSqlOperator(
            task_id="load", dataset="readings", table="minut_readings", create_table=True, **self._arguments
        )
        return operator.execute({"data_interval_start": start, "data_interval_end": end})

    def rows(self):
        with closing(self._connect()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(SELECT)
            return [(device, sensor, as_time(time), value) for device, sensor, time, value in cursor]


def as_time(value):
    time = datetime.fromisoformat(value) if isinstance(value, str) else value
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


@contextmanager
def sqlite_table(monkeypatch, tmp_path):
    path = tmp_path / "warehouse.db"
    connection = {"conn_type": "sqlite", "host": str(path)}
    monkeypatch.setenv("AIRFLOW_CONN_LATE_WAREHOUSE", json.dumps(connection))
    yield lambda **arguments: SqlDestination(lambda: sqlite3.connect(path), **arguments)


@contextmanager
def postgres_table(monkeypatch, _tmp_path):
    import psycopg2

    if not PostgresServer.find("initdb"):
        assert not os.environ.get("CI"), "CI has to have PostgreSQL"
        pytest.skip("PostgreSQL is not installed (Debian: apt install postgresql)")
    server = PostgresServer()
    try:
        user, _, rest = server.address.partition("@")
        monkeypatch.setenv("AIRFLOW_CONN_LATE_WAREHOUSE", f"postgres://{user}@{rest}")
        yield lambda **arguments: SqlDestination(
            lambda: psycopg2.connect(f"postgresql://{server.address}"), **arguments
        )
    finally:
        server.stop()


class DeltaDestination:
    """A Delta Lake table in a local folder.

    :param path: Path of the folder.
    :param arguments: Arguments of the operator.
    """

    def __init__(self, path, **arguments):
        self._path = path
        self._arguments = {"sensors": SENSORS, **arguments}

    def load(self, start, end):
        operator = MinutToDeltaLakeOperator(
            task_id="load", dataset="readings", path=self._path, **self._arguments
        )
        return operator.execute({"data_interval_start": start, "data_interval_end": end})

    def rows(self):
        from deltalake import DeltaTable

        columns = ["device_id", "sensor", "time", "value"]
        found = DeltaTable(self._path).to_pyarrow_table(columns=columns).to_pylist()
        return [tuple(row[name] for name in columns) for row in found]


@contextmanager
def delta_table(_monkeypatch, tmp_path):
    yield lambda **arguments: DeltaDestination(str(tmp_path / "readings"), **arguments)


# A context manager each, of a function that returns a destination with the arguments of an operator.
DESTINATIONS = {"sqlite": sqlite_table, "postgres": postgres_table, "delta": delta_table}


@pytest.fixture
def fleet(monkeypatch, tmp_path):
    """Return a function that starts a fleet with a simulated clock."""
    opened = []

    def start(**config):
        opened.append(late_fleet(monkeypatch, tmp_path, **config))
        return opened[-1].__enter__()

    yield start
    for context in opened:
        context.__exit__(None, None, None)


@pytest.fixture
def destination(request, monkeypatch, tmp_path):
    """Return a function that returns a destination; in SQLite, unless a test is parametrized."""
    name = getattr(request, "param", "sqlite")
    with DESTINATIONS[name](monkeypatch, tmp_path) as make:
        yield make


def late_uploads(fleet, order, hours_per_check_in, offline_hours, healthy=0):
    """Start a fleet of a device for each offline period, and some that are never offline."""
    return fleet(
        devices=len(offline_hours) + healthy,
        offline=tuple(offline(number, hours) for number, hours in enumerate(offline_hours, start=1)),
        upload_order=order,
        uploads_per_check_in=hours_per_check_in,
    )


def run_daily(fleet, destination, order, sensors=SENSORS):
    """Run at each midnight; after the longest outage, uploads take two days."""
    late = late_uploads(fleet, order, 3, OFFLINE_HOURS, healthy=1)
    until = START + 8 * DAY
    late.run(destination.load, until, DAY)
    late.check(destination.rows(), until - UPLOADED_WITHIN, sensors)


def run_hourly(fleet, destination, order):
    """Run every hour; after an outage of four days, uploads take twelve hours."""
    late = late_uploads(fleet, order, 8, (40, 96))
    until = START + 5 * DAY + 20 * HOUR
    late.run(destination.load, until, HOUR)
    late.check(destination.rows(), until - UPLOADED_WITHIN)


def run_hourly_after_hours(fleet, destination, order):
    """Run every hour; after an outage of ten hours, uploads take ten hours."""
    late = late_uploads(fleet, order, 2, (1, 10))
    until = START + 2 * DAY
    late.run(destination.load, until, HOUR)
    late.check(destination.rows(), until - UPLOADED_WITHIN)


def run_some(fleet, destination, order, sensors=SENSORS):
    """Run at some midnights only, as a DAG that was paused; days are in no data interval."""
    late = late_uploads(fleet, order, 3, OFFLINE_HOURS, healthy=1)
    for day in (1, 2, 5, 9):
        late.step(destination.load, START + day * DAY, DAY)
    late.check(destination.rows(), START + 9 * DAY - UPLOADED_WITHIN, sensors)


def test_harness_finds_what_a_fixed_lookback_loses(fleet):
    run_daily(fleet, Remembered(7 * DAY), "newest_first", Remembered.sensors)
    with pytest.raises(AssertionError, match=r"\d+ of \d+ never came"):
        run_daily(fleet, Remembered(DAY), "newest_first", Remembered.sensors)


@pytest.mark.parametrize("order", ORDERS)
def test_daily_runs_store_each_late_reading_once(fleet, destination, order):
    run_daily(fleet, destination(sensors=TWO_SENSORS), order, TWO_SENSORS)


def test_days_without_a_run_are_loaded_by_a_later_one(fleet, destination):
    run_some(fleet, destination(sensors=TWO_SENSORS), "mixed", TWO_SENSORS)


# Hourly runs are many: on SQLite in each order, on the others in one.
SCHEDULES = [
    (name, order, run)
    for name in DESTINATIONS
    for order in ORDERS
    for run in (run_daily, run_some, run_hourly_after_hours, run_hourly)
    if run in {run_daily, run_some} or name == "sqlite" or (order, run) == ("mixed", run_hourly_after_hours)
]


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("destination", "order", "run"), SCHEDULES, indirect=["destination"])
def test_each_late_reading_is_stored_once_whatever_the_schedule(fleet, destination, order, run):
    run(fleet, destination(), order)


@pytest.mark.parametrize("late_within", [HOUR, timedelta(days=14)])
def test_healthy_fleet_costs_a_request_for_each_device_and_sensor(fleet, destination, late_within):
    healthy = fleet(devices=3, late_share=0)
    table = destination(late_within=late_within, sensors=TWO_SENSORS)
    _, *later = healthy.run(table.load, START + 6 * HOUR, HOUR)
    assert later == [requests_of(3)] * 5


def test_gap_that_stays_costs_no_more_than_no_gap(fleet, destination, tmp_path):
    """The device was switched off for 40 hours; its gap is read again in each run."""
    until, interval = START + 4 * DAY, 6 * HOUR
    off = offline(1, 40, measures=False)
    with_gap, table = fleet(devices=1, offline=(off,)), destination(sensors=TWO_SENSORS)
    costs = with_gap.run(table.load, until, interval)
    with_gap.check(table.rows(), until - UPLOADED_WITHIN, TWO_SENSORS)
    (tmp_path / "warehouse.db").unlink()
    without, table = fleet(devices=1), destination(sensors=TWO_SENSORS)
    usual = without.run(table.load, until, interval)
    assert usual[1:] == [requests_of(1)] * 15
    back = (off.end - START) // interval + 1
    assert costs[back:] == usual[back:]
    assert max(cost.total() for cost in costs[1:]) == 1 + len(TWO_SENSORS)


def test_device_that_is_offline_costs_nothing_once_its_last_reading_is_stored(fleet, destination):
    gone, table = fleet(devices=2, offline=(offline(1, 96),)), destination(sensors=TWO_SENSORS)
    _, *costs = gone.run(table.load, START + 2 * DAY, 4 * HOUR)
    stored = (offline(1, 96).start - START) // (4 * HOUR)
    assert costs[:stored] == [requests_of(2)] * stored
    assert costs[stored:] == [requests_of(1)] * (11 - stored)


def test_devices_that_have_long_been_silent_cost_nothing(fleet, destination):
    silent, table = fleet(devices=2, silent_share=0.5), destination(sensors=TWO_SENSORS)
    _, *later = silent.run(table.load, START + 6 * HOUR, HOUR)
    assert later == [requests_of(1)] * 5


def test_device_that_comes_back_is_read_again(fleet, destination):
    """Its requests begin with its first check-in, although the data interval is later than its gap."""
    gone = fleet(devices=1, offline=(offline(1, 40),), late_share=0)
    table, until = destination(sensors=TWO_SENSORS), START + 3 * DAY
    costs = gone.run(table.load, until, 2 * HOUR)
    ends = [START + number * 2 * HOUR for number in range(1, 37)]
    read = {end for end, cost in zip(ends, costs, strict=True) if len(cost) > 1}
    period = offline(1, 40)
    assert [end for end in read if period.start + 3 * HOUR < end < period.end] == []
    assert read >= {end for end in ends if end > period.end + HOUR}
    gone.check(table.rows(), until - UPLOADED_WITHIN, TWO_SENSORS)


def test_readings_older_than_late_within_are_not_requested(fleet, destination):
    """A limit that users chose holds; the rest of the gap is read."""
    late = fleet(devices=1, offline=(offline(1, 40),))
    table, until = destination(sensors=TWO_SENSORS, late_within=DAY), START + 4 * DAY
    late.run(table.load, until, 6 * HOUR)
    stored = {row[:3] for row in table.rows()}
    missing = late.measured(START, until - UPLOADED_WITHIN, TWO_SENSORS).keys() - stored
    end = offline(1, 40).end - DAY + 6 * HOUR  # the run after its first check-in, a day before its start
    assert missing
    assert max(time for _, _, time in missing) < end


def requests_of(devices):
    return {"GET /devices": 1, **{f"GET /devices/{{id}}/{sensor}": devices for sensor in TWO_SENSORS}}
