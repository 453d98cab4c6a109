"""Loads rows into Delta Lake tables: an upsert by the dataset's key. Needs the extra ``delta``."""

from __future__ import annotations

import logging
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from airflow_provider_minut.exceptions import MinutConfigurationError, MinutError
from airflow_provider_minut.extraction.datasets import Dataset
from airflow_provider_minut.extraction.extractor import Row
from airflow_provider_minut.extraction.formats import ROW_GROUP_ROWS, arrow_schema, arrow_table, batches
from airflow_provider_minut.extraction.progress import GAP_FACTOR, StoredSeries
from airflow_provider_minut.extraction.spool import Spool
from airflow_provider_minut.loading.columns import LAST_SEEN_AT, LOADED_AT, table_columns, table_rows
from airflow_provider_minut.loading.credentials import Location, Options, redacted, store_options
from airflow_provider_minut.loading.files import PROBE_NAME

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import DeltaTable
    from deltalake.table import TableMerger

log = logging.getLogger(__name__)

Result = TypeVar("Result")

# Rows of a commit; they are in memory at once.
MAX_ROWS_PER_COMMIT = 200_000
# Rows between two calls of `on_commit`; each date among them costs a file of the table.
MAX_SPOOLED_ROWS = 1_000_000
# Partition column of events and readings: the date of their time in UTC.
DATE = "date"
MAX_ERROR_CHARACTERS = 500
MAX_ATTEMPTS = 20
MAX_PAUSE_SECONDS = 2.0
# Types of a user's table that values of ours fit into, by ours.
_ACCEPTED_TYPES = {
    "text": {"string"},
    "time": {"timestamp", "timestamp_ntz"},
    "number": {"double", "float"},
    "flag": {"boolean"},
    "json": {"string"},
    "date": {"date"},
}
_PERMANENT = re.compile(
    r"\b40[0134] |AccessDenied|NoSuchBucket|ContainerNotFound|[Pp]ermission denied|Not a directory"
    r"|Read-only file system|No such file or directory|don't have access|features? .*(un|not )supported"
)

# Of each series: its edges, and those of its first gap.
_SERIES = """
    WITH pairs AS (
        SELECT device_id, sensor, time,
            LEAD(time) OVER (PARTITION BY device_id, sensor ORDER BY time) AS next
        FROM stored WHERE value IS NOT NULL AND {where}
    )
    SELECT device_id, sensor, MIN(time) AS first, MAX(time) AS last, COUNT(*) AS count,
        MIN(CASE WHEN next - time >= {gap} THEN time END) AS before_gap,
        MIN(CASE WHEN next - time >= {gap} THEN next END) AS after_gap
    FROM pairs GROUP BY device_id, sensor
"""


def delta_columns(dataset: Dataset) -> dict[str, str]:
    """Return the columns of a dataset's Delta table and their types."""
    return table_columns(dataset) | ({DATE: "date"} if dataset.time else {})


def check_deltalake() -> None:
    """Check that the extra ``delta`` is installed.

    :raises MinutConfigurationError: if it is not.
    """
    try:
        import deltalake  # noqa: F401 - the import itself is the check; nothing of it is used here
    except ImportError:
        raise MinutConfigurationError(
            "path", "Delta Lake needs deltalake: pip install 'airflow-provider-minut[delta]'"
        ) from None


