"""The databases that a load is tested with: each the connection ``warehouse``, and a way to look into it.

The fixtures are those of ``tests/integration`` and ``tests/system``.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import duckdb
import mysql.connector
import psycopg2
import pytest

from airflow_provider_minut.transfers.minut_to_sql import MinutToSqlOperator
from tests.servers import MariaDbServer, PostgresServer

START = datetime(2026, 6, 1, tzinfo=UTC)
VARIABLE = "AIRFLOW_CONN_WAREHOUSE"
# Drivers of Airflow's MySqlHook. The first is its default; it has no wheel, so it is only there if compiled.
MYSQL_CLIENT = "mysqlclient" if importlib.util.find_spec("MySQLdb") else "mysql-connector-python"
MYSQL_ERRORS = [importlib.import_module("MySQLdb").Error] if MYSQL_CLIENT == "mysqlclient" else []


class Database:
    """An empty database.

    :param place: What :attr:`connection` needs: a server, or a folder for the file.
    """

    dialect = ""
    error: type[Exception]  # of the driver that looks into it
    json_type = ""
    cascades = True
    user = ""  # who the connection belongs to

    def __init__(self, place, monkeypatch):
        self.place = place
        self._monkeypatch = monkeypatch
        self.use()
        self.clear()

    def use(self, **changes):
        """Let the connection ``warehouse`` point here, with changes."""
        self._monkeypatch.setenv(VARIABLE, json.dumps(self.connection | changes))

    @property
    def errors(self):
        """Errors of all drivers of this database."""
        return [self.error]

    @property
    def connection(self):
        raise NotImplementedError

    def connect(self):
        raise NotImplementedError

    def clear(self):
        """Remove all that other tests have left."""

    def quote(self, name):
        return '"' + name.replace('"', '""') + '"'

    def execute(self, *statements):
        with closing(self.connect()) as connection, closing(connection.cursor()) as cursor:
            for statement in statements:
                cursor.execute(statement)
            connection.commit()

    def rows(self, query):
        with closing(self.connect()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(query)
            return [tuple(row) for row in cursor.fetchall()]

    def value(self, query):
        ((value,),) = self.rows(query)
        return value

    def columns(self, table):
        """Return the types of a table's columns, in lower case."""
        query = f"SELECT column_name, data_type FROM information_schema.columns WHERE table_name = '{table}'"  # noqa: S608
        return {name.lower(): str(kind).lower() for name, kind in self.rows(query)}

    def tables(self):
        query = "SELECT table_name FROM information_schema.tables WHERE table_name LIKE '%'"
        return sorted(str(name) for (name,) in self.rows(query))

    def first_of_indexes(self, table):
        """Return the first columns of a table's indexes."""
        raise NotImplementedError

    def json_text(self, column, *path):
        """Return an expression: a text or number in a JSON column, as text."""
        return f"json_extract({column}, '$.{'.'.join(path)}')"


class Postgres(Database):
    dialect = "postgresql"
    error = psycopg2.Error
    json_type = "jsonb"
    user = "minut"

    @property
    def connection(self):
        address = {"host": "127.0.0.1", "port": self.place.port, "login": self.user, "schema": "minut"}
        return {"conn_type": "postgres", **address}

    def connect(self):
        return psycopg2.connect(f"postgresql://{self.place.address}")

    def clear(self):
        schemas = (
            "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'"
        )
        for (schema,) in self.rows(schemas):
            self.execute(f"DROP SCHEMA {self.quote(schema)} CASCADE")
        self.execute("CREATE SCHEMA public", "GRANT TEMP ON DATABASE minut TO PUBLIC")
        for (role,) in self.rows("SELECT rolname FROM pg_roles WHERE rolname IN ('clerk', 'guarded')"):
            self.execute(f"DROP OWNED BY {role}", f"DROP ROLE {role}")

    def add_clerk(self, table, privileges):
        """Let the connection belong to a user with these privileges on a table only."""
        self.execute(
            "CREATE ROLE clerk LOGIN",
            "GRANT USAGE ON SCHEMA public TO clerk",
            f"GRANT {privileges} ON {table} TO clerk",
        )
        self.use(login="clerk")

    def add_password(self):
        """Let the connection belong to a user with another password than the connection's."""
        self.execute("CREATE ROLE guarded LOGIN PASSWORD 'right'")
        self.use(login="guarded", password="wrong")

    def tables(self):
        query = (
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace IN "
            "(SELECT oid FROM pg_namespace WHERE nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast'))"
        )
        return sorted(name for (name,) in self.rows(query))

    def first_of_indexes(self, table):
        query = (
            "SELECT attname FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0] "  # noqa: S608 - a table of a test
            f"WHERE indrelid = '{table}'::regclass"
        )
        return {name for (name,) in self.rows(query)}

    def json_text(self, column, *path):
        return f"{column} #>> '{{{','.join(path)}}}'"

    def sessions(self):
        """Return what other sessions execute."""
        query = (
            "SELECT query FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename = 'minut' "
            "AND state <> 'idle'"
        )
        return [text for (text,) in self.rows(query)]


