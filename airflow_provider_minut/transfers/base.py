"""Base of the transfers: which data of the account to read, and what is reported about it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from airflow.sdk import BaseOperator

from airflow_provider_minut.api.overlap import DEFAULT_MAX_IN_FLIGHT
from airflow_provider_minut.exceptions import MinutConfigurationError
from airflow_provider_minut.extraction.completeness import Completeness, check_coverage
from airflow_provider_minut.extraction.datasets import READINGS, Dataset, checked_dataset
from airflow_provider_minut.extraction.extractor import (
    DEFAULT_SENSORS,
    DEFAULT_TIME_RESOLUTION,
    Extractor,
    Row,
    Selection,
)
from airflow_provider_minut.extraction.progress import Stored, StoredSeries
from airflow_provider_minut.hooks.minut import MinutHook, minut_client
from airflow_provider_minut.loading.resume import Resume
from airflow_provider_minut.utils.validation import checked_names, checked_share, checked_time

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import Context

# Gaps in the result and in the log; a long result does not fit into XCom.
MAX_REPORTED_GAPS = 20
# Devices that were offline for longer are rare, and reading further back takes more requests.
DEFAULT_LATE_WITHIN = timedelta(days=14)
# The time range of a dataset that has none.
_ALL_TIME = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


class MinutTransferOperator(BaseOperator):
    """Base of the operators that extract a dataset.

    :param dataset: ``homes``, ``devices``, ``latest`` (the latest value of each sensor), ``events`` or
        ``readings``. Events and readings have a time range; the others are the current state (templated).
    :param start_at: Start of the range, included: an aware datetime, or ISO 8601 text with a time zone.
        Default: the start of the run's data interval (templated).
    :param end_at: End of the range, excluded. Default: the end of the run's data interval (templated).
    :param lookback: Period before ``start_at`` to read again, because devices upload late.
    :param home_ids: Only these homes, their devices and events. Default: all (templated).
    :param device_ids: Only these devices and their readings. Default: all (templated).
    :param event_types: Only these home event types, like ``["noise_detected"]``. Default: all (templated).
    :param sensors: Only readings of these sensors: ``sound_level``, ``temperature``, ``humidity``,
        ``motion_events`` (default), ``pressure``, ``battery`` (templated).
    :param time_resolution: Seconds that one reading covers; it is assumed to start at a multiple of this
        since the epoch.
    :param include_min_max: Whether to add the minimum and maximum of each reading's interval.
    :param null_fill: Whether to add the intervals without a value.
    :param min_coverage: Share of the expected readings of each sensor, from 0 to 1, below which the task
        fails after it has delivered what there is. Default: it never fails for that.
    :param max_in_flight: Number of requests that may be in flight at once. The rate limit applies anyway.
    :param minut_conn_id: ID of a connection of type ``minut`` (templated).
    """

    # Only tables know what they have.
    late_within = timedelta(0)
    only_missing = False

    template_fields: Sequence[str] = (
        "dataset",
        "start_at",
        "end_at",
        "home_ids",
        "device_ids",
        "event_types",
        "sensors",
        "minut_conn_id",
    )

    def __init__(
        self,
        *,
        dataset: str,
        start_at: datetime | str | None = None,
        end_at: datetime | str | None = None,
        lookback: timedelta = timedelta(0),
        home_ids: Collection[str] = (),
        device_ids: Collection[str] = (),
        event_types: Collection[str] = (),
        sensors: Collection[str] = DEFAULT_SENSORS,
        time_resolution: int = DEFAULT_TIME_RESOLUTION,
        include_min_max: bool = False,
        null_fill: bool = False,
        min_coverage: float | None = None,
        max_in_flight: int = DEFAULT_MAX_IN_FLIGHT,
        minut_conn_id: str = MinutHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.dataset = dataset
        self.start_at = start_at
        self.end_at = end_at
        self.lookback = lookback
        self.home_ids = home_ids
        self.device_ids = device_ids
        self.event_types = event_types
        self.sensors = sensors
        self.time_resolution = time_resolution
        self.include_min_max = include_min_max
        self.null_fill = null_fill
        self.min_coverage = min_coverage
        self.max_in_flight = max_in_flight
        self.minut_conn_id = minut_conn_id
        self._read_from = ""
        self._rows_written: int | None = None
        self._coverage: dict[str, float] = {}

    @contextmanager
    def _extraction(self, context: Context) -> Iterator[tuple[Dataset, Extractor]]:
        """Open an extraction; return it with its dataset."""
        with minut_client(self.minut_conn_id, max_in_flight=self.max_in_flight) as client:
            checked_share("min_coverage", self.min_coverage)
            dataset = checked_dataset(self.dataset)
            selection = self._selection(context, ranged=dataset.ranged)
            self._read_from = client.settings.base_url
            text = "Extracting %s from %s, with connection %r."
            self.log.info(text, dataset.name, self._read_from, self.minut_conn_id)
            yield dataset, Extractor(client, selection)

    def _result(self, dataset: Dataset, extraction: Extractor, stored: Stored, where: str) -> dict[str, Any]:
        """Log how many rows were written to where, and the cost; return what all results have.

        :param stored: What there is of the readings in the time range.
        """
        self._rows_written = extraction.row_count
        self.log.info("%d %s in %s; %s.", extraction.row_count, self.dataset, where, extraction.cost)
        if extraction.rejected_count:
            text = "Items that could not be read: %d; the warnings above describe their shapes."
            self.log.warning(text, extraction.rejected_count)
        selection = extraction.selection
        completeness = self._completeness(extraction, stored) if dataset.name == READINGS else {}
        times = (selection.start_at, selection.end_at) if dataset.ranged else (None, None)
        covered = dict(zip(("start_at", "end_at"), (t and t.isoformat() for t in times), strict=True))
        return {
            "rows": extraction.row_count,
            "rejected": extraction.rejected_count,
            "left_out": extraction.left_out,
            "requests": extraction.request_count,
            **covered,
            **completeness,
        }

    def _completeness(self, extraction: Extractor, stored: Stored) -> dict[str, Any]:
        """Log and return the coverage of the time range, and the first gaps."""
        selection = extraction.selection
        left_out = set(extraction.left_out)
        series = [one for one in extraction.series if not left_out.intersection((str(one), one[0]))]
        completeness = Completeness(series, stored, *selection.readings_range, selection.interval)
        self._coverage, gaps = completeness.coverage(), list(completeness.gaps())
        shares = ", ".join(f"{sensor} {share:.2%}" for sensor, share in self._coverage.items())
        self.log.info("Coverage of the time range: %s. Series with a gap: %d.", shares, len(gaps))
        for gap in gaps[:MAX_REPORTED_GAPS]:
            self.log.info("Missing: %s.", gap)
        return {"coverage": self._coverage, "gaps": gaps[:MAX_REPORTED_GAPS]}

    def _check_coverage(self) -> None:
        """Check that there are as many readings as were asked for; called when all is delivered."""
        check_coverage(self._coverage, self.min_coverage or 0.0)

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any]:
        """Return what was read and written, for OpenLineage; called if its provider is installed.

        :param task_instance: Ignored.
        """
        from airflow_provider_minut.utils.openlineage import no_lineage, transfer_lineage

        if self._rows_written is None:
            return no_lineage()  # also called after a failure, when nothing was written
        output = self._openlineage_output()
        return transfer_lineage(
            self._read_from,
            self.dataset,
            output,
            self._rows_written,
            columns=self._output_columns(checked_dataset(self.dataset)),
            coverage=self._coverage,
            min_coverage=self.min_coverage,
        )

    @abstractmethod
    def _openlineage_output(self) -> tuple[str, str] | None:
        """Return the output's namespace and name by OpenLineage's naming; ``None`` if it has none."""

    @abstractmethod
    def _output_columns(self, dataset: Dataset) -> dict[str, str]:
        """Return the columns of the output that are known, and their types."""

    def _selection(self, context: Context, *, ranged: bool) -> Selection:
        start, end = self._range(context) if ranged else _ALL_TIME
        return Selection(
            start_at=start - self.lookback if ranged else start,
            end_at=end,
            home_ids=checked_names("home_ids", self.home_ids),
            device_ids=checked_names("device_ids", self.device_ids),
            event_types=checked_names("event_types", self.event_types),
            sensors=checked_names("sensors", self.sensors),
            time_resolution=self.time_resolution,
            include_min_max=self.include_min_max,
            null_fill=self.null_fill,
            late_within=self.late_within,
            only_missing=self.only_missing,
        )

    def _range(self, context: Context) -> tuple[datetime, datetime]:
        start = self.start_at or context.get("data_interval_start")
        end = self.end_at or context.get("data_interval_end")
        if start is None or end is None or (start == end and not (self.start_at or self.end_at)):
            raise MinutConfigurationError(
                "start_at",
                "the run has no data interval, for example because it was triggered without a logical date "
                "or because of a plain cron schedule in Airflow 3. Use a CronDataIntervalTimetable, or set "
                "start_at and end_at",
            )
        return checked_time("start_at", start), checked_time("end_at", end)


class _Table(Protocol):
    """A table into which rows are merged by the dataset's key."""

    def prepare(self) -> None:
        """Create what is missing, and try whether rows can be loaded."""

    def load(self, rows: Iterable[Row], *, on_commit: Callable[[], None]) -> None:
        """Merge the rows; call ``on_commit`` when all rows that were read so far are loaded."""

    def earliest_reading(self) -> datetime | None:
        """Return the time of the earliest reading in the table; ``None`` without readings."""

    def stored_series(
        self, start_at: datetime, end_at: datetime, interval: timedelta
    ) -> dict[tuple[str, str], StoredSeries]:
        """Return what the table has of the readings in a time range."""


