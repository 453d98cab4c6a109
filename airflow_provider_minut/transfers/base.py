"""Base of the transfers: which data of the account to read."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from airflow_provider_minut.exceptions import MinutConfigurationError
from airflow_provider_minut.extraction.datasets import Dataset, checked_dataset
from airflow_provider_minut.extraction.extractor import (
    DEFAULT_SENSORS,
    DEFAULT_TIME_RESOLUTION,
    Extractor,
    Selection,
)
from airflow_provider_minut.hooks.minut import MinutHook, minut_client
from airflow_provider_minut.utils.validation import checked_names, checked_time

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import Context

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
    :param minut_conn_id: ID of a connection of type ``minut`` (templated).
    """

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
        self.minut_conn_id = minut_conn_id
        self._read_from = ""
        self._rows_written: int | None = None

    @contextmanager
    def _extraction(self, context: Context) -> Iterator[tuple[Dataset, Extractor]]:
        """Open an extraction; return it with its dataset."""
        with minut_client(self.minut_conn_id) as client:
            dataset = checked_dataset(self.dataset)
            selection = self._selection(context, ranged=dataset.ranged)
            self._read_from = client.settings.base_url
            text = "Extracting %s from %s, with connection %r."
            self.log.info(text, dataset.name, self._read_from, self.minut_conn_id)
            yield dataset, Extractor(client, selection)

    def _result(self, dataset: Dataset, extraction: Extractor, where: str) -> dict[str, Any]:
        """Log how many rows were written to where, and the cost; return what all results have."""
        self._rows_written = extraction.row_count
        self.log.info("%d %s in %s; %s.", extraction.row_count, self.dataset, where, extraction.cost)
        if extraction.rejected_count:
            text = "Items that could not be read: %d; the warnings above describe their shapes."
            self.log.warning(text, extraction.rejected_count)
        selection = extraction.selection
        times = (selection.start_at, selection.end_at) if dataset.ranged else (None, None)
        covered = dict(zip(("start_at", "end_at"), (t and t.isoformat() for t in times), strict=True))
        return {
            "rows": extraction.row_count,
            "rejected": extraction.rejected_count,
            "left_out": extraction.left_out,
            "requests": extraction.request_count,
            **covered,
        }

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any]:
        """Return what was read and written, for OpenLineage; called if its provider is installed.

        :param task_instance: Ignored.
        """
        from airflow_provider_minut.utils.openlineage import no_lineage, transfer_lineage

        if self._rows_written is None:
            return no_lineage()  # also called after a failure, when nothing was written
        output = self._openlineage_output()
        return transfer_lineage(
            self._read_from, self.dataset, output, self._rows_written, tabular=self._is_tabular()
        )

    @abstractmethod
    def _openlineage_output(self) -> tuple[str, str] | None:
        """Return the output's namespace and name by OpenLineage's naming; ``None`` if it has none."""

    @abstractmethod
    def _is_tabular(self) -> bool:
        """Return whether the output has exactly the dataset's columns and ``additional_fields``."""

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
            heard_since=self._heard_since(start, context),
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

    def _heard_since(self, start: datetime, context: Context) -> datetime | None:
        """Return the time since which a device must have checked in to be read; ``None``: the start."""
        return None
