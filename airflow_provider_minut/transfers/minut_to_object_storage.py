"""Transfer from the Minut API to a file: local, S3, GCS, Azure, or any other ``ObjectStoragePath``."""

from __future__ import annotations

import os
import secrets
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from glob import escape
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from airflow.sdk import Asset, AssetAlias, ObjectStoragePath

from airflow_provider_minut.extraction.completeness import SeriesCounter
from airflow_provider_minut.extraction.formats import FORMATS, check_format
from airflow_provider_minut.hooks.minut import MinutHook
from airflow_provider_minut.transfers.base import MinutTransferOperator
from airflow_provider_minut.utils.openlineage import report_to_collector

if TYPE_CHECKING:
    from airflow.sdk import Context

# Age at which the temporary file of a killed run is removed.
MAX_LEFTOVER_AGE_SECONDS = 86_400.0


class MinutToObjectStorageOperator(MinutTransferOperator):
    """Extract a dataset into one file, which is replaced as a whole or not at all.

    The order of the rows depends only on the data: a repeated run writes the same bytes. Memory does not
    grow with the data; while the file is written, the disk needs space for a second copy.

    .. seealso:: ``docs/transfers.md`` for all parameters, schedules and late data, and
        ``dags/minut_export.py``

    :param path: Path of the file, as ``ObjectStoragePath`` accepts it: ``/data/events.jsonl.gz`` or
        ``s3://aws_default@bucket/minut/{{ ds }}/events.jsonl.gz`` (templated).
    :param format: ``jsonl.gz`` (default), ``jsonl``, ``csv``, ``csv.gz`` or ``parquet``, which needs the
        extra ``parquet`` (templated).
    :param asset_alias: Name of an asset alias to which each run adds the file as an asset event, for DAGs
        scheduled on that alias.
    """

    template_fields: Sequence[str] = ("path", "format", *MinutTransferOperator.template_fields)

    def __init__(
        self,
        *,
        path: str,
        format: str = "jsonl.gz",  # noqa: A002 - the word that users of Spark and SQL know; the builtin is not used here
        asset_alias: str | None = None,
        **kwargs: Any,
    ) -> None:
        if asset_alias:
            kwargs["outlets"] = [*kwargs.get("outlets", []), AssetAlias(asset_alias)]
        super().__init__(**kwargs)
        self.path = path
        self.format = format
        self.asset_alias = asset_alias

    def execute(self, context: Context) -> dict[str, Any]:
        """Return ``path`` and what happened; never the rows.

        The other keys are ``rows``, ``rejected`` (number of items that could not be read), ``left_out``
        (homes, devices or sensors that returned 403 or 404), ``requests``, ``coverage`` (share of the
        expected readings that the file has, by sensor), ``gaps``, ``start_at`` and ``end_at``.

        :raises AirflowFailException: if credentials, connection or an argument are invalid; not retried.
        :raises MinutError: the subclass that applies; the file is unchanged.
        """
        with self._extraction(context) as (dataset, extraction):
            check_format(self.format)
            path = ObjectStoragePath(self.path)
            counter = SeriesCounter(extraction.selection.interval)
            with _replaced(path) as file:
                FORMATS[self.format](dataset, counter.counted(dataset, dataset.rows(extraction)), file)
                extraction.raise_failure()
        result = {"path": self.path} | self._result(dataset, extraction, counter.stored, str(path))
        uri = f"{path.protocol or 'file'}://{path.path}"
        report_to_collector(MinutHook(self.minut_conn_id), dataset, path, uri=uri)
        if self.asset_alias:
            context["outlet_events"][AssetAlias(self.asset_alias)].add(Asset(uri), extra=result)
        self._check_coverage()
        return result

    def _openlineage_output(self) -> tuple[str, str]:
        path = ObjectStoragePath(self.path)
        return (path.namespace, path.key) if path.bucket else ("file", path.path)

    def _is_tabular(self) -> bool:
        return not self.format.startswith("jsonl")


@contextmanager
def _replaced(path: ObjectStoragePath) -> Iterator[IO[bytes]]:
    """Open a temporary file that replaces ``path`` at the end; after an error ``path`` is unchanged."""
    local = path.protocol in {"", "file", "local"}
    folder = Path(path.path).parent if local else Path(tempfile.gettempdir())
    if local:
        folder.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(folder, path.name)
    part = folder / f".{path.name}.{secrets.token_hex(8)}.part"
    try:
        with part.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if local:
            part.replace(path.path)
        else:
            path.fs.put_file(str(part), path.path)  # an object appears only when it is complete
    finally:
        part.unlink(missing_ok=True)


def _remove_leftovers(folder: Path, name: str) -> None:
    for part in folder.glob(f".{escape(name)}.*.part"):
        if time.time() - part.stat().st_mtime > MAX_LEFTOVER_AGE_SECONDS:
            part.unlink(missing_ok=True)
