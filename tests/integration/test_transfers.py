"""Real transfers: an API that fails randomly while events arrive, real files, real databases."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import AssetAlias, ObjectStoragePath
from airflow.sdk.execution_time.context import OutletEventAccessors
from airflow.sdk.io import attach
from fsspec.implementations.memory import MemoryFileSystem

from airflow_provider_minut.api.http import retry
from airflow_provider_minut.exceptions import MinutError
from airflow_provider_minut.sandbox.config import SandboxConfig
from airflow_provider_minut.sandbox.sandbox import Sandbox
from airflow_provider_minut.transfers.minut_to_object_storage import MinutToObjectStorageOperator
from airflow_provider_minut.transfers.minut_to_sql import MinutToSqlOperator

NOW = datetime.now(UTC).replace(microsecond=0)
NO_LIMIT = {"requests_per_second": 10**6, "requests_per_minute": 10**6}


@pytest.fixture(params=["seen", "odd"])
def serve(monkeypatch, tmp_path, request):
    """Start a sandbox that plays a shape of replies, and point minut_default at it."""
    running = []
    monkeypatch.setenv("AIRFLOW__MINUT__SHARED_STATE", f"file://{tmp_path}/state")

    def start(extra=NO_LIMIT, **config):
        sandbox = Sandbox(SandboxConfig(**{"rate_limit": False, "shape": request.param, **config}))
        sandbox.__enter__()
        running.append(sandbox)
        connection = {**json.loads(sandbox.connection_json), "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_MINUT_DEFAULT", json.dumps(connection))
        return sandbox

    yield start
    for sandbox in running:
        sandbox.__exit__(None, None, None)


@pytest.fixture
def databases(postgres, tmp_path, monkeypatch):
    """Create connections to an empty SQLite and PostgreSQL; return a function that reads a table of either."""
    import psycopg2

    embedded = {"conn_type": "sqlite", "host": f"{tmp_path}/warehouse.db"}
    monkeypatch.setenv("AIRFLOW_CONN_EMBEDDED", json.dumps(embedded))
    user, _, rest = postgres.address.partition("@")
    monkeypatch.setenv("AIRFLOW_CONN_SERVER", f"postgres://{user}@{rest}")
    with (
        closing(psycopg2.connect(f"postgresql://{postgres.address}")) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        connection.commit()

    def rows(conn_id, table, order):
        connect = {
            "embedded": lambda: sqlite3.connect(tmp_path / "warehouse.db"),
            "server": lambda: psycopg2.connect(f"postgresql://{postgres.address}"),
        }
        with closing(connect[conn_id]()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(f"SELECT * FROM {table} ORDER BY {order}")  # noqa: S608
            columns = [column[0] for column in cursor.description]
            kept = [
                number for number, name in enumerate(columns) if name not in {"loaded_at", "last_seen_at"}
            ]
            return [tuple(_comparable(row[number]) for number in kept) for row in cursor.fetchall()]

    return rows


def _comparable(value):
    if isinstance(value, str):
        if value.startswith("{"):
            return json.loads(value)
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return value
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return int(value) if isinstance(value, bool) else value


def to_file(path, dataset, **arguments):
    arguments = {"start_at": NOW - timedelta(days=30), "end_at": NOW, **arguments}
    return MinutToObjectStorageOperator(task_id="t", dataset=dataset, path=str(path), **arguments)


def to_sql(conn_id, dataset, **arguments):
    arguments = {"start_at": NOW - timedelta(days=30), "end_at": NOW, **arguments}
    return MinutToSqlOperator(
        task_id="t",
        dataset=dataset,
        conn_id=conn_id,
        table=f"minut_{dataset}",
        create_table=True,
        **arguments,
    )


def read(path):
    with gzip.open(path, "rt") as lines:
        return [json.loads(line) for line in lines]


def truth(sandbox, homes, start=NOW - timedelta(days=30), end=NOW):
    """The IDs of all events that the API has now."""
    ids = [f"64aa0000000000000000b{number:03x}" for number in range(1, homes + 1)]
    return {event["event_id"] for home_id in ids for event in sandbox.events(home_id, start, end)}


def test_every_event_comes_exactly_once_although_requests_fail_and_events_arrive(
    serve, tmp_path, databases, monkeypatch
):
    """50 homes, 30 days, 5 % faults, and an event uploaded late every 20 ms."""
    monkeypatch.setattr(retry, "FIRST_BACKOFF_SECONDS", 0.001)
    sandbox = serve(homes=50, devices=50, noisy_periods_per_day=6, fault_rate=0.05)
    before = truth(sandbox, 50)
    assert len(before) > 15_000
    arrived, done, randomness = [], threading.Event(), random.Random(1)

    def arrive():
        while not done.wait(0.02):
            home = f"64aa0000000000000000b{randomness.randrange(1, 51):03x}"
            arrived.append(sandbox.add_event(home, NOW - timedelta(days=30) * randomness.random()))

    thread = threading.Thread(target=arrive)
    thread.start()
    try:
        summary = to_file(tmp_path / "events.jsonl.gz", "events").execute({})
        for conn_id in ("embedded", "server"):
            to_sql(conn_id, "events").execute({})
    finally:
        done.set()
        thread.join()
    assert sum(sandbox.stats()["faults"].values()) > 20
    ids = [event["event_id"] for event in read(tmp_path / "events.jsonl.gz")]
    assert len(ids) == summary["rows"]
    assert [i for i, count in Counter(ids).items() if count > 1] == []
    assert before <= set(ids) <= before | set(arrived)
    # The next run over the same range has the events that arrived too late for this one.
    to_file(tmp_path / "events.jsonl.gz", "events").execute({})
    for conn_id in ("embedded", "server"):
        to_sql(conn_id, "events").execute({})
    everything = before | set(arrived)
    assert {event["event_id"] for event in read(tmp_path / "events.jsonl.gz")} == everything
    rows = {conn_id: databases(conn_id, "minut_events", "event_id") for conn_id in ("embedded", "server")}
    assert {row[0] for row in rows["server"]} == everything
    assert rows["embedded"] == rows["server"]


@pytest.mark.parametrize("dataset", ["homes", "devices", "latest", "events", "readings"])
def test_sqlite_and_postgresql_have_the_same_rows_and_a_repeated_run_changes_nothing(
    serve, databases, dataset
):
    serve(homes=3, noisy_periods_per_day=3, silent_share=1)  # no device checks in during the test
    order = {
        "homes": "home_id",
        "devices": "device_id",
        "latest": "device_id, sensor",
        "events": "event_id",
        "readings": "device_id, sensor, time",
    }
    found = []
    for _ in range(2):
        for conn_id in ("embedded", "server"):
            to_sql(conn_id, dataset, start_at=NOW - timedelta(days=4)).execute({})
            found.append(databases(conn_id, f"minut_{dataset}", order[dataset]))
    assert found[0]
    assert found[1:] == found[:1] * 3


def test_rows_that_changed_are_replaced(serve, databases):
    sandbox = serve()
    to_sql("server", "homes").execute({})
    client_home = "64aa0000000000000000b001"
    from airflow_provider_minut.hooks.minut import MinutHook

    with MinutHook().get_conn() as client:
        client.update_home(client_home, {"name": "New Name"})
    to_sql("server", "homes").execute({})
    rows = databases("server", "minut_homes", "home_id")
    assert [row[1] for row in rows] == ["New Name", "Garden Studio"]
    assert sandbox.stats()["requests"]["GET /homes"] == 2


def test_openlineage_knows_the_table_by_its_place_in_the_database(serve, databases, postgres):
    serve()
    operator = to_sql("server", "homes")
    rows = operator.execute({})["rows"]
    (written,) = operator.get_openlineage_facets_on_complete(None).outputs
    assert written.namespace == f"postgres://127.0.0.1:{postgres.port}"
    assert written.name == "minut.public.minut_homes"
    assert written.outputFacets["outputStatistics"].rowCount == rows


@pytest.mark.parametrize("conn_id", ["embedded", "server"])
def test_failed_run_leaves_table_and_file_as_they_were(serve, databases, tmp_path, conn_id):
    sandbox = serve(extra={**NO_LIMIT, "max_attempts": 1})
    path = tmp_path / "events.jsonl.gz"
    to_sql(conn_id, "events").execute({})
    to_file(path, "events").execute({})
    table, content = databases(conn_id, "minut_events", "event_id"), path.read_bytes()
    assert table
    sandbox.add_event("64aa0000000000000000b001", NOW - timedelta(days=1))
    sandbox.rotate_secret()
    sandbox.revoke_tokens()
    for operator in (to_sql(conn_id, "events"), to_file(path, "events")):
        with pytest.raises((AirflowFailException, MinutError)):
            operator.execute({})
    assert databases(conn_id, "minut_events", "event_id") == table
    assert path.read_bytes() == content
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "events.jsonl.gz",
        "state",
        *(["warehouse.db"] if conn_id == "embedded" else []),
    ]


def test_database_that_fails_midway_is_rolled_back(serve, databases, monkeypatch):
    serve(noisy_periods_per_day=60)
    to_sql("server", "events", start_at=NOW - timedelta(days=1)).execute({})
    table = databases("server", "minut_events", "event_id")
    from airflow_provider_minut.loading import sql

    rows_of = sql.table_rows

    def break_later(*args):
        for number, row in enumerate(rows_of(*args)):
            yield {**row, "event_type": "no\x00text"} if number == 1500 else row

    monkeypatch.setattr(sql, "table_rows", break_later)
    with pytest.raises(Exception, match="(NUL|0x00)"):  # the driver's own
        to_sql("server", "events").execute({})
    assert databases("server", "minut_events", "event_id") == table


RUN = """
import sys
from datetime import datetime
from tests.integration.test_transfers import to_file, to_sql
start, end = map(datetime.fromisoformat, sys.argv[2:4])
to_file(sys.argv[1], "events", start_at=start, end_at=end).execute({})
to_sql("embedded", "events", start_at=start, end_at=end).execute({})
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killed_at_any_time_and_repeated_gives_the_same(serve, tmp_path, databases):
    """SIGKILL at 20 random times; file and table are always complete, old or new."""
    sandbox = serve(homes=50, devices=50, noisy_periods_per_day=2)
    path = tmp_path / "events.jsonl.gz"
    command = [sys.executable, "-c", RUN, str(path), (NOW - timedelta(days=30)).isoformat(), NOW.isoformat()]

    def run(**options):
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, **options)

    started = time.monotonic()
    assert run().wait(120) == 0
    length = time.monotonic() - started
    expected, content, table = (
        truth(sandbox, 50),
        path.read_bytes(),
        databases("embedded", "minut_events", "event_id"),
    )
    assert {row[0] for row in table} == expected
    randomness = random.Random(2)
    for number in range(20):
        if number % 2:
            path.unlink(missing_ok=True)
        process = run()
        time.sleep(length * randomness.uniform(0.4, 1.0))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert not path.exists() or path.read_bytes() == content
        assert databases("embedded", "minut_events", "event_id") == table
    assert run().wait(120) == 0
    assert path.read_bytes() == content
    assert databases("embedded", "minut_events", "event_id") == table


