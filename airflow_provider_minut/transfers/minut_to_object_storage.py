"""Transfer from the Minut API to files: local, S3, GCS, Azure, or any other ``ObjectStoragePath``."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, AssetAlias, ObjectStoragePath

from airflow_provider_minut.exceptions import MinutConfigurationError
from airflow_provider_minut.extraction.columns import ADDITIONAL_FIELDS
from airflow_provider_minut.extraction.completeness import SeriesCounter
from airflow_provider_minut.extraction.datasets import Dataset
from airflow_provider_minut.extraction.extractor import Extractor, Row, Selection
from airflow_provider_minut.extraction.formats import FORMATS, check_format
from airflow_provider_minut.extraction.spool import Spool
from airflow_provider_minut.hooks.minut import MinutHook
from airflow_provider_minut.loading.files import replaced, try_destination
from airflow_provider_minut.transfers.base import MinutTransferOperator
from airflow_provider_minut.utils.openlineage import report_to_collector

if TYPE_CHECKING:
    from airflow.sdk import Context

# Hive's name for the partition of rows without a date; only events can have no time.
NO_DATE = "__HIVE_DEFAULT_PARTITION__"


class MinutToObjectStorageOperator(MinutTransferOperator):
    """Extract a dataset into one file, or one file per date; each is replaced as a whole or not at all.

    The order of the rows depends only on the data: a repeated run writes the same bytes. Memory does not
    grow with the data; while the file is written, the disk needs space for a second copy. The destination is
    tried before the first request to Minut.

    .. seealso:: ``docs/transfers.md`` for all parameters, schedules and late data, and
        ``dags/minut_export.py``

    :param path: Path of the file, as ``ObjectStoragePath`` accepts it: ``/data/events.jsonl.gz`` or
        ``s3://aws_default@bucket/minut/{{ ds }}/events.jsonl.gz``; with ``partition_by_date``, of the folder
        (templated).
    :param format: ``jsonl.gz`` (default), ``jsonl``, ``csv``, ``csv.gz`` or ``parquet``, which needs the
        extra ``parquet`` (templated).
    :param partition_by_date: Whether to write Hive partitions,
        ``PATH/dataset=readings/date=2026-06-01/readings.parquet``, by the time of the rows in UTC. The time
        range is extended to whole days, because the file of a date is replaced as a whole. For events and
        readings only.
    :param asset_alias: Name of an asset alias to which each run adds the path as an asset event, for DAGs
        scheduled on that alias.
    """

    template_fields: Sequence[str] = ("path", "format", *MinutTransferOperator.template_fields)

    def __init__(
        self,
        *,
        path: str,
        format: str = "jsonl.gz",  # noqa: A002 - the word that users of Spark and SQL know; the builtin is not used here
        partition_by_date: bool = False,
        asset_alias: str | None = None,
        **kwargs: Any,
    ) -> None:
        if asset_alias:
            kwargs["outlets"] = [*kwargs.get("outlets", []), AssetAlias(asset_alias)]
        super().__init__(**kwargs)
        self.path = path
        self.format = format
        self.partition_by_date = partition_by_date
        self.asset_alias = asset_alias

    def execute(self, context: Context) -> dict[str, Any]:
        """Return ``path`` and what happened; never the rows.

        The other keys are ``rows``, ``rejected`` (number of items that could not be read), ``left_out``
        (homes, devices or sensors that returned 403 or 404), ``requests``, ``coverage`` (share of the
        expected readings that the file has, by sensor), ``gaps``, ``start_at`` and ``end_at``.

        :raises AirflowFailException: if credentials, connection or an argument are invalid, or the path is
            not writable; not retried.
        :raises MinutError: the subclass that applies; the files are unchanged.
        """
        with self._extraction(context) as (dataset, extraction):
            check_format(self.format)
            path = ObjectStoragePath(self.path)
            counter = SeriesCounter(extraction.selection.interval)
            rows = counter.counted(dataset, dataset.rows(extraction))
            if self.partition_by_date:
                self._write_partitions(path / f"dataset={dataset.name}", dataset, extraction, rows)
            else:
                try_destination(path)
                with replaced(path) as file:
                    FORMATS[self.format](dataset, rows, file)
                    extraction.raise_failure()
        result = {"path": self.path} | self._result(dataset, extraction, counter.stored, str(path))
        uri = f"{path.protocol or 'file'}://{path.path}"
        report_to_collector(MinutHook(self.minut_conn_id), dataset, path, uri=uri)
        if self.asset_alias:
            context["outlet_events"][AssetAlias(self.asset_alias)].add(Asset(uri), extra=result)
        self._check_coverage()
        return result

    def _write_partitions(
        self, root: ObjectStoragePath, dataset: Dataset, extraction: Extractor, rows: Iterable[Row]
    ) -> None:
        """Write the file of each date that has rows; those of other dates are unchanged."""
        name = f"{dataset.name}.{self.format}"
        try_destination(root / name)
        with tempfile.TemporaryDirectory(prefix="minut-") as folder:
            spool = Spool(dataset, Path(folder))
            spool.add(rows)
            extraction.raise_failure()
            for day in spool.counts:
                with replaced(root / f"date={day or NO_DATE}" / name) as file:
                    FORMATS[self.format](dataset, spool.rows(day), file)

    def _selection(self, context: Context, *, ranged: bool) -> Selection:
        selection = super()._selection(context, ranged=ranged)
        if not self.partition_by_date:
            return selection
        if not ranged:
            raise MinutConfigurationError(
                "partition_by_date", f"must be False for {self.dataset}: these rows have no time range"
            )
        return _whole_days(selection, datetime.now(UTC))

    def _openlineage_output(self) -> tuple[str, str]:
        path = ObjectStoragePath(self.path)
        return (path.namespace, path.key) if path.bucket else ("file", path.path)

    def _output_columns(self, dataset: Dataset) -> dict[str, str]:
        extra = {} if self.format.startswith("jsonl") else {ADDITIONAL_FIELDS: "json"}
        return dataset.columns | extra


def _whole_days(selection: Selection, now: datetime) -> Selection:
    """Return the selection, extended to whole days in UTC; the last day ends now, if it is today."""
    start, end = selection.start_at.astimezone(UTC), selection.end_at.astimezone(UTC)
    next_midnight = _midnight(end - timedelta(microseconds=1)) + timedelta(days=1)
    return replace(selection, start_at=_midnight(start), end_at=min(next_midnight, max(end, now)))


def _midnight(time: datetime) -> datetime:
    return time.replace(hour=0, minute=0, second=0, microsecond=0)
