"""Transfer from the Minut API to a table of an SQL database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook

from airflow_provider_minut.extraction.datasets import Dataset
from airflow_provider_minut.hooks.minut import MinutHook
from airflow_provider_minut.loading.columns import table_columns
from airflow_provider_minut.transfers.base import MinutTableTransferOperator
from airflow_provider_minut.utils.openlineage import report_to_collector

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook
    from airflow.sdk import Context

    from airflow_provider_minut.loading.sql import SqlTable


class MinutToSqlOperator(MinutTableTransferOperator):
    """Extract a dataset into a table: rows are inserted, or updated if their key exists.

    Rows are staged in bulk and go over in one statement, in one short transaction for each 20,000 rows; no
    lock is held during requests to Minut. Other columns and other rows are not changed, and several loads may
    run at once. Before the first request to Minut, the operator tries whether it can load.

    .. seealso:: ``docs/transfers.md`` for all parameters and late data, ``docs/tables.md`` for the columns,
        and ``dags/minut_to_warehouse.py``

    :param conn_id: ID of the database's connection (templated).
    :param table: Name of the table, with its schema if needed, like ``minut.events``. It is quoted, so its
        case counts (templated).
    :param create_table: Whether to create the table, or the columns that it lacks.
    """

    template_fields: Sequence[str] = ("conn_id", "table", *MinutTableTransferOperator.template_fields)

    def __init__(self, *, conn_id: str, table: str, create_table: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.conn_id = conn_id
        self.table = table
        self.create_table = create_table

    def execute(self, context: Context) -> dict[str, Any]:
        """Return ``table`` and what happened; never the rows.

        The other keys are ``rows``, ``rejected`` (number of items that could not be read), ``left_out``
        (homes, devices or sensors that returned 403 or 404), ``requests``, ``coverage`` (share of the
        expected readings that the table has, by sensor), ``gaps``, ``start_at`` and ``end_at``.

        :raises AirflowFailException: if credentials, connection or an argument are invalid; not retried.
        :raises MinutCoverageError: if readings are missing, and ``min_coverage`` is not reached.
        :raises MinutError: the subclass that applies. If only some homes, devices or sensors failed, the rows
            of the others are loaded.
        :raises Exception: of the database's driver.
        """
        # Imported here, because its libraries take milliseconds that a DAG file would pay for.
        from airflow_provider_minut.loading.sql import SqlTable

        hook = BaseHook.get_hook(self.conn_id)
        loaded_at = datetime.now(UTC)

        def open_table(dataset: Dataset) -> SqlTable:
            return SqlTable(hook, self.table, dataset, create=self.create_table, loaded_at=loaded_at)

        dataset, result = self._merge(
            context, open_table, f"table {self.table} of connection {self.conn_id!r}"
        )
        report_to_collector(MinutHook(self.minut_conn_id), dataset, hook, **self._lineage_asset(hook))
        self._check_coverage()
        return {"table": self.table, **result}

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

    def _output_columns(self, dataset: Dataset) -> dict[str, str]:
        return table_columns(dataset)