class MinutTableTransferOperator(MinutTransferOperator):
    """Base of the operators that merge a dataset into a table, which knows what it has.

    :param late_within: How long before ``start_at`` readings may be missing: each sensor of a device is read
        from its first gap, because devices upload late, and the newest readings may come before the old.
    :param only_missing: Whether to read only from the first gap of each sensor also within the time range,
        and nothing where there is none: for a backfill that goes on.
    """

    def __init__(
        self, *, late_within: timedelta = DEFAULT_LATE_WITHIN, only_missing: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.late_within = late_within
        self.only_missing = only_missing

    def _merge(
        self, context: Context, open_table: Callable[[Dataset], _Table], where: str
    ) -> tuple[Dataset, dict[str, Any]]:
        """Read the dataset and merge it into the table; return the dataset and the result.

        :param open_table: Returns the table.
        :param where: The table, for the log.
        """
        with self._extraction(context) as (dataset, extraction):
            table, selection = open_table(dataset), extraction.selection
            table.prepare()

            def stored_since(start: datetime) -> Stored:
                return table.stored_series(start, selection.end_at, selection.interval)

            if dataset.name == READINGS:
                extraction.stored_since = selection.missing_since(table.earliest_reading())
                extraction.stored = stored_since(extraction.stored_since)
            resume = Resume(context.get("task_state_store"), extraction)
            table.load(dataset.rows(extraction), on_commit=resume.save)
            resume.save()
            extraction.raise_failure()
            resume.clear()
            stored = stored_since(selection.readings_range[0]) if dataset.name == READINGS else {}
            return dataset, self._result(dataset, extraction, stored, where)
