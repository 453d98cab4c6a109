"""Loads leave alone what belongs to others: rows that reference ours, and columns, keys and indexes of users."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from tests.databases import START, WITHOUT_DUCKDB, instant_of, load, on
from tests.made_up import event, home

LOADS = 10


@pytest.mark.parametrize("action", ["ON DELETE CASCADE", ""], ids=["cascade", "plain"])
def test_rows_that_reference_ours_stay(account, database, action):
    account.add_homes(3)
    load("homes", create_table=True)
    action = action if database.cascades else ""
    key = "VARCHAR(255)"
    if database.dialect == "mysql":
        query = "SELECT column_type, character_set_name, collation_name FROM information_schema.columns WHERE table_name = 'minut_homes' AND column_name = 'home_id'"
        key = "{} CHARACTER SET {} COLLATE {}".format(*database.rows(query)[0])
    database.execute(
        f"CREATE TABLE notes (note_id INTEGER PRIMARY KEY, home_id {key} NOT NULL, "
        f"FOREIGN KEY (home_id) REFERENCES minut_homes (home_id) {action})",
        "INSERT INTO notes VALUES (1, 'home-001'), (2, 'home-002')",
    )
    for number in range(LOADS):
        account.homes[0]["name"] = f"Name {number}"
        load("homes", create_table=True)
    assert database.rows("SELECT note_id, home_id FROM notes ORDER BY note_id") == [
        (1, "home-001"),
        (2, "home-002"),
    ]
    assert database.value("SELECT name FROM minut_homes WHERE home_id = 'home-001'") == f"Name {LOADS - 1}"


def test_columns_and_rows_of_users_stay(account, database):
    account.add_homes(3)
    load("homes", create_table=True)
    database.execute(
        "ALTER TABLE minut_homes ADD COLUMN owner VARCHAR(20)",
        "ALTER TABLE minut_homes ADD COLUMN floors INTEGER DEFAULT 2",
        "UPDATE minut_homes SET owner = 'Kim', floors = 3 WHERE home_id = 'home-002'",
        "INSERT INTO minut_homes (home_id, name, owner) VALUES ('of-the-user', 'Old', 'Alex')",
    )
    account.add_homes(1, first=4)
    for _ in range(LOADS):
        load("homes")
    assert database.rows("SELECT home_id, name, owner, floors FROM minut_homes ORDER BY home_id") == [
        ("home-001", "Harbour", None, 2),
        ("home-002", "Harbour", "Kim", 3),
        ("home-003", "Harbour", None, 2),
        ("home-004", "Harbour", None, 2),
        ("of-the-user", "Old", "Alex", 2),
    ]


@on(*WITHOUT_DUCKDB)
def test_key_of_the_users_own_stays(account, database):
    """The table has a number of its own as primary key, which other tables may reference."""
    number = {
        "postgresql": "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
        "mysql": "BIGINT AUTO_INCREMENT PRIMARY KEY",
        "sqlite": "INTEGER PRIMARY KEY AUTOINCREMENT",
    }
    database.execute(
        f"CREATE TABLE minut_homes (id {number[database.dialect]}, home_id VARCHAR(100) NOT NULL UNIQUE, "
        "name VARCHAR(200), timezone VARCHAR(50), alarm_status VARCHAR(50), additional_fields TEXT)"
    )
    account.add_homes(2)
    load("homes")
    ids = database.rows("SELECT home_id, id FROM minut_homes ORDER BY home_id")
    account.homes[0]["name"] = "Garden"
    for _ in range(LOADS):
        load("homes")
    assert database.rows("SELECT home_id, id FROM minut_homes ORDER BY home_id") == ids
    assert database.rows("SELECT name FROM minut_homes ORDER BY home_id") == [("Garden",), ("Harbour",)]


def test_columns_of_the_user_may_be_required_if_they_have_a_default(account, database):
    account.add_homes(1)
    load("homes", create_table=True)
    database.execute("DELETE FROM minut_homes")
    if database.dialect == "duckdb":  # adds no column with a constraint
        database.execute("ALTER TABLE minut_homes ADD COLUMN source VARCHAR DEFAULT 'minut'")
        database.execute("ALTER TABLE minut_homes ALTER COLUMN source SET NOT NULL")
    else:
        database.execute("ALTER TABLE minut_homes ADD COLUMN source VARCHAR(20) NOT NULL DEFAULT 'minut'")
    for _ in range(2):
        load("homes", create_table=True)
    assert database.rows("SELECT home_id, source FROM minut_homes") == [("home-001", "minut")]


def test_unique_column_of_the_user_stays(account, database):
    account.add_homes(2)
    load("homes", create_table=True)
    database.execute(
        "ALTER TABLE minut_homes ADD COLUMN crm_id INTEGER",
        "CREATE UNIQUE INDEX crm ON minut_homes (crm_id)",
        "UPDATE minut_homes SET crm_id = 7 WHERE home_id = 'home-001'",
    )
    for _ in range(2):
        load("homes")
    assert database.rows("SELECT home_id, crm_id FROM minut_homes ORDER BY home_id") == [
        ("home-001", 7),
        ("home-002", None),
    ]


def test_row_that_another_unique_index_rejects_replaces_no_other_row(account, database):
    account.add_homes(1)
    load("homes", create_table=True)
    database.execute(
        "CREATE UNIQUE INDEX one_name ON minut_homes (name)"
        if database.dialect != "mysql"
        else "CREATE UNIQUE INDEX one_name ON minut_homes (name(100))"
    )
    before = database.rows("SELECT * FROM minut_homes")
    account.homes.append(home("home-002", "Harbour", alarm_status="on"))
    with pytest.raises(Exception, match=r".") as caught:
        load("homes")
    assert not isinstance(caught.value, AssertionError)
    assert database.rows("SELECT * FROM minut_homes") == before


def test_event_that_two_homes_have_is_loaded_once(account, database):
    account.add_homes(2)
    for home_id in ("home-001", "home-002"):
        account.events[home_id].append(event("event-1", home_id, "2026-06-01T10:00:00.000Z"))
    for _ in range(2):
        load("events", create_table=True)
    assert database.value("SELECT count(*) FROM minut_events") == 1


def test_reading_that_changed_is_replaced(account, database):
    account.add_readings("device-1", "temperature", START, 20, timedelta(minutes=5))
    load("readings", sensors=["temperature"], create_table=True)
    account.readings["device-1", "temperature"][3]["value"] = 99.5
    load("readings", sensors=["temperature"])
    assert database.rows("SELECT count(*), count(DISTINCT time), max(value) FROM minut_readings") == [
        (20, 20, 99.5)
    ]


def test_home_that_left_the_account_keeps_the_time_when_it_was_last_seen(account, database):
    account.add_homes(2)
    account.devices.append({"device_id": "device-1", "home": "home-002"})
    account.devices.append({"device_id": "device-2", "home": "home-001"})
    begun = datetime.now(UTC)
    seen = []
    for _ in range(2):
        for dataset in ("homes", "devices"):
            load(dataset, create_table=True)
        rows = database.rows("SELECT home_id, last_seen_at, loaded_at FROM minut_homes ORDER BY home_id")
        rows += database.rows(
            "SELECT device_id, last_seen_at, loaded_at FROM minut_devices ORDER BY device_id"
        )
        seen.append({name: (instant_of(at), instant_of(loaded)) for name, at, loaded in rows})
        account.homes.pop(1) if len(account.homes) > 1 else None
        account.devices.pop(0) if len(account.devices) > 1 else None
    first, second = seen
    for gone in ("home-002", "device-1"):
        assert begun - timedelta(seconds=1) < first[gone][0] == second[gone][0]
        assert first[gone][1] == second[gone][1]
    for current in ("home-001", "device-2"):
        assert first[current][0] < second[current][0] <= datetime.now(UTC)
        assert first[current][1] < second[current][1]


def test_table_of_the_previous_version_is_loaded_as_it_is(account, database):
    """Its additional fields are text, and it does not have the columns that came later."""
    database.execute(
        "CREATE TABLE minut_homes (home_id VARCHAR(100) NOT NULL, name TEXT, timezone TEXT, "
        "alarm_status TEXT, additional_fields TEXT, PRIMARY KEY (home_id))"
    )
    account.homes = [home("home-001", geo={"lat": 59.5})]
    for _ in range(2):
        load("homes")
    ((home_id, additional_fields),) = database.rows("SELECT home_id, additional_fields FROM minut_homes")
    assert (home_id, json.loads(additional_fields)) == ("home-001", {"geo": {"lat": 59.5}})


@on("psycopg3", "mariadb")
def test_generated_columns_and_triggers_of_the_user_stay(account, database):
    account.add_homes(2)
    load("homes", create_table=True)
    database.execute(
        "ALTER TABLE minut_homes ADD COLUMN length INTEGER GENERATED ALWAYS AS (length(name)) STORED"
    )
    account.homes[0]["name"] = "Garden Studio"
    load("homes", create_table=True)
    assert database.rows("SELECT length FROM minut_homes ORDER BY home_id") == [(13,), (7,)]


@on("psycopg2", "psycopg3")
def test_table_may_be_partitioned_by_time(account, database):
    database.execute(
        "CREATE TABLE minut_readings (device_id TEXT, sensor TEXT, time TIMESTAMPTZ, value FLOAT8, "
        "additional_fields JSONB, PRIMARY KEY (time, device_id, sensor)) PARTITION BY RANGE (time)",
        "CREATE TABLE june_1 PARTITION OF minut_readings FOR VALUES FROM ('2026-06-01Z') TO ('2026-06-02Z')",
        "CREATE TABLE rest PARTITION OF minut_readings DEFAULT",
    )
    account.add_readings("device-1", "temperature", START, 300, timedelta(minutes=5))
    for _ in range(2):
        load("readings", sensors=["temperature"])
    assert database.rows("SELECT (SELECT count(*) FROM june_1), (SELECT count(*) FROM rest)") == [(288, 12)]


@pytest.mark.parametrize("create_table", [False, True])
@pytest.mark.parametrize(
    "key",
    ["", ", PRIMARY KEY (home_id, name)", ", UNIQUE (name)"],
    ids=["none", "with-another-column", "of-another-column"],
)
def test_table_without_a_unique_key_is_an_error_before_the_first_request(
    account, database, key, create_table
):
    database.execute(
        "CREATE TABLE minut_homes (home_id VARCHAR(100) NOT NULL, name VARCHAR(100) NOT NULL, "
        f"timezone VARCHAR(50), alarm_status VARCHAR(50), additional_fields TEXT{key})"
    )
    account.add_homes(2)
    with pytest.raises(
        AirflowFailException, match=r"table: needs a primary key or a unique index on home_id"
    ):
        load("homes", create_table=create_table)
    assert account.requests == []
    assert database.value("SELECT count(*) FROM minut_homes") == 0


@on("psycopg3")
@pytest.mark.parametrize("index", ["(home_id) WHERE name IS NOT NULL", "(lower(home_id))"])
def test_unique_index_of_a_part_of_the_rows_is_no_key(account, database, index):
    load_columns = (
        "home_id TEXT NOT NULL, name TEXT, timezone TEXT, alarm_status TEXT, additional_fields TEXT"
    )
    database.execute(
        f"CREATE TABLE minut_homes ({load_columns})", f"CREATE UNIQUE INDEX part ON minut_homes {index}"
    )
    account.add_homes(1)
    with pytest.raises(
        AirflowFailException, match=r"table: needs a primary key or a unique index on home_id"
    ):
        load("homes")
    assert account.requests == []


def test_columns_that_are_missing_are_named_before_the_first_request_or_added(account, database):
    database.execute(
        "CREATE TABLE minut_homes (home_id VARCHAR(100) PRIMARY KEY, name VARCHAR(100), mine INTEGER)"
    )
    database.execute("INSERT INTO minut_homes VALUES ('home-001', 'Old', 5)")
    account.add_homes(2)
    with pytest.raises(AirflowFailException, match="timezone.*alarm_status.*additional_fields"):
        load("homes")
    assert account.requests == []
    for _ in range(2):
        load("homes", create_table=True)
    assert database.rows("SELECT home_id, name, timezone, mine FROM minut_homes ORDER BY home_id") == [
        ("home-001", "Harbour", "Europe/Stockholm", 5),
        ("home-002", "Harbour", "Europe/Stockholm", None),
    ]
    assert {"loaded_at", "last_seen_at"} <= database.columns("minut_homes").keys()
