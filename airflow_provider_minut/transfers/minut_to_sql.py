"""Transfer from the Minut API to a table of any database with a ``DbApiHook``."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook

from airflow_provider_minut.api.times import from_text
from airflow_provider_minut.exceptions import MinutConfigurationError
from airflow_provider_minut.extraction.datasets import Dataset, tabular
from airflow_provider_minut.extraction.extractor import Row
from airflow_provider_minut.extraction.formats import FORMATS, read_jsonl
from airflow_provider_minut.hooks.minut import MinutHook
from airflow_provider_minut.transfers.base import MinutTransferOperator
from airflow_provider_minut.utils.openlineage import report_to_collector

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook
    from airflow.sdk import Context

BATCH_ROWS = 1_000
_NAME = r"[A-Za-z_][A-Za-z0-9_$]*"


class MinutToSqlOperator(MinutTransferOperator):
    """Extract a dataset into a table; rows with an existing key are replaced.

    Rows are written to a temporary file first. When it is complete, it is loaded in one short transaction: a
    failed run leaves the table unchanged, and no lock is held during requests to Minut.

    .. seealso:: ``docs/transfers.md`` for all parameters, the tables' columns, and late data, and
        ``dags/minut_to_warehouse.py``

    :param conn_id: ID of the database's connection (templated).
    :param table: Name of the table, with its schema if needed, like ``minut.events`` (templated).
    :param create_table: Whether to create the table if it does not exist.
    """

    template_fields: Sequence[str] = ("conn_id", "table", *MinutTransferOperator.template_fields)

    def __init__(self, *, conn_id: str, table: str, create_table: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.conn_id = conn_id
        self.table = table
        self.create_table = create_table

    def execute(self, context: Context) -> dict[str, Any]:
        """Return ``table`` and what happened; never the rows.

        The other keys are ``rows``, ``rejected`` (number of items that could not be read), ``left_out``
        (homes, devices or sensors that returned 403 or 404), ``requests``, ``start_at`` and ``end_at``.

        :raises AirflowFailException: if credentials, connection or an argument are invalid; not retried.
        :raises MinutError: the subclass that applies. The table is unchanged; but if only some homes, devices
            or sensors failed, the rows of the others are loaded.
        """
        with self._extraction(context) as (dataset, extraction):
            if not re.fullmatch(rf"{_NAME}(\.{_NAME}){{0,2}}", self.table):
                raise MinutConfigurationError(
                    "table", "must be a plain name like minut_events or schema.table"
                )
            hook = BaseHook.get_hook(self.conn_id)
            with tempfile.TemporaryFile() as file:
                FORMATS["jsonl.gz"](dataset, dataset.rows(extraction), file)
                file.seek(0)
                self._load(hook, dataset, tabular(dataset, read_jsonl(file)))
            extraction.raise_failure()
        where = f"table {self.table} of connection {self.conn_id!r}"
        result = {"table": self.table} | self._result(dataset, extraction, where)
        report_to_collector(MinutHook(self.minut_conn_id), dataset, hook, **self._lineage_asset(hook))
        return result

    def _lineage_asset(self, hook: DbApiHook) -> dict[str, Any]:
        """Return the table's asset for hook lineage; empty if its schema is the database's default."""
        connection = hook.get_connection(self.conn_id)
        *qualifiers, table = self.table.split(".")
        if not (qualifiers and connection.host):
            return {}
        database = qualifiers[0] if len(qualifiers) > 1 else connection.schema
        asset = {"host": connection.host, "database": database, "schema": qualifiers[-1], "table": table}
        port = {"port": connection.port} if connection.port else {}
        return {"scheme": hook.conn_type, "asset_kwargs": asset | port}

    def _openlineage_output(self) -> tuple[str, str] | None:
        hook = BaseHook.get_hook(self.conn_id)
        database = hook.get_openlineage_database_info(hook.get_connection(self.conn_id))
        if database is None:
            return None  # OpenLineage has no naming for this database, for example SQLite
        parts = self.table.split(".")
        if len(parts) == 1 and (schema := hook.get_openlineage_default_schema()):
            parts = [schema, *parts]
        if len(parts) == 2 and database.database:
            parts = [database.database, *parts]
        name = ".".join(database.normalize_name_method(part) for part in parts)
        return f"{database.scheme}://{database.authority}", name

    def _is_tabular(self) -> bool:
        return True

    def _heard_since(self, start: datetime, context: Context) -> datetime | None:
        # The table has everything that the last successful run read, including the lookback of this run.
        # Only devices that have checked in since can have new readings.
        last_success = context.get("prev_start_date_success")
        return min(start, last_success) if self.lookback and last_success else None

    def _load(self, hook: DbApiHook, dataset: Dataset, rows: Iterable[Row]) -> None:
        """Write the rows to the table in one transaction.

        DELETE and INSERT work in every database; the syntax of an upsert differs.
        """
        columns = [*dataset.columns, "additional_fields"]
        condition = " AND ".join(f"{name} = {hook.placeholder}" for name in dataset.key)
        delete = f"DELETE FROM {self.table} WHERE {condition}"  # noqa: S608 - `execute` has matched the table with _NAME; columns are constants
        placeholders = ", ".join([hook.placeholder] * len(columns))
        insert = f"INSERT INTO {self.table} ({', '.join(columns)}) VALUES ({placeholders})"  # noqa: S608 - `execute` has matched the table with _NAME; columns are constants
        iterator = (_values(dataset, row, as_text=hook.conn_type == "sqlite") for row in rows)
        with closing(hook.get_conn()) as connection, closing(connection.cursor()) as cursor:
            if hook.supports_autocommit:
                hook.set_autocommit(connection, False)
            if self.create_table:
                self._create(hook, dataset, cursor)
            while batch := list(islice(iterator, BATCH_ROWS)):
                cursor.executemany(delete, [tuple(row[name] for name in dataset.key) for row in batch])
                cursor.executemany(insert, [tuple(row.values()) for row in batch])
            connection.commit()

    def _create(self, hook: DbApiHook, dataset: Dataset, cursor: Any) -> None:
        import sqlalchemy as sa
        from sqlalchemy.schema import CreateTable

        kinds: dict[str, Any] = {
            "text": sa.Text(),
            "time": sa.DateTime(timezone=True),
            "number": sa.Double(),
            "flag": sa.Boolean(),
        }
        schema, _, name = self.table.rpartition(".")
        engine = hook.get_sqlalchemy_engine()
        if sa.inspect(engine).has_table(name, schema or None):
            return
        table = sa.Table(name, sa.MetaData(), schema=schema or None)
        for column, kind in dataset.columns.items():
            is_key = column in dataset.key
            # Some databases reject text of unlimited length as a key.
            column_type = sa.String(100) if is_key and kind == "text" else kinds[kind]
            table.append_column(sa.Column(column, column_type, primary_key=is_key))
        table.append_column(sa.Column("additional_fields", sa.Text()))
        cursor.execute(str(CreateTable(table).compile(dialect=engine.dialect)))
        self.log.info("Created table %s.", self.table)


def _values(dataset: Dataset, row: Row, *, as_text: bool) -> Row:
    """Return a row for the database. SQLite has no timestamp type: there, times are text in UTC."""
    for name, kind in dataset.columns.items():
        if kind == "time":
            time = from_text(row[name])
            row[name] = time.isoformat(sep=" ", timespec="milliseconds") if as_text and time else time
    rest = row["additional_fields"]
    row["additional_fields"] = json.dumps(rest, ensure_ascii=False, sort_keys=True) if rest else None
    return row