class DeltaDestination:
    """The Delta table of a dataset.

    :param location: Where the table is.
    :param dataset: Dataset of its rows.
    :param loaded_at: When the run began to read.
    :param storage_options: More options of delta-rs for the store; they replace those of the connection.
    :param sleep: Waits for a number of seconds.
    """

    def __init__(
        self,
        location: Location,
        dataset: Dataset,
        *,
        loaded_at: datetime,
        storage_options: Options | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._location = location
        self._dataset = dataset
        self._loaded_at = loaded_at
        self._more_options = storage_options or {}
        self._sleep = sleep
        self._columns = delta_columns(dataset)

    def prepare(self) -> None:
        """Create the table, or the columns of ours that it lacks, and try whether it can be written to.

        :raises MinutConfigurationError: if it cannot.
        :raises MinutError: for other errors of the store.
        """
        if not self._location.protocol:
            _make_folder(Path(self._location.uri))
        with self._errors(preparing=True):
            table = self._open_or_create()
            self._check(table)
            self._repeated(self._add_missing_columns)
            self._write_probe()
            # Fails if the table has a feature that delta-rs cannot write; without rows nothing is committed.
            self._merge(arrow_table([], arrow_schema(self._columns)), "FALSE")

    def load(self, rows: Iterable[Row], *, on_commit: Callable[[], None] = lambda: None) -> None:
        """Merge rows by the key: new rows are inserted, rows that changed are updated, nothing else changes.

        A million rows at a time go to temporary files first, and from there to the table, date by date, in
        commits of at most 200,000 rows.

        :param rows: As :meth:`Dataset.rows` yields them.
        :param on_commit: Called when all rows that were read so far are loaded.
        :raises MinutError: if the store or the table does not accept the rows; commits so far stay.
        """
        for part in _parts(rows, MAX_SPOOLED_ROWS):
            with tempfile.TemporaryDirectory(prefix="minut-") as folder:
                spool = Spool(self._dataset, Path(folder))
                spool.add(part)
                with self._errors(preparing=False):
                    for batch in self._batches(spool):
                        self._merge(batch, self._range_of(batch))
            on_commit()

    def earliest_reading(self) -> datetime | None:
        """Return the time of the earliest reading in the table; ``None`` without readings.

        :raises MinutError: for errors of the store.
        """
        with self._errors(preparing=False):
            (row,) = _query(self._open(), "SELECT MIN(time) AS earliest FROM stored")
        earliest: datetime | None = row["earliest"]
        return earliest

    def stored_series(
        self, start_at: datetime, end_at: datetime, interval: timedelta
    ) -> dict[tuple[str, str], StoredSeries]:
        """Return what the table has of the readings in a time range.

        :param start_at: Start, included.
        :param end_at: End, excluded.
        :param interval: Length of the interval of a reading.
        :raises MinutError: for errors of the store.
        """
        with self._errors(preparing=False):
            table = self._open()
            where = f"time >= {_timestamp(start_at)} AND time < {_timestamp(end_at)}"
            if _is_partitioned(table):
                first, last = (_date(edge.astimezone(UTC).date()) for edge in (start_at, end_at))
                where += f" AND {DATE} BETWEEN {first} AND {last}"
            gap = f"INTERVAL '{interval.total_seconds() * GAP_FACTOR} seconds'"
            found = _query(table, _SERIES.format(where=where, gap=gap))
        return {(row.pop("device_id"), row.pop("sensor")): StoredSeries(**row) for row in found}

    def _batches(self, spool: Spool) -> Iterator[pa.Table]:
        """Yield the rows of one date after the other, so that a commit concerns few dates."""
        import pyarrow as pa

        schema = arrow_schema(self._columns)
        tables: list[pa.Table] = []
        for day in spool.counts:
            rows = table_rows(self._dataset, spool.rows(day), self._loaded_at)
            for block in batches((row | {DATE: day} for row in rows), ROW_GROUP_ROWS):
                tables.append(arrow_table(block, schema))
                if sum(map(len, tables)) + ROW_GROUP_ROWS > MAX_ROWS_PER_COMMIT:
                    yield pa.concat_tables(tables)
                    tables = []
        if tables:
            yield pa.concat_tables(tables)

    def _merge(self, rows: pa.Table, condition: str) -> None:
        """Merge rows in one commit; again, if another run has changed the same part of the table meanwhile.

        :param rows: Rows with all of our columns.
        :param condition: SQL condition that all rows of the table with these keys meet.
        """
        rows = _last_of_each_key(rows, self._dataset.key)
        metrics = self._repeated(lambda: self._merger(self._open(), rows, condition).execute())
        inserted, updated = (metrics[f"num_target_rows_{kind}"] for kind in ("inserted", "updated"))
        log.info("Merged %d rows: %d inserted, %d updated.", len(rows), inserted, updated)

    def _repeated(self, commit: Callable[[], Result]) -> Result:
        """Return the result of a commit, which is repeated if another run committed meanwhile."""
        import tenacity
        from deltalake.exceptions import CommitFailedError

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(CommitFailedError),
            wait=tenacity.wait_random(0, MAX_PAUSE_SECONDS),
            stop=tenacity.stop_after_attempt(MAX_ATTEMPTS),
            sleep=self._sleep,
            reraise=True,
        )
        return retrying(commit)

    def _merger(self, table: DeltaTable, rows: pa.Table, condition: str) -> TableMerger:
        columns = [name for name in self._columns if name != DATE or _is_partitioned(table)]
        data = [name for name in columns if name not in {*self._dataset.key, LOADED_AT, LAST_SEEN_AT}]
        # Partition columns cannot be compared as others; a date changes only with its time.
        compared = [name for name in data if name != DATE]
        is_same_key = " AND ".join(f"t.{name} = s.{name}" for name in self._dataset.key)
        has_changed = " OR ".join(f"(t.{name} IS DISTINCT FROM s.{name})" for name in compared)
        merger = table.merge(
            rows.select(columns).to_reader(),
            f"{condition} AND {is_same_key}",
            source_alias="s",
            target_alias="t",
        )
        updates = {name: f"s.{name}" for name in columns if name not in self._dataset.key}
        merger = merger.when_matched_update(updates, predicate=has_changed)
        if LAST_SEEN_AT in columns:
            merger = merger.when_matched_update({LAST_SEEN_AT: f"s.{LAST_SEEN_AT}"})
        return merger.when_not_matched_insert({name: f"s.{name}" for name in columns})

    def _range_of(self, rows: pa.Table) -> str:
        """Return a condition that lets delta-rs read only the files with rows of the same times."""
        import pyarrow.compute as pc

        name = self._dataset.time
        if name is None:
            return "TRUE"
        edges = pc.min_max(rows[name]).as_py()
        # An event may have no time; the keys of readings always have one.
        if edges["min"] is None:
            return f"t.{name} IS NULL"
        condition = f"t.{name} >= {_timestamp(edges['min'])} AND t.{name} <= {_timestamp(edges['max'])}"
        days = ", ".join(_date(day) for day in rows[DATE].unique().to_pylist() if day)
        if _is_partitioned(self._open()):
            condition += f" AND t.{DATE} IN ({days})"
        return condition if name in self._dataset.key else f"(({condition}) OR t.{name} IS NULL)"

    def _open_or_create(self) -> DeltaTable:
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError, TableNotFoundError

        with suppress(TableNotFoundError):
            return self._open()
        try:
            DeltaTable.create(
                self._location.uri,
                arrow_schema(self._columns),
                partition_by=[DATE] if self._dataset.time else None,
                name=f"minut_{self._dataset.name}",
                storage_options=self._options(),
            )
        except DeltaError:
            log.debug("The table could not be created; another run may have done so.", exc_info=True)
        else:
            log.info("Created the Delta table %s.", self._location.uri)
        return self._open()

    def _open(self) -> DeltaTable:
        from deltalake import DeltaTable

        return DeltaTable(self._location.uri, storage_options=self._options())

    def _options(self) -> Options:
        # Asked for anew each time: temporary credentials may expire during a long extraction.
        return store_options(self._location) | self._more_options

    def _check(self, table: DeltaTable) -> None:
        """Check that rows of ours fit into the table."""
        for field in table.schema().fields:
            if field.name not in self._columns:
                if not field.nullable:
                    raise MinutConfigurationError(
                        "path", f"the table's column {field.name} must be nullable: it is not one of ours"
                    )
                continue
            accepted = _ACCEPTED_TYPES[self._columns[field.name]]
            found = getattr(field.type, "type", str(field.type))
            if found not in accepted and (field.name != DATE or _is_partitioned(table)):
                raise MinutConfigurationError(
                    "path", f"the table's column {field.name} must be {' or '.join(sorted(accepted))}"
                )

    def _add_missing_columns(self) -> None:
        from deltalake import Schema

        table = self._open()
        known = {field.name for field in table.schema().fields}
        missing = {name: kind for name, kind in self._columns.items() if name not in {*known, DATE}}
        if missing:
            table.alter.add_columns(Schema.from_arrow(arrow_schema(missing)).fields)
            log.info("Added the columns %s.", ", ".join(missing))

    def _write_probe(self) -> None:
        from deltalake.fs import DeltaStorageHandler

        store = DeltaStorageHandler(self._location.uri, self._options())
        store.open_output_stream(PROBE_NAME).close()
        with suppress(FileNotFoundError):  # removed by a concurrent run
            store.delete_file(PROBE_NAME)

    @contextmanager
    def _errors(self, *, preparing: bool) -> Iterator[None]:
        """Raise errors of delta-rs as ours, without secrets.

        :param preparing: Whether an error that a retry cannot fix is an error of the path.
        """
        from deltalake.exceptions import DeltaError

        try:
            yield
        except (DeltaError, OSError) as error:
            text = redacted(str(error), self._options())[:MAX_ERROR_CHARACTERS]
            if preparing and _PERMANENT.search(text):
                raise MinutConfigurationError(
                    "path", f"must be a Delta table that can be written, or a place for one: {text}"
                ) from None
            message = f"Failed to access the Delta table: {text.rstrip('.')}."
            raise MinutError(message, remedy="Retry the task.") from None


