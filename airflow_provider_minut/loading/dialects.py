"""What differs between SQL databases: types, quoting, temporary tables and upserts.

Tests run PostgreSQL, MariaDB, SQLite and DuckDB. The statements for the others are only tested as text,
because no servers of theirs were available.

Not those of SQLAlchemy, which has no MERGE and needs a driver to be installed for each dialect, nor those of
Airflow's common.sql, which write row by row and assume that the primary key is the only key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_minut.exceptions import MinutConfigurationError

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook


def _sqlite_time(time: datetime) -> str:
    """Return text in UTC that sorts by time; SQLite has no type for it."""
    fraction = "microseconds" if time.microsecond % 1000 else "milliseconds"
    return time.isoformat(sep=" ", timespec=fraction)


def _naive_time(time: datetime) -> str:
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ")


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """The SQL of one database.

    :param name: Name of the database.
    :param types: SQL type of each kind of column: ``text``, ``key`` (text that is part of the key), ``time``,
        ``number``, ``flag`` and ``json``.
    :param upsert: ``on conflict``, ``on duplicate key`` or ``merge``.
    :param quotes: The characters before and after an identifier.
    :param max_name_parts: Number of parts that the name of a table may have.
    :param folds_to_upper: Whether a name without quotes is stored in upper case. A name without upper-case
        letters is then taken as one without quotes.
    :param create_stage: Creates the empty staging table, with the columns and types of the table.
    :param stage_name: Name of the staging table, with a random part.
    :param stage_is_temporary: Whether the database drops the staging table with the connection. Otherwise it
        is in the schema of the table, and is dropped after the load.
    :param primary_key: Declares the key in CREATE TABLE; empty where the database does not enforce it.
    :param index: Creates the index on the time column, in CREATE TABLE or, if it begins with CREATE, as a
        statement; empty where an index is of no use.
    :param add_column: Keywords of ALTER TABLE.
    :param differs: Operator that is true if two values differ, where two NULLs are equal.
    :param json_as_text: SQL of a comparable value of a JSON column.
    :param seconds_between: SQL of the seconds from a first time to a second one.
    :param end_of_merge: End of a MERGE statement.
    :param transaction: Whether the transaction is opened and committed by statements, because the cursor of
        the driver is a connection of its own.
    :param time_value: Converts an aware time to what the driver accepts.
    :param returned_time: SQL of a time that the driver can return: as a time, as text, or in microseconds
        since the epoch.
    """

    name: str
    types: Mapping[str, str]
    upsert: str = "merge"
    quotes: tuple[str, str] = ('"', '"')
    max_name_parts: int = 3
    folds_to_upper: bool = False
    create_stage: str = "CREATE TEMPORARY TABLE {stage} AS SELECT {columns} FROM {table} WHERE 1 = 0"
    stage_name: str = "minut_stage_{}"
    stage_is_temporary: bool = True
    primary_key: str = "PRIMARY KEY ({})"
    index: str = "CREATE INDEX {index} ON {table} ({column})"
    add_column: str = "ADD COLUMN"
    differs: str = "IS DISTINCT FROM"
    json_as_text: str = "{}"
    seconds_between: str = "DATEDIFF(SECOND, {}, {})"
    end_of_merge: str = ""
    transaction: bool = False
    time_value: Callable[[datetime], Any] = lambda time: time
    returned_time: str = "{}"


def _types(text: str, key: str, time: str, number: str, flag: str, json: str) -> dict[str, str]:
    return {"text": text, "key": key, "time": time, "number": number, "flag": flag, "json": json}


_BACKQUOTES = ("`", "`")
_REAL_STAGE = "CREATE TABLE {stage} AS SELECT {columns} FROM {table} WHERE 1 = 0"

POSTGRESQL = Dialect(
    name="PostgreSQL",
    types=_types("TEXT", "TEXT", "TIMESTAMP WITH TIME ZONE", "DOUBLE PRECISION", "BOOLEAN", "JSONB"),
    upsert="on conflict",
    create_stage="CREATE TEMPORARY TABLE {stage} ON COMMIT DROP AS SELECT {columns} FROM {table} WHERE 1 = 0",
    index="CREATE INDEX ON {table} ({column})",  # it chooses a name that is free
    json_as_text="CAST({} AS TEXT)",
    seconds_between="EXTRACT(EPOCH FROM {1} - {0})",
)
SQLITE = Dialect(
    name="SQLite",
    types=_types("TEXT", "TEXT", "DATETIME", "DOUBLE", "BOOLEAN", "TEXT"),
    upsert="on conflict",
    max_name_parts=2,
    index="CREATE INDEX {qualified_index} ON {bare_table} ({column})",
    differs="IS NOT",
    seconds_between="86400.0 * (julianday({1}) - julianday({0}))",
    time_value=_sqlite_time,
)
DUCKDB = Dialect(
    name="DuckDB",
    types=_types("VARCHAR", "VARCHAR", "TIMESTAMPTZ", "DOUBLE", "BOOLEAN", "JSON"),
    upsert="on conflict",
    index="",  # an indexed column cannot be updated by an upsert, and scans are fast without
    seconds_between="EPOCH({1} - {0})",
    transaction=True,
    returned_time="EPOCH_US({})",  # its driver needs pytz for a time with a time zone
)
MYSQL = Dialect(
    name="MySQL",
    # A key is limited to 3,072 bytes. With another collation, IDs that differ only in case, or in spaces at
    # their end, would be one key; MariaDB and MySQL have different names for it.
    types=_types(
        "LONGTEXT CHARACTER SET utf8mb4",
        "VARCHAR(255) CHARACTER SET utf8mb4 "
        "/*M! COLLATE utf8mb4_nopad_bin */ /*!80017 COLLATE utf8mb4_0900_bin */",
        "DATETIME(6)",
        "DOUBLE",
        "BOOLEAN",
        "JSON",
    ),
    upsert="on duplicate key",
    quotes=_BACKQUOTES,
    max_name_parts=2,
    # Some servers require a primary key of every table.
    create_stage="CREATE TEMPORARY TABLE {stage} (minut_row BIGINT AUTO_INCREMENT PRIMARY KEY) "
    "AS SELECT {columns} FROM {table} WHERE 1 = 0",
    index="INDEX ({column})",
    differs="<=>",
    seconds_between="TIMESTAMPDIFF(SECOND, {}, {})",
    time_value=_naive_time,
)
SNOWFLAKE = Dialect(
    name="Snowflake",
    types=_types("VARCHAR", "VARCHAR", "TIMESTAMP_TZ", "DOUBLE", "BOOLEAN", "VARCHAR"),
    folds_to_upper=True,
    index="",
)
SQL_SERVER = Dialect(
    name="SQL Server",
    types=_types(
        "NVARCHAR(MAX)",
        "NVARCHAR(255) COLLATE Latin1_General_BIN2",
        "DATETIMEOFFSET",
        "FLOAT",
        "BIT",
        "NVARCHAR(MAX)",
    ),
    quotes=("[", "]"),
    create_stage="SELECT {columns} INTO {stage} FROM {table} WHERE 1 = 0",
    stage_name="#minut_stage_{}",
    add_column="ADD",
    end_of_merge=";",
)
ORACLE = Dialect(
    name="Oracle",
    types=_types(
        "CLOB", "VARCHAR2(255 CHAR)", "TIMESTAMP WITH TIME ZONE", "BINARY_DOUBLE", "NUMBER(1)", "CLOB"
    ),
    max_name_parts=2,
    folds_to_upper=True,
    create_stage="CREATE PRIVATE TEMPORARY TABLE {stage} ON COMMIT PRESERVE DEFINITION "
    "AS SELECT {columns} FROM {table} WHERE 1 = 0",
    stage_name="ora$ptt_minut_{}",
    add_column="ADD",
    seconds_between="86400 * (CAST({1} AS DATE) - CAST({0} AS DATE))",
)
DATABRICKS = Dialect(
    name="Databricks",
    types=_types("STRING", "STRING", "TIMESTAMP", "DOUBLE", "BOOLEAN", "STRING"),
    quotes=_BACKQUOTES,
    create_stage=_REAL_STAGE,
    stage_is_temporary=False,
    primary_key="",
    index="",
)
BIGQUERY = Dialect(
    name="BigQuery",
    types=_types("STRING", "STRING", "TIMESTAMP", "FLOAT64", "BOOL", "STRING"),
    quotes=_BACKQUOTES,
    create_stage=_REAL_STAGE,
    stage_is_temporary=False,
    primary_key="",
    index="",
    seconds_between="TIMESTAMP_DIFF({1}, {0}, SECOND)",
)
REDSHIFT = Dialect(
    name="Redshift",
    types=_types(
        "VARCHAR(65535)", "VARCHAR(255)", "TIMESTAMPTZ", "DOUBLE PRECISION", "BOOLEAN", "VARCHAR(65535)"
    ),
    index="",
)

# By the type of Airflow's connection.
_BY_CONNECTION_TYPE = {
    "postgres": POSTGRESQL,
    "sqlite": SQLITE,
    "duckdb": DUCKDB,
    "mysql": MYSQL,
    "snowflake": SNOWFLAKE,
    "mssql": SQL_SERVER,
    "oracle": ORACLE,
    "databricks": DATABRICKS,
    "gcpbigquery": BIGQUERY,
    "redshift": REDSHIFT,
}
# By SQLAlchemy's name, which Airflow's hooks for ODBC and JDBC take from the connection.
_BY_SQLALCHEMY_NAME = {
    "postgresql": POSTGRESQL,
    "bigquery": BIGQUERY,
    "mariadb": MYSQL,
} | {name: dialect for name, dialect in _BY_CONNECTION_TYPE.items() if name != "gcpbigquery"}


def dialect_of(hook: DbApiHook) -> Dialect:
    """Return the dialect of a hook's database.

    :raises MinutConfigurationError: if the database is not supported.
    """
    dialect = _BY_CONNECTION_TYPE.get(hook.conn_type)
    if dialect is POSTGRESQL and hook.connection_extra_lower.get("redshift"):
        return REDSHIFT
    if dialect is None and hook.conn_type in {"odbc", "jdbc"}:
        dialect = _BY_SQLALCHEMY_NAME.get(hook.dialect_name)
    if dialect is None:
        names = ", ".join(each.name for each in _BY_CONNECTION_TYPE.values())
        raise MinutConfigurationError(
            "conn_id", f"must be a connection to one of these databases: {names}; not {hook.conn_type}"
        )
    return dialect