@pytest.mark.parametrize("file_format", ["jsonl.gz", "jsonl", "csv", "csv.gz", "parquet"])
def test_repeated_run_gives_the_same_bytes(serve, tmp_path, file_format):
    serve(homes=3)
    contents = []
    for _ in range(2):
        to_file(tmp_path / "events", "events", format=file_format).execute({})
        contents.append((tmp_path / "events").read_bytes())
    assert contents[0] == contents[1] != b""


def test_hourly_run_requests_only_devices_that_checked_in(serve, tmp_path):
    """1,000 devices of which 50 checked in, four sensors: a page of devices and 200 requests."""
    # In the shape odd, many devices do not say when they checked in.
    sandbox = serve(homes=1000, devices=1000, silent_share=0.95, late_share=0, shape="seen")
    summary = to_file(
        tmp_path / "readings.jsonl.gz", "readings", start_at=NOW - timedelta(hours=1, minutes=5)
    ).execute({})
    assert summary["requests"] <= 1 + 1 + 50 * 4
    requests = sandbox.stats()["requests"].items()
    assert sum(count for endpoint, count in requests if endpoint.startswith("GET /devices/")) == 200
    assert summary["rows"] > 0


def test_result_is_a_summary_without_rows(serve, tmp_path):
    sandbox = serve()
    start, end = NOW - timedelta(days=2), NOW - timedelta(days=1)
    summary = to_file(
        tmp_path / "x.gz", "events", start_at=start, end_at=end, lookback=timedelta(hours=6)
    ).execute({})
    assert summary == {
        "path": str(tmp_path / "x.gz"),
        "rows": len(read(tmp_path / "x.gz")),
        # One in the list of homes and one in the events of each home.
        "rejected": {"seen": 0, "odd": 3}[sandbox._state.config.shape],
        "left_out": [],
        "requests": 3,
        "start_at": (start - timedelta(hours=6)).isoformat(),
        "end_at": end.isoformat(),
    }


