"""What is in a table is what Minut sent: texts, times, numbers and JSON, alike in each database."""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta

import pytest

from tests.databases import START, WITHOUT_DUCKDB, instant_of, load, on
from tests.made_up import event, home

TEXTS = [
    "å" * 100_000,  # 200 kB
    "🏠👩‍👧 ﷽ \U0001d49e",
    "",
    " ",
    " x ",
    "\\N",
    "\\.",
    "\\",
    "\\\\n\\t",
    "NULL",
    'it\'s "quoted" `so`',
    "a,b;c|d",
    "line\nline\r\nline\rline\ttab",
    "\x01\x08\x0b\x1a\x1f\x7f",
    "\u2028\u2029\ufeff\u200b",
    "%s %(name)s :name ? $1 {0} {{}}",
    '{"a": 1}',
    "1e5",
    "true",
    "--",
    "'; DROP TABLE minut_homes; --",
    "ß İ ﬁ é é",
]
IDS = [
    "Ab",
    "ab",
    "AB",
    "ab ",
    " ab",
    "ab\t",
    "áb",
    "äb",
    "a_b",
    "a%b",
    "a\\b",
    "a'b",
    'a"b',
    "\uff41\uff42",
    "🏠",
    "x" * 100,
]


def test_texts_stay_as_they_are(account, database):
    account.homes = [home(f"home-{number:03}", text) for number, text in enumerate(TEXTS)]
    for _ in range(2):
        load("homes", create_table=True)
    found = [name for (name,) in database.rows("SELECT name FROM minut_homes ORDER BY home_id")]
    assert [(text, text == wanted) for text, wanted in zip(found, TEXTS, strict=True) if text != wanted] == []


def test_ids_that_differ_in_case_or_spaces_are_different_rows(account, database):
    account.homes = [home(identity, f"Name {number}") for number, identity in enumerate(IDS)]
    for _ in range(2):
        load("homes", create_table=True)
    assert dict(database.rows("SELECT home_id, name FROM minut_homes")) == {
        identity: f"Name {number}" for number, identity in enumerate(IDS)
    }


def test_value_that_is_missing_is_null(account, database):
    account.homes = [{"home_id": "home-001"}, {"home_id": "home-002", "name": None, "timezone": ""}]
    load("homes", create_table=True)
    query = "SELECT name, timezone, alarm_status, additional_fields FROM minut_homes ORDER BY home_id"
    assert database.rows(query) == [(None, None, None, None), (None, "", None, None)]


def test_times_keep_their_fractions(account, database):
    times = [
        "2026-06-01T10:00:00Z",
        "2026-06-01T10:00:00.001Z",
        "2026-06-01T10:00:00.999Z",
        "2026-06-01T10:00:00.123456Z",
        "2026-06-01T23:59:59.999999Z",
        "2026-06-01T12:00:00.250+02:00",
    ]
    account.add_homes(1)
    account.events["home-001"] = [
        event(f"event-{number}", "home-001", text) for number, text in enumerate(times)
    ]
    for _ in range(2):
        load("events", create_table=True)
    found = database.rows("SELECT event_time FROM minut_events ORDER BY event_id")
    assert [instant_of(value) for (value,) in found] == [datetime.fromisoformat(text) for text in times]


def test_readings_of_one_second_are_different_rows(account, database):
    account.add_readings("device-1", "temperature", START, 50, timedelta(milliseconds=20))
    for _ in range(2):
        load("readings", sensors=["temperature"], create_table=True)
    assert database.value("SELECT count(*) FROM minut_readings") == 50


