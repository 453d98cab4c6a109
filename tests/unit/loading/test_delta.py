from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import deltalake
import pyarrow as pa
import pytest
from deltalake import DeltaTable, QueryBuilder, write_deltalake
from deltalake.exceptions import CommitFailedError

from airflow_provider_minut.exceptions import MinutConfigurationError, MinutError
from airflow_provider_minut.extraction.datasets import DATASETS
from airflow_provider_minut.extraction.progress import first_gap
from airflow_provider_minut.loading import delta
from airflow_provider_minut.loading.credentials import location_of
from airflow_provider_minut.loading.delta import DeltaDestination, check_deltalake

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
INTERVAL = timedelta(minutes=5)
LOADED = datetime(2026, 6, 3, tzinfo=UTC)


def destination(path, dataset="readings", loaded_at=LOADED, **options):
    return DeltaDestination(
        location_of(str(path), None), DATASETS[dataset], loaded_at=loaded_at, sleep=lambda _: None, **options
    )


def loaded(path, rows, dataset="readings", loaded_at=LOADED):
    table = destination(path, dataset, loaded_at)
    table.prepare()
    table.load(iter(rows))
    return DeltaTable(str(path)).version()


def readings(numbers, device="d1", value=1.0):
    return [
        {"device_id": device, "sensor": "temperature", "time": NOON + number * INTERVAL, "value": value}
        for number in numbers
    ]


def read(path, columns="*", order="1, 2, 3"):
    query = f"SELECT {columns} FROM t ORDER BY {order}"  # noqa: S608
    return pa.table(QueryBuilder().register("t", DeltaTable(str(path))).execute(query)).to_pylist()


def test_late_rows_land_where_they_belong_and_nothing_else_is_written(tmp_path):
    loaded(tmp_path, readings(range(0, 300, 2)))
    files = set(DeltaTable(str(tmp_path)).file_uris())
    later = LOADED + timedelta(days=1)
    loaded(tmp_path, readings(range(300)), loaded_at=later)
    rows = read(tmp_path)
    assert [row["time"] for row in rows] == [NOON + number * INTERVAL for number in range(300)]
    assert {row["date"] for row in rows} == {row["time"].date() for row in rows}
    assert [row["loaded_at"] for row in rows[:4]] == [LOADED, later, LOADED, later]
    assert files < set(DeltaTable(str(tmp_path)).file_uris())


@pytest.mark.parametrize("dataset", ["events", "readings", "latest"])
def test_rows_that_did_not_change_are_no_commit(tmp_path, dataset):
    rows = {
        "events": [
            {"event_id": str(n), "event_type": "t", "event_time": NOON, "more": {"n": n}} for n in range(9)
        ]
        + [{"event_id": "x", "event_type": "t", "event_time": None}],
        "readings": readings(range(9)),
        "latest": [{"device_id": "d", "sensor": "sound", "time": None, "value": None}],
    }[dataset]
    versions = [loaded(tmp_path, map(dict, rows), dataset) for _ in range(3)]
    assert versions == [versions[0]] * 3
    assert len(read(tmp_path, order="1")) == len(rows)


def test_a_changed_value_is_updated_with_its_time_of_loading(tmp_path):
    loaded(tmp_path, readings(range(3)))
    later = LOADED + timedelta(hours=1)
    loaded(tmp_path, readings([1], value=2.0), loaded_at=later)
    assert [(row["value"], row["loaded_at"]) for row in read(tmp_path)] == [
        (1.0, LOADED),
        (2.0, later),
        (1.0, LOADED),
    ]


def test_what_left_the_account_keeps_its_row_and_the_time_it_was_last_seen(tmp_path):
    homes = [{"home_id": "a", "name": "A"}, {"home_id": "b", "name": "B"}]
    loaded(tmp_path, homes, "homes")
    later = LOADED + timedelta(hours=1)
    loaded(tmp_path, homes[:1], "homes", loaded_at=later)
    assert [(row["home_id"], row["last_seen_at"], row["loaded_at"]) for row in read(tmp_path)] == [
        ("a", later, LOADED),
        ("b", LOADED, LOADED),
    ]


def test_columns_and_rows_of_users_stay_and_missing_columns_are_added(tmp_path):
    schema = pa.schema([("home_id", pa.string()), ("name", pa.string()), ("owner", pa.string())])
    own = pa.table({"home_id": ["a", "z"], "name": ["old", "Z"], "owner": ["Ann", "Zoe"]}, schema=schema)
    write_deltalake(str(tmp_path), own)
    loaded(tmp_path, [{"home_id": "a", "name": "A", "timezone": "UTC"}], "homes")
    rows = read(tmp_path, "home_id, name, owner, timezone")
    assert [tuple(row.values()) for row in rows] == [("a", "A", "Ann", "UTC"), ("z", "Z", "Zoe", None)]


