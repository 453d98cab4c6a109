"""One home, device or sensor that fails does not cost the others, and is not passed over in silence."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_minut.exceptions import MinutNotFoundError, MinutResponseError, MinutServerError
from airflow_provider_minut.transfers.minut_to_object_storage import MinutToObjectStorageOperator
from airflow_provider_minut.transfers.minut_to_sql import MinutToSqlOperator
from tests.replay import ReplyServer, connect

START = datetime(2026, 6, 1, tzinfo=UTC)
NOON = "2026-06-01T12:00:00.000Z"
HOMES = [f"{number:024x}" for number in range(1, 51)]
TOKEN = '{"access_token": "a", "token_type": "Bearer", "expires_in": 3600}'


@pytest.fixture
def broken(monkeypatch, tmp_path):
    """Serve 50 homes with a device, an event and a reading each; return the replies that are others, by ID."""
    others = {}

    def answer(method, path, query, body):
        if path == "/oauth/token":
            return 200, TOKEN
        if path == "/homes":
            homes = [{"home_id": home_id} for home_id in HOMES]
            offset = int(query["offset"])
            return 200, json.dumps({"homes": homes[offset:], "paging": {"total_count": len(homes)}})
        if path == "/devices":
            return 200, json.dumps({"devices": [{"device_id": f"d{home_id}"} for home_id in HOMES]})
        _, kind, identity, _ = path.split("/")
        if identity in others:
            return others[identity]
        if kind == "homes":
            event = {"event_id": f"e{identity}", "event_time": NOON, "home_id": identity}
            return 200, json.dumps({"home_events": [event], "paging": {"total_count": 1}})
        return 200, json.dumps({"values": [{"datetime": NOON, "value": 1.5}]})

    with ReplyServer(answer) as server:
        connect(server, monkeypatch, tmp_path)
        yield others


def transfers(tmp_path, dataset, **arguments):
    arguments = {
        "task_id": "t",
        "dataset": dataset,
        "sensors": ["humidity"],
        "start_at": START,
        "end_at": START + timedelta(days=1),
        **arguments,
    }
    return (
        MinutToObjectStorageOperator(path=str(tmp_path / "rows.jsonl"), format="jsonl", **arguments),
        MinutToSqlOperator(conn_id="warehouse", table="rows_of", create_table=True, **arguments),
    )


def table(tmp_path):
    with closing(sqlite3.connect(tmp_path / "warehouse.db")) as connection:
        return connection.execute("SELECT COUNT(*) FROM rows_of").fetchone()[0]


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize(
    ("dataset", "identity", "left_out"),
    [("events", HOMES[7], HOMES[7]), ("readings", f"d{HOMES[7]}", f"d{HOMES[7]}/humidity")],
)
def test_what_the_account_cannot_read_is_left_out(broken, tmp_path, dataset, identity, left_out, status):
    broken[identity] = status, "{}"
    for operator in transfers(tmp_path, dataset):
        result = operator.execute({})
        assert (result["rows"], result["left_out"], result["rejected"]) == (49, [left_out], 0)
    assert table(tmp_path) == 49


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        ((500, "{}"), MinutServerError),
        ((200, '{"message": "x", "error_key": "y"}'), MinutResponseError),
        ((200, "<html>"), MinutResponseError),
    ],
)
@pytest.mark.parametrize(("dataset", "identity"), [("events", HOMES[7]), ("readings", f"d{HOMES[7]}")])
def test_error_of_one_fails_the_run_after_the_others_are_read(
    broken, tmp_path, dataset, identity, reply, error
):
    (tmp_path / "rows.jsonl").write_text("before")
    broken[identity] = reply
    for operator in transfers(tmp_path, dataset):
        with pytest.raises(error):
            operator.execute({})
    assert table(tmp_path) == 49
    assert (tmp_path / "rows.jsonl").read_text() == "before"


def test_home_that_left_the_account_is_left_out_unless_all_did(broken, tmp_path):
    sold = "f" * 24
    broken[sold] = 404, "{}"
    for dataset in ("homes", "events"):
        for operator in transfers(tmp_path / dataset, dataset, home_ids=[HOMES[0], sold])[:1]:
            result = operator.execute({})
            assert (result["rows"], result["left_out"]) == (1, [sold])
    (homes, _), (events, _) = (transfers(tmp_path, name, home_ids=[sold]) for name in ("homes", "events"))
    with pytest.raises(AirflowFailException, match=f"this account has no {sold}"):
        homes.execute({})
    with pytest.raises(MinutNotFoundError):
        events.execute({})
