"""Writes rows to a staging table in the fastest way that the driver has."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from airflow_provider_minut.loading.dialects import DUCKDB, POSTGRESQL, Dialect
from airflow_provider_minut.loading.statements import Statements

# Rows of one INSERT of a driver that joins them.
INSERT_ROWS = 1_000
# A text is always quoted, so a value without quotes is NULL if it is empty.
DUCKDB_CSV = (
    "FORMAT csv, HEADER false, DELIMITER ',', QUOTE '\"', ESCAPE '\"', NULLSTR '', ALLOW_QUOTED_NULLS false"
)


def stage(
    statements: Statements,
    cursor: Any,
    table: str,
    columns: Mapping[str, str],
    rows: Sequence[Mapping[str, Any]],
    *,
    placeholder: str,
) -> None:
    """Write rows to a staging table.

    :param cursor: Cursor of the database's driver.
    :param table: Quoted name of the staging table.
    :param columns: Columns to write, and their types.
    :param rows: Rows with at least these columns.
    :param placeholder: Placeholder of a parameter.
    """
    if statements.dialect is POSTGRESQL:
        _copy_to_postgresql(
            cursor, statements.copy(table, columns, "STDIN", "FORMAT csv"), _csv(columns, rows)
        )
    elif statements.dialect is DUCKDB:
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".csv") as file:
            file.write(_csv(columns, rows))
            file.flush()
            path = file.name.replace("'", "''")
            cursor.execute(statements.copy(table, columns, f"'{path}'", DUCKDB_CSV))
    else:
        insert = statements.insert(table, list(columns), placeholder)
        for number in range(0, len(rows), INSERT_ROWS):
            cursor.executemany(
                insert, _values(statements.dialect, columns, rows[number : number + INSERT_ROWS])
            )


def _copy_to_postgresql(cursor: Any, statement: str, text: str) -> None:
    if hasattr(cursor, "copy_expert"):  # psycopg 2
        cursor.copy_expert(statement, io.StringIO(text))
        return
    with cursor.copy(statement) as copy:  # psycopg 3
        copy.write(text)


def _csv(columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as CSV (RFC 4180), where every text is quoted and NULL is empty."""
    fields = [(name, _CSV_VALUES[kind]) for name, kind in columns.items()]
    return "".join(
        ",".join(["" if (value := row[name]) is None else text_of(value) for name, text_of in fields]) + "\n"
        for row in rows
    )


def _quoted(text: str) -> str:
    return f'"{text.replace(chr(34), chr(34) * 2)}"'


def json_of(value: Any) -> str:
    """Return a value as JSON, with the names in order, so that the same value gives the same text."""
    return msgspec.json.encode(value, order="sorted").decode()


_CSV_VALUES: dict[str, Callable[[Any], str]] = {
    "text": _quoted,
    "time": datetime.isoformat,
    "number": repr,
    "flag": lambda flag: "true" if flag else "false",
    "json": lambda value: _quoted(json_of(value)),
}


def _values(
    dialect: Dialect, columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]]
) -> list[tuple[Any, ...]]:
    """Return rows as parameters of an INSERT."""
    conversions = {"time": dialect.time_value, "json": json_of}
    fields = [(name, conversions.get(kind)) for name, kind in columns.items()]
    return [
        tuple(
            [
                convert(value) if convert and (value := row[name]) is not None else row[name]
                for name, convert in fields
            ]
        )
        for row in rows
    ]
