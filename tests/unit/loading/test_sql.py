"""What a real SQLite and a clock without sleep show; the servers are in tests/integration."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta

import pytest
from airflow.providers.sqlite.hooks.sqlite import SqliteHook

from airflow_provider_minut.exceptions import MinutConfigurationError
from airflow_provider_minut.extraction.datasets import DATASETS
from airflow_provider_minut.extraction.progress import StoredSeries
from airflow_provider_minut.loading import sql
from airflow_provider_minut.loading.sql import SqlTable

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
FIVE_MINUTES = timedelta(minutes=5)


class Hook(SqliteHook):
    """A hook of one file, which needs no connection."""

    def __init__(self, path):
        super().__init__()
        self.path = path

    def get_conn(self):
        return sqlite3.connect(self.path, timeout=0.01)

    connection_extra_lower: dict = {}  # noqa: RUF012 - as the class has it
    placeholder = "?"


@pytest.fixture
def hook(tmp_path):
    return Hook(tmp_path / "w.db")


def query(hook, text):
    connection = hook.get_conn()
    with connection:
        found = connection.execute(text).fetchall()
    connection.close()
    return found


def table_of(hook, dataset="readings", table="t", loaded_at=NOW, create=True):
    made = SqlTable(hook, table, DATASETS[dataset], create=create, loaded_at=loaded_at)
    made.prepare()
    return made


def reading(number, value=1.0, sensor="sound_level"):
    return {"device_id": "d1", "sensor": sensor, "time": NOW + number * FIVE_MINUTES, "value": value}


def test_unchanged_row_keeps_the_time_of_its_load(hook):
    table_of(hook).load([reading(0), reading(1)])
    table_of(hook, loaded_at=NOW + timedelta(hours=1)).load([reading(0), reading(1, 2.0)])
    loaded = query(hook, "SELECT value, loaded_at FROM t ORDER BY time")
    assert loaded == [(1.0, "2026-06-01 12:00:00.000+00:00"), (2.0, "2026-06-01 13:00:00.000+00:00")]


def test_last_row_of_a_key_takes_precedence(hook):
    table_of(hook, "homes").load([{"home_id": "h", "name": "old"}, {"home_id": "h", "name": "new"}])
    assert query(hook, "SELECT home_id, name FROM t") == [("h", "new")]


def test_each_chunk_is_a_transaction(hook, monkeypatch):
    monkeypatch.setattr(sql, "CHUNK_ROWS", 2)

    def rows():
        yield from map(reading, range(5))
        raise ConnectionError

    with pytest.raises(ConnectionError):
        table_of(hook).load(rows())
    assert query(hook, "SELECT COUNT(*) FROM t") == [(4,)]


def test_locked_database_is_tried_again(hook):
    table_of(hook)
    pauses = []
    other = hook.get_conn()
    other.execute("BEGIN IMMEDIATE")

    def pause(seconds):
        pauses.append(seconds)
        if len(pauses) == 3:
            other.rollback()

    SqlTable(hook, "t", DATASETS["readings"], create=True, loaded_at=NOW, sleep=pause).load([reading(0)])
    assert len(pauses) == 3
    assert max(pauses) <= sql.MAX_PAUSE_SECONDS
    assert query(hook, "SELECT COUNT(*) FROM t") == [(1,)]


def test_stored_series(hook):
    table = table_of(hook)
    table.load([*map(reading, (0, 1, 4, 5, 9)), reading(6, None), reading(0, sensor="humidity")])
    stored = table.stored_series(NOW, NOW + 9 * FIVE_MINUTES, FIVE_MINUTES)
    at = [NOW + number * FIVE_MINUTES for number in range(10)]
    assert stored == {
        ("d1", "sound_level"): StoredSeries(at[0], at[5], 4, at[1], at[4]),
        ("d1", "humidity"): StoredSeries(at[0], at[0], 1),
    }


def test_missing_columns_are_named(hook):
    query(hook, "CREATE TABLE t (home_id TEXT PRIMARY KEY, name TEXT, additional_fields TEXT)")
    with pytest.raises(
        MinutConfigurationError, match="table: lacks the columns timezone, alarm_status; add them"
    ):
        table_of(hook, "homes", create=False)
    table_of(hook, "homes").load([{"home_id": "h", "timezone": "UTC"}])
    assert query(hook, "SELECT home_id, timezone, last_seen_at IS NULL FROM t") == [("h", "UTC", 0)]


def test_times_of_loads_are_optional_in_a_table_of_the_user(hook):
    query(
        hook,
        "CREATE TABLE t (device_id TEXT, sensor TEXT, time TEXT, value REAL, additional_fields TEXT, mine TEXT, "
        "UNIQUE (device_id, sensor, time))",
    )
    table_of(hook, create=False).load([reading(0)])
    assert query(hook, "SELECT value, mine FROM t") == [(1.0, None)]


def test_table_without_a_key(hook):
    query(hook, "CREATE TABLE t (device_id, sensor, time, value, additional_fields)")
    with pytest.raises(
        MinutConfigurationError, match="primary key or a unique index on device_id, sensor, time"
    ):
        table_of(hook)


def test_table_that_does_not_exist(hook):
    with pytest.raises(sqlite3.OperationalError, match="no such table") as error:
        table_of(hook, create=False)
    assert error.value.__notes__ == ["Create the table t, or set create_table=True."]


def test_prepare_writes_nothing(hook):
    table_of(hook)
    assert query(hook, "SELECT COUNT(*) FROM t") == [(0,)]
    assert query(hook, "SELECT name FROM sqlite_master WHERE name LIKE '%stage%'") == []