def _query(table: DeltaTable, query: str) -> list[Row]:
    """Return the rows of a query, in which the table is ``stored``."""
    import pyarrow as pa
    from deltalake import QueryBuilder

    found = pa.table(QueryBuilder().register("stored", table).execute(query).read_all())
    return found.to_pylist()  # type: ignore[no-any-return]  # pyarrow has no types; this method returns a list of dictionaries


def _parts(rows: Iterable[Row], size: int) -> Iterator[Iterator[Row]]:
    """Yield rows in parts of a size, without keeping them; each part has to be read before the next."""
    iterator = iter(rows)
    for first in iterator:
        yield chain((first,), islice(iterator, size - 1))


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MinutConfigurationError("path", f"must be a folder that can be written: {error}") from None


def _is_partitioned(table: DeltaTable) -> bool:
    return DATE in table.metadata().partition_columns


def _last_of_each_key(rows: pa.Table, key: tuple[str, ...]) -> pa.Table:
    """Return the rows without those whose key comes again: a merge accepts each key once."""
    import pyarrow as pa

    numbered = rows.select(key).append_column("number", pa.array(range(len(rows)), pa.int64()))
    last = numbered.group_by(list(key), use_threads=False).aggregate([("number", "max")])["number_max"]
    return rows if len(last) == len(rows) else rows.take(last)


def _timestamp(time: datetime) -> str:
    # Without the keyword TIMESTAMP, which delta-rs before 1.6.1 cannot write into its log.
    return f"'{time.astimezone(UTC).isoformat()}'"


def _date(day: date) -> str:
    return f"DATE '{day.isoformat()}'"
