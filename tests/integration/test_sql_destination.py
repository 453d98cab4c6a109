"""A destination that cannot be written fails the task before the first request to Minut."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk.exceptions import AirflowException

from tests.databases import SERVERS, load, on
from tests.servers import free_port


def fails_before_requests(account, match, **arguments):
    """Load the homes of an account; it has to fail by the destination's fault, without a request."""
    account.add_homes(2)
    with pytest.raises(Exception, match=f"(?i){match}"):
        load("homes", **arguments)
    assert account.requests == []


@pytest.mark.parametrize("create_table", [False, True])
@on(*SERVERS)
def test_user_who_may_only_read(account, database, create_table):
    account.add_homes(1)
    load("homes", create_table=True)
    rows = database.rows("SELECT * FROM minut_homes")
    account.requests.clear()
    database.add_clerk("minut_homes", "SELECT")
    fails_before_requests(account, "denied|privilege", create_table=create_table)
    assert database.rows("SELECT * FROM minut_homes") == rows


@on(*SERVERS)
@pytest.mark.parametrize("privileges", ["SELECT, INSERT", "SELECT, UPDATE", "INSERT, UPDATE"])
def test_user_who_lacks_a_privilege(account, database, privileges):
    load("homes", create_table=True)
    account.requests.clear()
    database.add_clerk("minut_homes", privileges)
    fails_before_requests(account, "denied|privilege|column|table")


@on(*SERVERS)
@pytest.mark.parametrize("create_table", [False, True])
def test_user_who_may_read_insert_and_update_can_load(account, database, create_table):
    load("homes", create_table=True)
    database.add_clerk("minut_homes", "SELECT, INSERT, UPDATE")
    account.add_homes(2)
    for _ in range(2):
        load("homes", create_table=create_table)
    assert database.value("SELECT count(*) FROM minut_homes") == 2


@on(*SERVERS)
def test_user_who_may_create_nothing(account, database):
    database.execute("CREATE TABLE other (id INTEGER)")
    database.add_clerk("other", "SELECT, INSERT, UPDATE")
    fails_before_requests(account, "denied|privilege", create_table=True)
    assert database.tables() == ["other"]


@on("psycopg2", "psycopg3")
def test_user_who_may_create_no_temporary_table(account, database):
    load("homes", create_table=True)
    account.requests.clear()
    database.add_clerk("minut_homes", "SELECT, INSERT, UPDATE")
    database.execute("REVOKE TEMP ON DATABASE minut FROM PUBLIC")
    fails_before_requests(account, "denied|privilege|temporary")


@on("sqlite")
def test_file_that_is_opened_to_read_only(account, database):
    load("homes", create_table=True)
    account.requests.clear()
    database.use(extra={"mode": "ro"})
    fails_before_requests(account, "readonly")


@on(*SERVERS)
def test_stopped_server(account, database):
    database.use(port=free_port())
    fails_before_requests(account, "refused|connect", create_table=True)


@on("duckdb", "sqlite")
def test_missing_folder(account, database):
    database.use(host="/nonexistent/folder/warehouse.db")
    fails_before_requests(account, "open|no such|cannot", create_table=True)


@on(*SERVERS)
def test_wrong_password(account, database):
    database.add_password()
    fails_before_requests(account, "password|denied", create_table=True)


@on(*SERVERS)
def test_missing_database(account, database):
    database.use(schema="nowhere")
    fails_before_requests(account, "nowhere", create_table=True)


@pytest.mark.parametrize("create_table", [False, True])
def test_missing_schema(account, database, create_table):
    fails_before_requests(account, "nowhere", table="nowhere.minut_homes", create_table=create_table)


def test_missing_table(account, database):
    fails_before_requests(account, "minut_homes")
    assert database.tables() == []


def test_missing_connection(account):
    account.add_homes(1)
    with pytest.raises(AirflowException, match="warehouse"):
        load("homes")
    assert account.requests == []


def test_column_of_another_type(account, database):
    """The types that cannot hold our values are found with an empty staging table, or not: then it fails later."""
    database.execute(
        "CREATE TABLE minut_homes (home_id VARCHAR(100) PRIMARY KEY, name VARCHAR(100), timezone VARCHAR(50), "
        "alarm_status VARCHAR(50), additional_fields TEXT)",
        "INSERT INTO minut_homes (home_id, name) VALUES ('home-001', 'Old')",
    )
    account.add_homes(1)
    account.homes[0]["name"] = "x" * 300
    if database.dialect in {"sqlite", "duckdb"}:  # these do not limit the length
        load("homes")
        return
    with pytest.raises(Exception, match=r"(?i)too long|name"):
        load("homes")
    assert database.rows("SELECT home_id, name FROM minut_homes") == [("home-001", "Old")]


@pytest.mark.parametrize("end", ["before", "same"])
def test_invalid_range_is_an_error_before_anything_else(account, database, end):
    with pytest.raises(AirflowFailException, match="start_at"):
        load("events", start_at="2026-06-02T00:00:00Z", end_at="2026-06-01T00:00:00Z", create_table=True)
    assert account.requests == []
    assert database.tables() == []