def test_a_table_without_partitions_is_merged_too(tmp_path):
    times = pa.array([NOON], pa.timestamp("us", "UTC"))
    own = pa.table({"device_id": ["d1"], "sensor": ["temperature"], "time": times, "value": [0.0]})
    write_deltalake(str(tmp_path), own)
    for _ in range(2):
        loaded(tmp_path, readings(range(5)))
    assert [row["value"] for row in read(tmp_path)] == [1.0] * 5
    assert "date" not in read(tmp_path)[0]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ([("home_id", pa.int64())], "column home_id must be string"),
        ([("home_id", pa.string()), pa.field("mine", pa.string(), nullable=False)], "mine must be nullable"),
    ],
)
def test_a_table_that_rows_do_not_fit_into_is_an_error(tmp_path, fields, message):
    DeltaTable.create(str(tmp_path), pa.schema(fields))
    with pytest.raises(MinutConfigurationError, match=message):
        destination(tmp_path, "homes").prepare()


def test_a_key_that_comes_twice_is_one_row(tmp_path):
    loaded(tmp_path, [*readings(range(3)), *readings([1], value=7.0)])
    assert [row["value"] for row in read(tmp_path)] == [1.0, 7.0, 1.0]


def test_commits_are_limited(tmp_path, monkeypatch):
    monkeypatch.setattr(delta, "MAX_ROWS_PER_COMMIT", 100)
    monkeypatch.setattr(delta, "ROW_GROUP_ROWS", 50)
    assert loaded(tmp_path, readings(range(1000))) >= 10
    assert len(read(tmp_path)) == 1000


def test_loads_at_once_all_succeed_and_each_row_is_there_once(tmp_path):
    def load(number):
        loaded(tmp_path, [*readings(range(200), f"d{number}"), *readings(range(200), "shared")])

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(load, range(6)))
    keys = [tuple(row.values()) for row in read(tmp_path, "device_id, sensor, time")]
    assert len(keys) == len(set(keys)) == 7 * 200


def test_a_conflict_that_stays_is_an_error(tmp_path, monkeypatch):
    table = destination(tmp_path)
    table.prepare()

    def conflict(*_):
        raise CommitFailedError("another run")

    monkeypatch.setattr(deltalake.table.TableMerger, "execute", conflict)
    with pytest.raises(MinutError, match=r"Failed to access the Delta table: another run\. Retry"):
        table.load(readings(range(3)))


@pytest.mark.parametrize("path", ["/proc/x", "/dev/null/x", f"{__file__}/x"])
def test_a_path_that_cannot_be_written_is_an_error(path):
    with pytest.raises(MinutConfigurationError, match=r"^path: must be"):
        destination(path).prepare()


def test_preparing_leaves_an_empty_table_without_other_files(tmp_path):
    for _ in range(2):
        destination(tmp_path).prepare()
    assert [path.name for path in tmp_path.iterdir()] == ["_delta_log"]
    assert DeltaTable(str(tmp_path)).version() == 0
    assert DeltaTable(str(tmp_path)).metadata().partition_columns == ["date"]


@pytest.mark.parametrize("missing", [[], [3], [3, 4, 9], [0], [11]])
def test_table_knows_where_its_first_gap_is(tmp_path, missing):
    numbers = [number for number in range(12) if number not in missing]
    loaded(tmp_path, [*readings(numbers), *readings(range(12), "d2"), *readings([5], "d3", value=None)])
    found = destination(tmp_path).stored_series(NOON, NOON + timedelta(hours=2), INTERVAL)
    assert sorted(found) == [("d1", "temperature"), ("d2", "temperature")]
    series = found["d1", "temperature"]
    assert (series.first, series.last, len(numbers)) == (
        NOON + numbers[0] * INTERVAL,
        NOON + numbers[-1] * INTERVAL,
        series.count,
    )
    assert first_gap(series, NOON, INTERVAL) == NOON + min([*missing, 12]) * INTERVAL
    assert destination(tmp_path).stored_series(NOON - INTERVAL, NOON, INTERVAL) == {}


def test_deltalake_that_is_not_installed_is_an_error_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "deltalake", None)
    with pytest.raises(MinutConfigurationError, match=r"airflow-provider-minut\[delta\]"):
        check_deltalake()


MEMORY = """
import resource, sys
from pathlib import Path
from tests.unit.loading.test_delta import loaded, readings
count = int(sys.argv[2])
devices = ({**row} for device in range(count // 1000) for row in readings(range(1000), f"d{device}"))
loaded(Path(sys.argv[1]), devices)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.slow
@pytest.mark.measured
@pytest.mark.timeout(300)
def test_memory_does_not_grow_with_the_rows(tmp_path):
    def megabytes(count):
        command = [sys.executable, "-c", MEMORY, str(tmp_path / str(count)), str(count)]
        return int(
            subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1]
        )

    assert megabytes(1_000_000) < megabytes(250_000) * 1.3
