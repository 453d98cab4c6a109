"""A reply of which nothing can be read is an error: the old file, table and page stay as they were."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from airflow_provider_minut.exceptions import MinutResponseError
from airflow_provider_minut.hooks.minut import MinutHook
from airflow_provider_minut.status_page import account as status_page
from airflow_provider_minut.transfers.minut_to_object_storage import MinutToObjectStorageOperator
from airflow_provider_minut.transfers.minut_to_sql import MinutToSqlOperator
from tests.conftest import FakeClock
from tests.odd_replies import NO_ANSWERS
from tests.replay import Account, ReplyServer, connect

DATASETS = {
    "homes": ("/homes", "homes"),
    "devices": ("/devices", "devices"),
    "latest": ("/devices", "devices"),
    "events": ("/homes/64bb0000000000000000b001/events", "home_events"),
    "readings": ("/devices/64bb0000000000000000d001/sound_level", "values"),
}
UNREADABLE = (
    *NO_ANSWERS,
    '{"KEY": 5}',
    '{"KEY": [null, "x", 5]}',
    '{"KEY": [{"value": 1}]}',
    '{"KEY": [{"renamed_at": "2026-06-01T10:00:00.000Z", "value": 38.25}]}',
)


@pytest.fixture
def account(monkeypatch, tmp_path):
    """An account whose replies a test can replace by path."""
    account = Account("documentation_v8")
    account.instead = {}

    def answer(method, path, query, body):
        if path in account.instead:
            return 200, account.instead[path]
        return account.answer(method, path, query, body)

    with ReplyServer(answer) as server:
        connect(server, monkeypatch, tmp_path)
        yield account


def transfers(account, dataset, path):
    arguments = {"task_id": "t", "dataset": dataset, "start_at": account.start, "end_at": account.end}
    return (
        MinutToObjectStorageOperator(path=str(path), **arguments),
        MinutToSqlOperator(conn_id="warehouse", table="rows_of", create_table=True, **arguments),
    )


def stored(tmp_path):
    with closing(sqlite3.connect(tmp_path / "warehouse.db")) as connection:
        table = connection.execute("SELECT * FROM rows_of").fetchall()
    return (tmp_path / "rows.jsonl.gz").read_bytes(), sorted(table, key=str)


@pytest.mark.parametrize("dataset", DATASETS)
def test_file_and_table_stay_as_they_were(account, tmp_path, dataset):
    operators = transfers(account, dataset, tmp_path / "rows.jsonl.gz")
    for operator in operators:
        assert operator.execute({})["rows"] > 0
    before = stored(tmp_path)
    path, key = DATASETS[dataset]
    for text in UNREADABLE:
        account.instead = {path: text.replace("KEY", key)}
        for operator in operators:
            with pytest.raises(MinutResponseError):
                operator.execute({})
        assert stored(tmp_path) == before, text


def test_page_stays_as_it_was_and_says_why(account):
    clock = FakeClock()
    with MinutHook().get_conn() as client:
        page = status_page.Account(client, clock)
        page.read()
        before = page.cached()
        for text in UNREADABLE:
            account.instead = {"/devices": text.replace("KEY", "devices")}
            clock.advance(3600)
            page.read()
            after = page.cached()
            assert "GET /devices" in after.problem
            assert (after.homes, after.devices, after.read_at) == (
                before.homes,
                before.devices,
                before.read_at,
            )
