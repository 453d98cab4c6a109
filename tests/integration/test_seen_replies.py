"""Every shape that a client was seen to read goes through each feature, and its values are right."""

from __future__ import annotations

import asyncio
import csv
import gzip
import json
import sqlite3
from collections import defaultdict
from contextlib import aclosing, closing
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest

from airflow_provider_minut.api.resources.thresholds import quiet_hours_of, reactions_of
from airflow_provider_minut.extraction.datasets import DATASETS
from airflow_provider_minut.hooks.minut import MinutHook
from airflow_provider_minut.operators.minut import MinutSetAlarmOperator, MinutUpdateDeviceOperator
from airflow_provider_minut.polling.poller import EventPoller
from airflow_provider_minut.report import noise_report
from airflow_provider_minut.report.analysis import analyze
from airflow_provider_minut.status_page import account as status_page
from airflow_provider_minut.transfers.minut_to_object_storage import MinutToObjectStorageOperator
from airflow_provider_minut.transfers.minut_to_sql import MinutToSqlOperator
from tests.replay import NAMES, Account, ReplyServer, connect, instant

SENSORS = ("sound_level", "temperature", "humidity", "motion_events", "pressure", "battery")
HOME = "64bb0000000000000000b001"
TYPES = {"text": str, "time": datetime, "number": int | float, "flag": bool}
# Lists that are read to know what to read; what is unreadable in them may be counted, too.
FIRST_READ = {"events": "homes", "readings": "devices", "latest": "devices"}


@pytest.fixture
def database(tmp_path):
    return tmp_path / "warehouse.db"


@pytest.fixture(params=NAMES)
def account(request, monkeypatch, tmp_path):
    """Serve the replies of a file; ``minut_default`` is a connection to them."""
    account = Account(request.param)
    with ReplyServer(account.answer) as server:
        connect(server, monkeypatch, tmp_path)
        yield account


@pytest.fixture
def client(account):
    with MinutHook().get_conn() as client:
        yield client


def extra_of(row):
    """Return the fields of a reading that are no columns, and the values that fit in none."""
    known = {"device_id", "sensor", "time", "value", "additional_fields"}
    rest = {name: value for name, value in row.items() if name not in known}
    return {**rest, **(row.get("additional_fields") or {})}


def expected_rows(account, dataset):
    """Return what a file says about a dataset: for each key, the columns that it knows."""
    expected = account.expected
    if dataset in {"homes", "devices"}:
        rows = expected[dataset]
    elif dataset == "readings":
        rows = [
            {"device_id": device, "sensor": sensor, "time": time, "value": value, "extra": (*rest, {})[0]}
            for (device, sensor), values in ((k.split(), v) for k, v in expected["readings"].items())
            for time, value, *rest in values
        ]
    else:
        names = {
            "events": ("event_id", "home_id", "event_type", "event_time"),
            "latest": ("device_id", "sensor", "time", "value"),
        }[dataset]
        rows = [dict(zip(names, values, strict=True)) for values in expected[dataset]]
    times = {name for name, kind in DATASETS[dataset].columns.items() if kind == "time"}
    rows = [{name: instant(v) if name in times else v for name, v in row.items()} for row in rows]
    return {tuple(row[name] for name in DATASETS[dataset].key): row for row in rows}


def of_jsonl(dataset, path, _database):
    with gzip.open(path, "rt") as lines:
        for line in lines:
            row = json.loads(line)
            known = {name: row.pop(name, None) for name in DATASETS[dataset].columns}
            times = {name for name, kind in DATASETS[dataset].columns.items() if kind == "time"}
            misfits = row.pop("additional_fields", None) or {}
            yield {n: instant(v) if n in times else v for n, v in known.items()} | {
                "additional_fields": {**row, **misfits}
            }


def of_csv(dataset, path, _database):
    parse = {"text": str, "time": instant, "number": float, "flag": {"True": True, "False": False}.get}
    kinds = {**DATASETS[dataset].columns, "additional_fields": "json"}
    parse["json"] = json.loads
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            yield {name: parse[kinds[name]](value) if value else None for name, value in row.items()}


def of_parquet(dataset, path, _database):
    import pyarrow.parquet as pq

    for row in pq.read_table(path).to_pylist():
        rest = row["additional_fields"]
        yield {**row, "additional_fields": json.loads(rest) if rest else None}