def test_data_interval_of_the_run_is_the_default(serve, tmp_path):
    serve(noisy_periods_per_day=20)
    context = {"data_interval_start": NOW - timedelta(days=3), "data_interval_end": NOW - timedelta(days=2)}
    operator = MinutToObjectStorageOperator(task_id="t", dataset="events", path=str(tmp_path / "x.gz"))
    operator.execute(context)
    times = [datetime.fromisoformat(event["event_time"]) for event in read(tmp_path / "x.gz")]
    assert times
    assert context["data_interval_start"] <= min(times) <= max(times) < context["data_interval_end"]


@pytest.mark.parametrize(
    ("arguments", "context", "message"),
    [
        ({}, {"data_interval_start": NOW, "data_interval_end": NOW}, "CronDataIntervalTimetable"),
        ({}, {}, "triggered without a logical date"),
        ({"start_at": "2026-06-01", "end_at": NOW}, {}, "start_at: must have a time zone"),
        ({"start_at": NOW, "end_at": "tomorrow"}, {}, "end_at: must be a datetime or ISO 8601 text"),
        (
            {"dataset": "guests"},
            {"data_interval_start": NOW, "data_interval_end": NOW},
            "dataset: must be one of homes",
        ),
        (
            {"home_ids": "64aa"},
            {"data_interval_start": NOW - timedelta(1), "data_interval_end": NOW},
            "home_ids: must be a list",
        ),
        (
            {"format": "xml"},
            {"data_interval_start": NOW - timedelta(1), "data_interval_end": NOW},
            "format: must be one of",
        ),
    ],
)
def test_invalid_argument_fails_without_retries_and_requests(serve, tmp_path, arguments, context, message):
    sandbox = serve()
    operator = MinutToObjectStorageOperator(
        task_id="t", **{"dataset": "events", "path": str(tmp_path / "x"), **arguments}
    )
    with pytest.raises(AirflowFailException, match=message):
        operator.execute(context)
    assert sandbox.stats()["requests"] == {}
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("table", ["", "events; DROP TABLE x", "a b", "a.b.c.d", "1st"])
def test_invalid_table_name_is_an_error(serve, databases, table):
    serve()
    operator = MinutToSqlOperator(task_id="t", dataset="homes", conn_id="embedded", table=table)
    with pytest.raises(AirflowFailException, match="table: must be a plain name"):
        operator.execute({})