class MariaDb(Database):
    dialect = "mysql"
    error = mysql.connector.Error
    # MariaDB's JSON is text with a check.
    json_type = "longtext"
    user = "minut"

    @property
    def errors(self):
        return [self.error, *MYSQL_ERRORS]

    @property
    def connection(self):
        address = {"host": "127.0.0.1", "port": self.place.port, "login": self.user, "schema": "minut"}
        return {"conn_type": "mysql", **address, "extra": {"client": MYSQL_CLIENT}}

    def connect(self):
        return mysql.connector.connect(
            host="127.0.0.1", port=self.place.port, user=self.user, database="minut", charset="utf8mb4"
        )

    def clear(self):
        self.execute("DROP DATABASE minut", "CREATE DATABASE minut")
        self.execute("DROP DATABASE IF EXISTS other", "DROP USER IF EXISTS clerk@127.0.0.1")

    def quote(self, name):
        return "`" + name.replace("`", "``") + "`"

    def add_clerk(self, table, privileges):
        self.execute("CREATE USER clerk@127.0.0.1", f"GRANT {privileges} ON minut.{table} TO clerk@127.0.0.1")
        self.execute("GRANT CREATE TEMPORARY TABLES ON minut.* TO clerk@127.0.0.1")
        self.use(login="clerk")

    def add_password(self):
        self.execute(
            "CREATE USER clerk@127.0.0.1 IDENTIFIED BY 'right'", "GRANT ALL ON minut.* TO clerk@127.0.0.1"
        )
        self.use(login="clerk", password="wrong")

    def tables(self):
        query = "SELECT table_name FROM information_schema.tables WHERE table_schema IN ('minut', 'other')"
        return sorted(str(name) for (name,) in self.rows(query))

    def first_of_indexes(self, table):
        query = (
            "SELECT column_name FROM information_schema.statistics "  # noqa: S608 - a table of a test
            f"WHERE table_schema = 'minut' AND table_name = '{table}' AND seq_in_index = 1"
        )
        return {name for (name,) in self.rows(query)}

    def json_text(self, column, *path):
        return f"JSON_VALUE({column}, '$.{'.'.join(path)}')"

    def sessions(self):
        query = (
            "SELECT info FROM information_schema.processlist "
            "WHERE id <> CONNECTION_ID() AND user = 'minut' AND command <> 'Sleep'"
        )
        return [str(text) for (text,) in self.rows(query)]


class DuckDb(Database):
    dialect = "duckdb"
    error = duckdb.Error
    json_type = "json"
    cascades = False

    @property
    def path(self):
        return self.place / "warehouse.duckdb"

    @property
    def connection(self):
        return {"conn_type": "duckdb", "host": str(self.path)}

    def connect(self):
        return duckdb.connect(str(self.path))

    def json_text(self, column, *path):
        return f"{column}->>'$.{'.'.join(path)}'"


class Sqlite(Database):
    dialect = "sqlite"
    error = sqlite3.Error
    json_type = "text"

    @property
    def path(self):
        return self.place / "warehouse.sqlite"

    @property
    def connection(self):
        return {"conn_type": "sqlite", "host": str(self.path)}

    def connect(self):
        connection = sqlite3.connect(self.path)
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    def columns(self, table):
        query = f"SELECT name, type FROM pragma_table_info('{table}')"  # noqa: S608 - a table of a test
        return {name: kind.lower() for name, kind in self.rows(query)}

    def tables(self):
        return sorted(name for (name,) in self.rows("SELECT name FROM sqlite_master WHERE type = 'table'"))

    def first_of_indexes(self, table):
        query = (
            f"SELECT info.name FROM pragma_index_list('{table}') AS list, "  # noqa: S608
            "pragma_index_info(list.name) AS info WHERE info.seqno = 0"
        )
        return {name for (name,) in self.rows(query)}


def use_psycopg2(monkeypatch):
    """Let Airflow's PostgresHook use psycopg2: with SQLAlchemy 2, it does so only without psycopg 3."""
    from airflow.providers.postgres.hooks import postgres

    assert postgres.USE_PSYCOPG3
    monkeypatch.setattr(postgres, "USE_PSYCOPG3", False)


KINDS = {"psycopg2": Postgres, "psycopg3": Postgres, "mariadb": MariaDb, "duckdb": DuckDb, "sqlite": Sqlite}
SERVERS = ["psycopg2", "psycopg3", "mariadb"]
WITHOUT_DUCKDB = [*SERVERS, "sqlite"]


def on(*names):
    """Return a mark: run a test on these databases only."""
    return pytest.mark.parametrize("database", names, indirect=True)


def open_database(name, request, monkeypatch):
    """Return an empty database of a kind."""
    if name == "psycopg2":
        use_psycopg2(monkeypatch)
    place = {Postgres: "postgres", MariaDb: "mariadb"}.get(KINDS[name], "tmp_path")
    return KINDS[name](request.getfixturevalue(place), monkeypatch)


@pytest.fixture(params=list(KINDS))
def database(request, monkeypatch):
    """The connection ``warehouse`` to an empty database of each kind."""
    return open_database(request.param, request, monkeypatch)


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL for all tests of the session; see :meth:`Database.clear`."""
    yield from _running(PostgresServer, "initdb", "postgresql")


@pytest.fixture(scope="session")
def mariadb():
    """A MariaDB for all tests of the session."""
    yield from _running(MariaDbServer, "mariadbd", "mariadb-server")


def _running(kind, command, package):
    if not kind.find(command):
        assert not os.environ.get("CI"), f"CI has to have {package}"
        pytest.skip(f"{command} is not installed (Debian: apt install {package})")
    server = kind()
    yield server
    server.stop()


def instant_of(value):
    """Return a time that a database returned, as an aware datetime in UTC."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def load(dataset, **arguments):
    """Load a dataset of 1 and 2 June 2026 into a table named after it; return the result."""
    defaults = {"start_at": START, "end_at": START + timedelta(days=2), "table": f"minut_{dataset}"}
    operator = MinutToSqlOperator(
        task_id="t", dataset=dataset, conn_id="warehouse", **{**defaults, **arguments}
    )
    return operator.execute({})