def of_table(dataset, _path, database):
    columns = DATASETS[dataset].columns
    with closing(sqlite3.connect(database)) as connection:
        connection.row_factory = sqlite3.Row
        for row in connection.execute(f"SELECT * FROM minut_{dataset}"):  # noqa: S608 - our names
            found = dict(row)
            for name, kind in columns.items():
                if kind == "time" and found[name]:
                    found[name] = datetime.fromisoformat(found[name])
                    found[name] = found[name].replace(tzinfo=found[name].tzinfo or UTC)
                if kind == "flag" and found[name] is not None:
                    assert found[name] in {0, 1}
                    found[name] = bool(found[name])
            rest = found["additional_fields"]
            yield {**found, "additional_fields": json.loads(rest) if rest else None}


READERS = {"jsonl.gz": of_jsonl, "csv": of_csv, "parquet": of_parquet, "sqlite": of_table}


def transferred(account, dataset, form, path):
    arguments = {
        "task_id": "t", "dataset": dataset, "start_at": account.start, "end_at": account.end, "sensors": SENSORS
    }  # fmt: skip
    if form == "sqlite":
        return MinutToSqlOperator(
            conn_id="warehouse", table=f"minut_{dataset}", create_table=True, **arguments
        ).execute({})
    return MinutToObjectStorageOperator(path=str(path), format=form, **arguments).execute({})


@pytest.mark.parametrize("form", READERS)
def test_transfers_write_what_the_replies_mean(account, tmp_path, database, form):
    for dataset, definition in DATASETS.items():
        path = tmp_path / f"{dataset}.{form}"
        result = transferred(account, dataset, form, path)
        rows = list(READERS[form](dataset, path, database))
        expected = expected_rows(account, dataset)
        found = {tuple(row[name] for name in definition.key): row for row in rows}
        assert sorted(found, key=str) == sorted(expected, key=str), dataset
        assert len(rows) == len(expected) == result["rows"], dataset
        for key, columns in expected.items():
            row = found[key] | {"extra": extra_of({"additional_fields": found[key]["additional_fields"]})}
            assert {name: row[name] for name in columns} == columns, dataset
        check_types(definition, rows)
        rejected = account.expected.get("rejected", {})
        own, before = (rejected.get(name, 0) for name in (dataset, FIRST_READ.get(dataset)))
        assert result["rejected"] in {own, own + before}, dataset


def check_types(definition, rows):
    for row in rows:
        for name, kind in definition.columns.items():
            value = row[name]
            assert value is None or isinstance(value, TYPES[kind]), (definition.name, name)
            assert kind == "flag" or not isinstance(value, bool), (definition.name, name)
        assert "\0" not in str(row)
        str(row).encode()


def test_client_reads_what_the_replies_mean(account, client):
    expected, rejected = account.expected, {}

    def read(name, items):
        before = client.rejected_count
        found = list(items)
        rejected[name] = rejected.get(name, 0) + client.rejected_count - before
        return found

    assert client.get_current_user()["user_id"] == expected["user"]
    homes = [home["home_id"] for home in read("homes", client.iter_homes())]
    assert sorted(homes) == [home["home_id"] for home in expected["homes"]]
    devices = {device["device_id"]: device.get("home") for device in read("devices", client.iter_devices())}
    assert devices == {device["device_id"]: device["home"] for device in expected["devices"]}
    for key, values in expected["readings"].items():
        period = {"start_at": account.start, "end_at": account.end}
        found = read("readings", client.iter_readings(*key.split(), **period))
        assert [(r["time"], r["value"], extra_of(r)) for r in found] == [
            (instant(time), value, (*rest, {})[0]) for time, value, *rest in values
        ]
    found = read("events", client.iter_home_events(HOME, start_at=account.start, end_at=account.end))
    assert sorted(event["event_id"] for event in found) == sorted(
        event[0] for event in expected["events"] if event[1] == HOME
    )
    found = read("user_events", client.iter_user_events())
    assert [event["id"] for event in found] == [event[0] for event in expected["user_events"]]
    found = read("webhooks", client.iter_webhooks())
    assert [hook["hook_id"] for hook in found] == expected["webhooks"]
    assert {name: number for name, number in rejected.items() if number} == expected.get("rejected", {})


def test_thresholds_are_read_where_they_are(account, client):
    expected = account.expected["thresholds"]
    device = client.get_device(expected["device_id"])
    values = {reaction["type"]: reaction["value"] for reaction in reactions_of(device)}
    assert values.get("sound_level_high") == expected["day"]
    assert values.get("sound_level_high_quiet_hours") == expected["quiet"]
    hours = quiet_hours_of(device) or {}
    assert ([hours["start"], hours["end"]] if hours.get("enabled") else None) == expected["hours"]