@pytest.fixture
def far_away(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    yield
    monkeypatch.delenv("TZ")
    time.tzset()


@pytest.mark.usefixtures("far_away")
def test_time_zone_of_the_process_does_not_matter(account, database):
    account.devices = [
        {"device_id": "device-1", "last_heard_from_at": "2026-06-01T11:02:10.123Z"},
        {"device_id": "device-2", "last_heard_from_at": "1970-01-01T00:00:00Z"},
    ]
    load("devices", create_table=True)
    query = "SELECT last_heard_from_at FROM minut_devices ORDER BY device_id"
    found = [instant_of(value) for (value,) in database.rows(query)]
    assert found == [datetime.fromisoformat(device["last_heard_from_at"]) for device in account.devices]


@on("psycopg2", "psycopg3", "mariadb")
def test_time_zone_of_the_server_does_not_matter(account, database):
    statement = {
        "postgresql": (
            "ALTER DATABASE minut SET timezone TO 'Asia/Kolkata'",
            "ALTER DATABASE minut RESET timezone",
        ),
        "mysql": ("SET GLOBAL time_zone = '+05:30'", "SET GLOBAL time_zone = 'SYSTEM'"),
    }
    change, restore = statement[database.dialect]
    database.execute(change)
    try:
        account.add_homes(1)
        account.events["home-001"].append(event("event-1", "home-001", "2026-06-01T10:00:00.500Z"))
        load("events", create_table=True)
        found = instant_of(database.value("SELECT event_time FROM minut_events"))
    finally:
        database.execute(restore)
    assert found == datetime.fromisoformat("2026-06-01T10:00:00.500Z")


def test_numbers_and_flags_stay_as_they_are(account, database):
    numbers = [0.1, 1e308, -1e-300, 5, 2**53, -0.5, 1 / 3, 62.5]
    account.devices = [
        {
            "device_id": f"device-{number}",
            "battery": {"percent": value},
            "active": number % 2 == 0,
            "offline": None,
        }
        for number, value in enumerate(numbers)
    ]
    for _ in range(2):
        load("devices", create_table=True)
    query = "SELECT battery_percent, active, offline FROM minut_devices ORDER BY device_id"
    found = [(value, bool(flag), null) for value, flag, null in database.rows(query)]
    assert found == [(value, number % 2 == 0, None) for number, value in enumerate(numbers)]


def test_additional_fields_are_json_that_the_database_can_query(account, database):
    fields = {
        "geo": {"lat": 59.5, "city": "Malmö"},
        "tags": ["a", 'b "c" \\n \\', "😀\n", None, True, 2**60],
        "empty": {},
    }
    account.homes = [home("home-001", **fields), home("home-002")]
    for _ in range(2):
        load("homes", create_table=True)
    assert database.columns("minut_homes")["additional_fields"] == database.json_type
    lat, city = (database.json_text("additional_fields", "geo", name) for name in ("lat", "city"))
    found = database.rows(f"SELECT {lat}, {city} FROM minut_homes ORDER BY home_id")  # noqa: S608
    assert [(lat and float(lat), city) for lat, city in found] == [(59.5, "Malmö"), (None, None)]
    stored, none = (
        row[0] for row in database.rows("SELECT additional_fields FROM minut_homes ORDER BY home_id")
    )
    assert (json.loads(stored) if isinstance(stored, str) else stored) == fields
    assert none is None


@on("mariadb")
def test_json_is_checked_by_mariadb(account, database):
    account.add_homes(1)
    load("homes", create_table=True)
    with pytest.raises(database.error):
        database.execute("UPDATE minut_homes SET additional_fields = 'no JSON'")


@on(*WITHOUT_DUCKDB)
@pytest.mark.parametrize(("dataset", "column"), [("events", "event_time"), ("readings", "time")])
def test_time_has_an_index(account, database, dataset, column):
    account.add_homes(1)
    for _ in range(2):
        load(dataset, create_table=True)
    assert column in database.first_of_indexes(f"minut_{dataset}")


def test_time_of_the_load_is_in_each_row(account, database):
    account.add_readings("device-1", "temperature", START, 3, timedelta(minutes=5))
    before = datetime.now(START.tzinfo) - timedelta(seconds=1)
    load("readings", sensors=["temperature"], create_table=True)
    loaded = {instant_of(value) for (value,) in database.rows("SELECT loaded_at FROM minut_readings")}
    assert len(loaded) == 1
    assert before < loaded.pop() <= datetime.now(START.tzinfo)