def test_table_may_be_in_a_schema(serve, databases, postgres):
    import psycopg2

    serve()
    with (
        closing(psycopg2.connect(f"postgresql://{postgres.address}")) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("CREATE SCHEMA IF NOT EXISTS minut")
        connection.commit()
    for _ in range(2):
        MinutToSqlOperator(
            task_id="t", dataset="homes", conn_id="server", table="minut.homes", create_table=True
        ).execute({})
    assert len(databases("server", "minut.homes", "home_id")) == 2


def test_file_in_an_object_store_appears_whole(serve):
    """fsspec's memory file system represents the stores: it is not local either."""
    attach("memory", fs=MemoryFileSystem())
    serve()
    to_file("memory://bucket/minut/homes.csv", "homes", format="csv").execute({})
    path = ObjectStoragePath("memory://bucket/minut/homes.csv")
    assert path.read_text().splitlines()[1].startswith("64aa0000000000000000b001,Harbour Loft")
    assert [p.name for p in path.parent.iterdir()] == ["homes.csv"]


def test_file_becomes_an_asset_event_of_the_alias(serve, tmp_path):
    serve()
    operator = to_file(tmp_path / "homes.gz", "homes", asset_alias="minut_homes")
    assert operator.outlets == [AssetAlias("minut_homes")]
    outlet_events = OutletEventAccessors()
    operator.execute({"outlet_events": outlet_events})
    (event,) = outlet_events[AssetAlias("minut_homes")].asset_alias_events
    assert event.dest_asset_key.uri == f"file://{tmp_path}/homes.gz"
    assert event.extra["rows"] == 2


def test_sparse_responses_are_no_problem(serve, tmp_path, databases):
    serve(homes=40, devices=40, shape="sparse", silent_share=1)  # no device checks in during the test
    for dataset in ("homes", "devices", "events", "readings"):
        start = NOW - timedelta(days=3, hours=3)
        rows = to_file(tmp_path / dataset, dataset, format="parquet", start_at=start).execute({})["rows"]
        assert to_sql("embedded", dataset, start_at=start).execute({})["rows"] == rows
        assert rows == 40 or (dataset in {"events", "readings"} and rows)
