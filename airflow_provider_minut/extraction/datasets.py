"""Datasets: the columns of their rows, and how each is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from airflow_provider_minut.exceptions import MinutConfigurationError
from airflow_provider_minut.extraction.columns import ADDITIONAL_FIELDS, typed
from airflow_provider_minut.extraction.extractor import Extractor, Row
from airflow_provider_minut.extraction.readers import (
    read_devices,
    read_events,
    read_homes,
    read_latest,
    read_readings,
)


@dataclass(frozen=True, slots=True)
class Dataset:
    """A kind of rows that can be extracted.

    :param key: Columns that identify a row.
    :param columns: The known columns and their types: ``text``, ``time``, ``number`` or ``flag``.
    :param time: Column by which the rows of a time range are selected; ``None`` without a range.
    :param read: Yields the rows in an order that depends only on the data, so repeated runs are identical;
        :meth:`rows` gives their columns the right types.
    """

    name: str
    key: tuple[str, ...]
    columns: dict[str, str]
    time: str | None
    read: Callable[[Extractor], Iterator[Row]]

    @property
    def ranged(self) -> bool:
        """Whether the rows belong to a time range; otherwise they are the current state."""
        return self.time is not None

    @property
    def is_inventory(self) -> bool:
        """Whether the rows are what the account has now: homes or devices."""
        return not self.ranged and len(self.key) == 1

    def rows(self, extractor: Extractor) -> Iterator[Row]:
        """Yield all rows. A value that does not fit its column is in the row's ``additional_fields``.

        :raises MinutError: the subclass that applies; the rows yielded so far are incomplete.
        """
        return extractor.counted(typed(self.columns, self.read(extractor)))


READINGS = "readings"
DATASETS = {
    dataset.name: dataset
    for dataset in (
        Dataset(
            "homes",
            ("home_id",),
            {"home_id": "text", "name": "text", "timezone": "text", "alarm_status": "text"},
            time=None,
            read=read_homes,
        ),
        Dataset(
            "devices",
            ("device_id",),
            {
                "device_id": "text",
                "home": "text",
                "description": "text",
                "active": "flag",
                "offline": "flag",
                "battery_percent": "number",
                "charge_status": "text",
                "mount_status": "text",
                "wlan_rssi": "number",
                "firmware_installed": "text",
                "last_heard_from_at": "time",
                "next_heartbeat_at": "time",
            },
            time=None,
            read=read_devices,
        ),
        Dataset(
            "latest",
            ("device_id", "sensor"),
            {"device_id": "text", "sensor": "text", "time": "time", "value": "number"},
            time=None,
            read=read_latest,
        ),
        Dataset(
            "events",
            ("event_id",),
            {"event_id": "text", "home_id": "text", "event_type": "text", "event_time": "time"},
            time="event_time",
            read=read_events,
        ),
        Dataset(
            READINGS,
            ("device_id", "sensor", "time"),
            {"device_id": "text", "sensor": "text", "time": "time", "value": "number"},
            time="time",
            read=read_readings,
        ),
    )
}


def checked_dataset(name: str) -> Dataset:
    """Return the dataset of that name.

    :raises MinutConfigurationError: if there is none.
    """
    if name not in DATASETS:
        raise MinutConfigurationError("dataset", f"must be one of {', '.join(DATASETS)}")
    return DATASETS[name]


def tabular(dataset: Dataset, rows: Iterable[Row]) -> Iterator[Row]:
    """Yield rows with exactly the dataset's columns, and all other fields in ``additional_fields``.

    :param rows: As :meth:`Dataset.rows` yields them.
    """
    names = list(dataset.columns)
    for row in rows:
        if list(row) == names:  # the usual row of readings
            yield {**row, ADDITIONAL_FIELDS: None}
            continue
        known = {name: row.get(name) for name in names}
        rest = {name: value for name, value in row.items() if name not in known}
        misfits = rest.pop(ADDITIONAL_FIELDS, None)
        if misfits is not None:
            rest |= misfits if isinstance(misfits, dict) else {ADDITIONAL_FIELDS: misfits}
        yield {**known, ADDITIONAL_FIELDS: rest or None}
