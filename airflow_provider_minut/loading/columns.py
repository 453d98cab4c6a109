"""The columns of tables: those of the dataset, all other fields, and when a row was loaded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from airflow_provider_minut.extraction.columns import ADDITIONAL_FIELDS
from airflow_provider_minut.extraction.datasets import Dataset, tabular
from airflow_provider_minut.extraction.extractor import Row

LOADED_AT = "loaded_at"
LAST_SEEN_AT = "last_seen_at"
# Columns that a table of a user need not have.
OPTIONAL_COLUMNS = frozenset({LOADED_AT, LAST_SEEN_AT})


def table_columns(dataset: Dataset) -> dict[str, str]:
    """Return the columns of a dataset's table and their types: those of the dataset, and ``json``.

    ``loaded_at`` is when the run that wrote the row began to read. ``last_seen_at`` of homes and devices is
    when the account last had them: what left the account keeps its row and its last time.
    """
    columns = dataset.columns | {ADDITIONAL_FIELDS: "json", LOADED_AT: "time"}
    return columns | {LAST_SEEN_AT: "time"} if dataset.is_inventory else columns


def table_rows(dataset: Dataset, rows: Iterable[Row], loaded_at: datetime) -> Iterator[Row]:
    """Yield rows with exactly the columns of the dataset's table.

    :param rows: As :meth:`Dataset.rows` yields them.
    :param loaded_at: When the run began to read.
    """
    times = (
        {LOADED_AT: loaded_at, LAST_SEEN_AT: loaded_at} if dataset.is_inventory else {LOADED_AT: loaded_at}
    )
    for row in tabular(dataset, rows):
        yield row | times
