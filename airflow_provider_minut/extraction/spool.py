"""Rows in temporary files, one for each date: rows come device by device, and a date has all devices."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec

from airflow_provider_minut.extraction.columns import typed
from airflow_provider_minut.extraction.datasets import Dataset
from airflow_provider_minut.extraction.extractor import Row

# Rows in memory at most; then they are appended to the files of their dates, one open file at a time.
MAX_ROWS_IN_MEMORY = 10_000


class Spool:
    """Rows by the date of their time in UTC; all have the date ``None`` if the dataset has no time range.

    Rows of a date keep their order. Values are as JSON has them, so the same rows give the same bytes in
    every file format.

    :param dataset: Dataset of the rows.
    :param folder: Empty folder for the files.
    """

    def __init__(self, dataset: Dataset, folder: Path) -> None:
        self._dataset = dataset
        self._folder = folder
        self._counts: Counter[date | None] = Counter()

    def add(self, rows: Iterable[Row]) -> None:
        """Add rows.

        :param rows: As :meth:`Dataset.rows` yields them.
        """
        waiting: defaultdict[date | None, list[Row]] = defaultdict(list)
        for number, row in enumerate(rows, start=1):
            waiting[self._date_of(row)].append(row)
            if number % MAX_ROWS_IN_MEMORY == 0:
                self._write(waiting)
        self._write(waiting)

    @property
    def counts(self) -> dict[date | None, int]:
        """Number of rows of each date, oldest first; rows without a time are the last."""
        return dict(sorted(self._counts.items(), key=lambda item: item[0] or date.max))

    def rows(self, day: date | None) -> Iterator[Row]:
        """Yield the rows of a date, with the types of their columns."""
        with self._file(day).open("rb") as lines:
            yield from typed(self._dataset.columns, map(msgspec.json.decode, lines))

    def _date_of(self, row: Row) -> date | None:
        time = row.get(self._dataset.time) if self._dataset.time else None
        return time.astimezone(UTC).date() if isinstance(time, datetime) else None

    def _write(self, waiting: defaultdict[date | None, list[Row]]) -> None:
        encoder = msgspec.json.Encoder()
        for day, rows in waiting.items():
            with self._file(day).open("ab") as file:
                file.write(encoder.encode_lines(rows))
            self._counts[day] += len(rows)
        waiting.clear()

    def _file(self, day: date | None) -> Path:
        return self._folder / f"{day}.jsonl"
