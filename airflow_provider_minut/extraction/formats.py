"""File formats: JSON Lines, CSV and Parquet. The same rows give the same bytes."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import IO, TYPE_CHECKING, Any, Protocol, cast

import msgspec

from airflow_provider_minut.exceptions import MinutConfigurationError
from airflow_provider_minut.extraction.columns import ADDITIONAL_FIELDS
from airflow_provider_minut.extraction.datasets import Dataset, tabular
from airflow_provider_minut.extraction.extractor import Row

if TYPE_CHECKING:
    import pyarrow as pa

# Rows encoded at a time.
BATCH_ROWS = 1_000
# Rows of a Parquet row group, which its readers load as a whole.
ROW_GROUP_ROWS = 10_000
# Takes half the time of the highest level, for 5 % more bytes.
COMPRESSION_LEVEL = 6


class Output(Protocol):
    """A file to write to."""

    def write(self, data: bytes, /) -> int:
        """Write all of the data."""
        ...


Writer = Callable[[Dataset, Iterable[Row], Output], None]


def write_jsonl(dataset: Dataset, rows: Iterable[Row], file: Output) -> None:
    """Write one JSON object per line, with all fields that the API sent."""
    encoder = msgspec.json.Encoder()
    for batch in batches(rows, BATCH_ROWS):
        file.write(encoder.encode_lines(batch))


def write_csv(dataset: Dataset, rows: Iterable[Row], file: Output) -> None:
    """Write the dataset's columns with a header (RFC 4180); all other fields are JSON in the last one."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([*dataset.columns, "additional_fields"])
    for batch in batches(tabular(dataset, rows), BATCH_ROWS):
        writer.writerows([_text_value(value) for value in row.values()] for row in batch)
        file.write(text.getvalue().encode())
        text.seek(0)
        text.truncate()
    file.write(text.getvalue().encode())


def write_parquet(dataset: Dataset, rows: Iterable[Row], file: Output) -> None:
    """Write the dataset's columns, typed; all other fields are JSON in the last one. Needs pyarrow."""
    import pyarrow.parquet as pq

    schema = arrow_schema(dataset.columns | {ADDITIONAL_FIELDS: "json"})
    with pq.ParquetWriter(file, schema) as writer:
        for batch in batches(tabular(dataset, rows), ROW_GROUP_ROWS):
            writer.write_table(arrow_table(batch, schema))


def arrow_schema(columns: Mapping[str, str]) -> pa.Schema:
    """Return the Arrow types of columns, as Parquet files and Delta tables have them. Needs pyarrow.

    :param columns: Type of each column: ``text``, ``time``, ``number``, ``flag``, ``date``, or ``json``,
        which is text.
    """
    import pyarrow as pa

    types = {
        "text": pa.string(),
        "time": pa.timestamp("us", tz="UTC"),
        "number": pa.float64(),
        "flag": pa.bool_(),
        "date": pa.date32(),
        "json": pa.string(),
    }
    return pa.schema([(name, types[kind]) for name, kind in columns.items()])


def arrow_table(rows: list[Row], schema: pa.Schema) -> pa.Table:
    """Return rows as an Arrow table; their additional fields become JSON. Needs pyarrow.

    :param rows: As :func:`~airflow_provider_minut.extraction.datasets.tabular` yields them.
    :param schema: Arrow types of the columns.
    """
    import pyarrow as pa

    for row in rows:
        row[ADDITIONAL_FIELDS] = _text_value(row[ADDITIONAL_FIELDS]) or None
    return pa.Table.from_pylist(rows, schema=schema)


def _gzipped(write: Writer) -> Writer:
    def write_gzipped(dataset: Dataset, rows: Iterable[Row], file: Output) -> None:
        # A gzip header with a name or a time would make the bytes of the same rows differ.
        with gzip.GzipFile("", "wb", COMPRESSION_LEVEL, cast(IO[bytes], file), mtime=0) as compressed:
            write(dataset, rows, compressed)

    return write_gzipped


FORMATS: dict[str, Writer] = {
    "jsonl.gz": _gzipped(write_jsonl),
    "jsonl": write_jsonl,
    "csv": write_csv,
    "csv.gz": _gzipped(write_csv),
    "parquet": write_parquet,
}


def check_format(name: str) -> None:
    """Check that rows can be written in a format.

    :raises MinutConfigurationError: if it is unknown, or needs a package that is not installed.
    """
    if name not in FORMATS:
        raise MinutConfigurationError("format", f"must be one of {', '.join(FORMATS)}")
    if name == "parquet":
        try:
            import pyarrow  # noqa: F401 - the import itself is the check; nothing of it is used here
        except ImportError:
            raise MinutConfigurationError(
                "format", "parquet needs pyarrow: pip install 'airflow-provider-minut[parquet]'"
            ) from None


def read_jsonl(file: IO[bytes]) -> Iterator[Row]:
    """Yield the rows of a gzipped file that ``write_jsonl`` wrote."""
    with gzip.open(file) as lines:
        yield from map(json.loads, lines)


def batches(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    """Yield the rows in lists of a size; the last may be shorter."""
    iterator = iter(rows)
    while batch := list(islice(iterator, size)):
        yield batch


def _text_value(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")  # as in JSON
    if isinstance(value, dict | list):
        return msgspec.json.encode(value, order="sorted").decode()
    return value
