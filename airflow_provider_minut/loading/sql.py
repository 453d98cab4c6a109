"""Loads rows into a table of an SQL database: staged in bulk, then one upsert.

Airflow's ``insert_rows(replace=True)`` writes row by row, and only by the primary key; SQLAlchemy's inserts
need a driver for each dialect and have no MERGE; dlt brings a schema and state tables of its own.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import tenacity

from airflow_provider_minut.exceptions import MinutConfigurationError
from airflow_provider_minut.extraction.datasets import Dataset
from airflow_provider_minut.extraction.extractor import Row
from airflow_provider_minut.extraction.progress import StoredSeries
from airflow_provider_minut.loading.columns import OPTIONAL_COLUMNS, table_columns, table_rows
from airflow_provider_minut.loading.conflicts import is_conflict, is_missing_key
from airflow_provider_minut.loading.dialects import MYSQL, dialect_of
from airflow_provider_minut.loading.staging import stage
from airflow_provider_minut.loading.statements import Statements, checked_table

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook

log = logging.getLogger(__name__)

# Rows of a transaction. Fewer take longer, more take memory.
CHUNK_ROWS = 20_000
# Other loads of the same rows may take as long as this.
MAX_CONFLICT_SECONDS = 120.0
MAX_PAUSE_SECONDS = 5.0

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNIQUE_INDEXES = (
    "SELECT index_name, column_name FROM information_schema.statistics "
    "WHERE table_name = %s AND table_schema = COALESCE(%s, DATABASE()) AND non_unique = 0"
)
_SAMPLES: dict[str, Any] = {
    "text": "minut",
    "time": datetime(2026, 1, 1, tzinfo=UTC),
    "number": 1.0,
    "flag": True,
    "json": {},
}


class SqlTable:
    """A table of an SQL database.

    :param hook: Hook of the database.
    :param table: Name of the table, with its schema if needed.
    :param dataset: Dataset whose rows are loaded.
    :param create: Whether to create the table, or its missing columns.
    :param loaded_at: When the run began to read.
    :param sleep: Waits for a number of seconds.
    :raises MinutConfigurationError: if the database is not supported, or the name is no name of a table.
    """

    def __init__(
        self,
        hook: DbApiHook,
        table: str,
        dataset: Dataset,
        *,
        create: bool,
        loaded_at: datetime,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        dialect = dialect_of(hook)
        self._hook, self._dataset, self._create, self._loaded_at = hook, dataset, create, loaded_at
        self._statements = Statements(dialect, dataset, checked_table(dialect, table))
        self._columns = table_columns(dataset)
        self._retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(is_conflict),
            wait=tenacity.wait_random_exponential(multiplier=0.1, max=MAX_PAUSE_SECONDS),
            stop=tenacity.stop_after_delay(MAX_CONFLICT_SECONDS),
            before_sleep=_log_conflict,
            sleep=sleep,
            reraise=True,
        )

    def prepare(self) -> None:
        """Create what is missing, and try whether rows can be loaded.

        :raises MinutConfigurationError: if the table lacks a column, or the key that an upsert needs.
        :raises Exception: of the driver, if the database or the table cannot be accessed.
        """
        present = self._retrying(self._present_columns)
        self._columns = {name: kind for name, kind in self._columns.items() if name in present}
        self._retrying(self._try)

    def load(self, rows: Iterable[Row], *, on_commit: Callable[[], None] = lambda: None) -> None:
        """Insert the rows, or update those whose key exists.

        :param rows: As :meth:`Dataset.rows` yields them.
        :param on_commit: Called when all rows that were read so far are loaded.
        :raises Exception: of the driver.
        """
        iterator = table_rows(self._dataset, rows, self._loaded_at)
        while chunk := list(islice(iterator, CHUNK_ROWS)):
            self._retrying(self._upsert, self._in_order(chunk))
            on_commit()

    def earliest_reading(self) -> datetime | None:
        """Return the time of the earliest reading in the table; ``None`` without readings."""
        with self._transaction() as cursor:
            cursor.execute(self._statements.earliest_reading())
            (found,) = cursor.fetchone()
        return _time_or_none(found)

    def stored_series(
        self, start_at: datetime, end_at: datetime, interval: timedelta
    ) -> dict[tuple[str, str], StoredSeries]:
        """Return what the table has of the readings in a time range.

        :param start_at: Start, included.
        :param end_at: End, excluded.
        :param interval: Length of the interval of a reading.
        """
        query = self._statements.stored_series(self._hook.placeholder, interval.total_seconds())
        to_value = self._statements.dialect.time_value
        with self._transaction() as cursor:
            cursor.execute(query, (to_value(start_at), to_value(end_at)))
            found = cursor.fetchall()
        return {
            (device_id, sensor): StoredSeries(_time(first), _time(last), count, *map(_time_or_none, gap))
            for device_id, sensor, first, last, count, *gap in found
        }

    def _present_columns(self) -> set[str]:
        """Return the names of the table's columns; create the table or its missing columns if asked."""
        try:
            present = self._read_columns()
        except Exception as error:
            if not self._create:
                error.add_note(f"Create the table {self._statements.table}, or set create_table=True.")
                raise
            self._change(self._statements.create_table(), set())
            present = self._read_columns()
        missing = [name for name in self._columns if name not in present]
        if self._create:
            for name in missing:
                self._change([self._statements.add_column(name)], {name})
            return present.union(missing)
        if required := [name for name in missing if name not in OPTIONAL_COLUMNS]:
            raise MinutConfigurationError(
                "table", f"lacks the columns {', '.join(required)}; add them, or set create_table=True"
            )
        return present

    def _read_columns(self) -> set[str]:
        with self._transaction() as cursor:
            cursor.execute(self._statements.select_nothing())
            columns = {column[0].lower() for column in cursor.description}
            cursor.fetchall()  # some drivers do not close a cursor whose result was not read
            return columns

    def _change(self, statements: Iterable[str], wanted: set[str]) -> None:
        """Change the table so that it has these columns.

        Another run may make the same change at the same time.
        """
        try:
            with self._transaction() as cursor:
                for statement in statements:
                    cursor.execute(statement)
        except Exception as error:
            try:
                present = self._retrying.copy()(self._read_columns)
            except Exception:  # the change failed for a reason of its own
                raise error from None
            if not present >= wanted:
                raise
        else:
            log.info("Changed the database: %s", "; ".join(statements))

    def _try(self) -> None:
        """Write to the staging table, and load nothing."""
        self._check_key()
        with self._staging(commit=False) as (cursor, table):
            try:
                cursor.execute(self._statements.upsert(table, list(self._columns)))
            except Exception as error:
                if is_missing_key(error):
                    raise self._no_key() from None
                raise
            self._stage(cursor, table, [{name: _SAMPLES[kind] for name, kind in self._columns.items()}])

    def _upsert(self, rows: Sequence[Row]) -> None:
        with self._staging(commit=True) as (cursor, table):
            self._stage(cursor, table, rows)
            cursor.execute(self._statements.upsert(table, list(self._columns)))

    def _stage(self, cursor: Any, table: str, rows: Sequence[Row]) -> None:
        stage(self._statements, cursor, table, self._columns, rows, placeholder=self._hook.placeholder)

    @contextmanager
    def _staging(self, *, commit: bool) -> Iterator[tuple[Any, str]]:
        """Open a transaction with an empty staging table."""
        table = self._statements.stage_name(secrets.token_hex(4))
        with self._transaction(commit=commit) as cursor:
            cursor.execute(self._statements.create_stage(table, self._columns))
            try:
                yield cursor, table
            finally:
                if not self._statements.dialect.stage_is_temporary:
                    cursor.execute(f"DROP TABLE {table}")

    @contextmanager
    def _transaction(self, *, commit: bool = True) -> Iterator[Any]:
        """Open a connection and a transaction, which is rolled back with an error or without ``commit``."""
        has_statements = self._statements.dialect.transaction
        with closing(self._hook.get_conn()) as connection, closing(connection.cursor()) as cursor:
            if self._hook.supports_autocommit:
                self._hook.set_autocommit(connection, False)
            if has_statements:
                cursor.execute("BEGIN TRANSACTION")
            yield cursor
            if commit and has_statements:
                cursor.execute("COMMIT")
            elif commit:
                connection.commit()

    def _check_key(self) -> None:
        """Check the unique indexes of a database whose upsert uses all of them, whatever their columns.

        :raises MinutConfigurationError: if there is none on the key, or one by which rows with another key
            would be updated.
        """
        if self._statements.dialect is not MYSQL:
            return
        *schema, table = self._statements.table.split(".")
        indexes: dict[str, set[str]] = {}
        with self._transaction() as cursor:
            cursor.execute(_UNIQUE_INDEXES, (table, schema[0] if schema else None))
            for index, column in cursor.fetchall():
                indexes.setdefault(index, set()).add(column.lower())
        key = set(self._dataset.key)
        if key not in indexes.values():
            raise self._no_key()
        for columns in indexes.values():
            if columns <= set(self._columns) and not columns >= key:
                raise MinutConfigurationError(
                    "table",
                    f"has a unique index on {', '.join(sorted(columns))}, by which MySQL would update rows "
                    "of another key; drop it, or load into a table without it",
                )

    def _no_key(self) -> MinutConfigurationError:
        return MinutConfigurationError(
            "table", f"needs a primary key or a unique index on {', '.join(self._dataset.key)}"
        )

    def _in_order(self, rows: list[Row]) -> list[Row]:
        """Return the rows by key, each key once; the last row of a key takes precedence.

        All loads lock rows in this order, so that they wait for each other instead of deadlocking.
        """
        keys = list(map(itemgetter(*self._dataset.key), rows))
        if all(key < following for key, following in pairwise(keys)):
            return rows  # the usual case
        by_key = dict(zip(keys, rows, strict=True))
        return [by_key[key] for key in sorted(by_key)]


def _log_conflict(state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.info("Another transaction had the rows (%s); repeating in %.1f s.", error, state.upcoming_sleep)


def _time(value: Any) -> datetime:
    """Return a time that a driver returned: as text, in microseconds, or without a zone, which is UTC."""
    if isinstance(value, int):
        return _EPOCH + timedelta(microseconds=value)
    time: datetime = datetime.fromisoformat(value) if isinstance(value, str) else value
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _time_or_none(value: Any) -> datetime | None:
    return None if value is None else _time(value)
