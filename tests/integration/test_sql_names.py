"""The name of a table means the same in every statement, or is refused before the first request to Minut."""

from __future__ import annotations

import re

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from tests.databases import load, on

# What a database may accept as a name or not; but it does nothing else.
ODD_NAMES = [
    "minut-homes",
    "minut homes",
    "hémnét_表",
    "1st",
    "select",
    "%s",
    "x" * 70,
    'x"; DROP TABLE precious; --',
    "x`; DROP TABLE precious; --",
    "x; DROP TABLE precious",
    "x'; DROP TABLE precious; --",
    "x\\",
    "x -- y",
    "x\ny",
    '"quoted"',
    "`quoted`",
    "[quoted]",
    '"a.b"',
    "",
    " ",
    ".",
    "a.",
    ".a",
    "a..b",
    "a.b.c.d",
    "precious WHERE 1=1",
    "(SELECT 1)",
]


def loads(account, database, table, quoted):
    """Load twice into a table, and read it by its quoted name."""
    account.homes = []
    account.add_homes(2)
    for _ in range(2):
        assert load("homes", table=table, create_table=True)["table"] == table
    assert load("homes", table=table)["rows"] == 2
    return database.value(f"SELECT count(*) FROM {quoted}") == 2  # noqa: S608


@pytest.mark.parametrize("table", ["Mixed_Case", "order", "UPPER", "minut_homes"])
def test_name_is_the_same_everywhere(account, database, table):
    assert loads(account, database, table, database.quote(table))
    assert table in database.tables()


def test_names_that_differ_in_case_are_one_table_or_two_as_the_database_has_it(account, database):
    account.add_homes(2)
    load("homes", table="minut_homes", create_table=True)
    load("homes", table="Minut_Homes", create_table=True)
    for name in ("minut_homes", "Minut_Homes"):
        assert database.value(f"SELECT count(*) FROM {database.quote(name)}") == 2  # noqa: S608


@pytest.mark.parametrize("schema", ["other", "Other_One"])
def test_table_may_be_in_another_schema(account, database, schema):
    if database.dialect == "sqlite":
        schema = "main"  # others would have to be attached
    else:
        database.execute(f"DROP SCHEMA IF EXISTS {database.quote(schema)}")
        database.execute(f"CREATE SCHEMA {database.quote(schema)}")
    assert loads(account, database, f"{schema}.minut_homes", f"{database.quote(schema)}.minut_homes")
    if database.dialect == "mysql":
        database.execute(f"DROP SCHEMA {database.quote(schema)}")


@on("psycopg2", "psycopg3", "duckdb")
def test_table_may_be_named_with_its_database(account, database):
    prefix = {"postgresql": "minut.public", "duckdb": "warehouse.main"}[database.dialect]
    assert loads(account, database, f"{prefix}.Minut_Homes", database.quote("Minut_Homes"))


@on("psycopg3", "mariadb", "sqlite", "duckdb")
@pytest.mark.parametrize("table", ODD_NAMES)
def test_odd_name_is_a_name_or_an_error(account, database, table):
    database.execute("CREATE TABLE precious (id INTEGER)", "INSERT INTO precious VALUES (1)")
    try:
        assert loads(account, database, table, database.quote(table))
    except (AirflowFailException, *database.errors) as error:
        assert re.match("table: must be|.*Incorrect table name", str(error)), error
        assert account.requests == []
        assert database.tables() == ["precious"]
    assert database.rows("SELECT * FROM precious") == [(1,)]


@pytest.mark.parametrize("table", ["", "a.b.c.d", "x; DROP TABLE precious", 'x"y', "x`y", "a\0b", "a..b"])
def test_name_that_no_database_has_is_an_error_before_the_first_request(account, database, table):
    account.add_homes(1)
    with pytest.raises(AirflowFailException, match="table: must be"):
        load("homes", table=table, create_table=True)
    assert account.requests == []


@on("mariadb", "sqlite")
def test_three_parts_are_an_error_where_there_is_no_such_level(account, database):
    account.add_homes(1)
    with pytest.raises(AirflowFailException, match="table: "):
        load("homes", table="def.minut.minut_homes", create_table=True)
    assert account.requests == []
    assert database.tables() == []


@on("psycopg2", "psycopg3")
def test_another_database_is_an_error(account, database):
    account.add_homes(1)
    with pytest.raises(Exception, match="cross-database|table: "):
        load("homes", table="other.public.minut_homes", create_table=True)
    assert account.requests == []
    assert database.tables() == []
