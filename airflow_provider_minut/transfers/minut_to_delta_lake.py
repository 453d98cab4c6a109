"""Transfer from the Minut API to a Delta Lake table: local, S3, Azure or GCS."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_minut.extraction.datasets import Dataset
from airflow_provider_minut.hooks.minut import MinutHook
from airflow_provider_minut.loading.credentials import Location, location_of
from airflow_provider_minut.loading.delta import DeltaDestination, check_deltalake, delta_columns
from airflow_provider_minut.transfers.base import MinutTableTransferOperator
from airflow_provider_minut.utils.openlineage import report_to_collector

if TYPE_CHECKING:
    from airflow.sdk import Context


class MinutToDeltaLakeOperator(MinutTableTransferOperator):
    """Extract a dataset into a Delta Lake table: rows are inserted, or updated if their key exists.

    The table is created if it does not exist. Rows that did not change are not written again, other columns
    and rows are not changed, and several loads may run at once. Readers see the table before or after a
    commit of at most 200,000 rows. Before the first request to Minut, the operator tries whether it can load.
    Needs the extra ``delta``.

    .. seealso:: ``docs/transfers.md`` for all parameters, stores, and late data

    :param path: Path of the table: a local folder, or ``s3://``, ``abfss://``, ``az://`` or ``gs://``. It may
        contain the ID of a connection, like ``s3://aws_default@bucket/minut/readings`` (templated).
    :param conn_id: ID of the store's connection. Default: that of the path, or the credentials of the
        worker (templated).
    :param storage_options: More options of delta-rs for the store. Not for secrets: they belong into the
        connection.
    """

    template_fields: Sequence[str] = ("path", "conn_id", *MinutTableTransferOperator.template_fields)

    def __init__(
        self,
        *,
        path: str,
        conn_id: str | None = None,
        storage_options: dict[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.path = path
        self.conn_id = conn_id
        self.storage_options = storage_options

    def execute(self, context: Context) -> dict[str, Any]:
        """Return ``path`` and what happened; never the rows.

        The other keys are ``rows``, ``rejected`` (number of items that could not be read), ``left_out``
        (homes, devices or sensors that returned 403 or 404), ``requests``, ``coverage`` (share of the
        expected readings that the table has, by sensor), ``gaps``, ``start_at`` and ``end_at``.

        :raises AirflowFailException: if credentials, connection or an argument are invalid, or the table
            cannot be written; not retried.
        :raises MinutCoverageError: if readings are missing, and ``min_coverage`` is not reached.
        :raises MinutError: the subclass that applies. If only some homes, devices or sensors failed, the rows
            of the others are loaded.
        """
        loaded_at = datetime.now(UTC)

        def open_table(dataset: Dataset) -> DeltaDestination:
            check_deltalake()
            return DeltaDestination(
                self._location(), dataset, loaded_at=loaded_at, storage_options=self.storage_options
            )

        dataset, result = self._merge(context, open_table, f"the Delta table {self.path}")
        hook = MinutHook(self.minut_conn_id)
        report_to_collector(hook, dataset, hook, uri=self._uri())
        self._check_coverage()
        return {"path": self.path, **result}

    def _location(self) -> Location:
        return location_of(self.path, self.conn_id)

    def _uri(self) -> str:
        location = self._location()
        return location.uri if location.protocol else f"file://{location.uri}"

    def _openlineage_output(self) -> tuple[str, str]:
        parts = urlsplit(self._uri())
        if parts.scheme == "file":
            return "file", parts.path
        return f"{parts.scheme}://{parts.netloc}", parts.path.strip("/")

    def _output_columns(self, dataset: Dataset) -> dict[str, str]:
        return delta_columns(dataset)