def test_page_shows_the_account(account, client):
    page = status_page.Account(client)
    page.read()
    snapshot = page.cached()
    assert snapshot.problem == ""
    assert snapshot.counts == account.expected["page"]
    names = {home["name"] for home in snapshot.homes}
    assert {home["name"] or home["home_id"] for home in account.expected["homes"] if "name" in home} <= names
    json.dumps([dict(row) for row in (*snapshot.homes, *snapshot.devices)], ensure_ascii=False).encode()


def test_report_shows_the_home(account, client):
    period = {"start_at": account.start, "end_at": account.end}
    home = client.get_home(HOME)
    devices = [client.get_device(device["device_id"]) for device in account.expected["devices"]]
    readings = [
        {"device_id": key.split()[0], "sensor": key.split()[1], **reading}
        for key in account.expected["readings"]
        for reading in client.iter_readings(*key.split(), **period)
    ]
    events = list(client.iter_home_events(HOME, **period))
    data = analyze(home, devices, readings, events, **period)
    values = defaultdict(list)
    own = {d["device_id"] for d in account.expected["devices"] if d["home"] in {HOME, None}}
    for key, found in account.expected["readings"].items():
        device, sensor = key.split()
        values[sensor] += [value for _, value, *_ in found if value is not None and device in own]
    for sensor in ("sound_level", "temperature", "humidity"):
        assert sorted(data.values(sensor)) == sorted(values[sensor])
    expected = account.expected["thresholds"]
    limits = next(iter(data.limits), None)
    assert (limits.day if limits else None) == expected["day"]
    assert (limits.quiet if limits else None) == (expected["quiet"] if expected["hours"] else None)
    noises = [e for e in account.expected["events"] if e[1:3] == [HOME, "noise_detected"]]
    assert len(data.noise_periods) == len(noises)
    html = noise_report(home, devices, readings, events, **period)
    assert next(h["name"] for h in account.expected["homes"] if h["home_id"] == HOME) in html
    html.encode()


def test_poller_finds_the_events(account):
    async def first_snapshot():
        poller = EventPoller.of("minut_default")
        poller.reach_back_to(account.start)
        async with asyncio.timeout(10), aclosing(poller.snapshots()) as snapshots:
            return await anext(snapshots)

    events = asyncio.run(first_snapshot()).events
    found = [[event["id"], event["type"], event["created_at"]] for event in events]
    assert found == account.expected["user_events"]
    json.dumps(events, allow_nan=False, ensure_ascii=False).encode()


def test_second_update_of_a_device_changes_nothing(account, client):
    thresholds = account.expected["thresholds"]
    arguments = {"task_id": "t", "device_id": thresholds["device_id"]}
    arguments["reactions"] = [{"type": "sound_level_high", "value": 72}]
    planned = MinutUpdateDeviceOperator(dry_run=True, **arguments).execute({})
    assert account.written == []
    assert planned == MinutUpdateDeviceOperator(**arguments).execute({})
    assert planned["changes"] == account.expected["update"]
    assert [written[:2] for written in account.written] == [("PUT", f"/devices/{thresholds['device_id']}")]
    assert MinutUpdateDeviceOperator(**arguments).execute({})["changes"] == []
    assert len(account.written) == 1
    device = client.get_device(thresholds["device_id"])
    values = {reaction["type"]: reaction["value"] for reaction in reactions_of(device)}
    assert values["sound_level_high"] == 72
    assert values.get("sound_level_high_quiet_hours") == thresholds["quiet"]


def test_alarm_is_set_as_given_and_no_further(account):
    given = account.expected["alarm"]["set"]
    changes = account.expected["alarm"]["changes"]
    first = MinutSetAlarmOperator(task_id="t", home_id=HOME, **given).execute({})
    assert first["changes"] == changes
    assert [(method, urlsplit(path).path) for method, path, _ in account.written] == (
        [("PATCH", f"/homes/{HOME}/alarm")] if changes else []
    )
    for _, _, body in account.written:
        assert body.items() <= given.items()
        assert {change.partition(":")[0] for change in changes} <= body.keys()
    assert MinutSetAlarmOperator(task_id="t", home_id=HOME, **given).execute({})["changes"] == []
    assert len(account.written) == bool(changes)
