"""Datasets: what a row of each is, and which part of them is asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow_provider_minut.exceptions import MinutConfigurationError

Row = dict[str, Any]
# Those that every generation of devices has, as far as is known.
DEFAULT_SENSORS = ("sound_level", "temperature", "humidity", "motion_events")
DEFAULT_TIME_RESOLUTION = 300


@dataclass(frozen=True, slots=True)
class Dataset:
    """What a row is.

    :param key: the columns that tell rows apart.
    :param columns: the known columns and their kinds: ``text``, ``time``, ``number`` or ``flag``.
    :param ranged: whether it has a time range; what has none is as it is now.
    """

    name: str
    key: tuple[str, ...]
    columns: dict[str, str]
    ranged: bool


DATASETS = {
    dataset.name: dataset
    for dataset in (
        Dataset(
            "homes",
            ("home_id",),
            {"home_id": "text", "name": "text", "timezone": "text", "alarm_status": "text"},
            ranged=False,
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
                "last_heard_from_at": "time",
                "next_heartbeat_at": "time",
            },
            ranged=False,
        ),
        Dataset(
            "events",
            ("event_id",),
            {"event_id": "text", "home_id": "text", "event_type": "text", "event_time": "time"},
            ranged=True,
        ),
        Dataset(
            "readings",
            ("device_id", "sensor", "time"),
            {"device_id": "text", "sensor": "text", "time": "time", "value": "number"},
            ranged=True,
        ),
    )
}


def checked_dataset(name: str) -> Dataset:
    """Return the dataset of that name.

    :raises MinutConfigurationError: there is none.
    """
    if name not in DATASETS:
        raise MinutConfigurationError("dataset", f"must be one of {', '.join(DATASETS)}")
    return DATASETS[name]


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """What of a dataset to extract.

    :param dataset: ``homes``, ``devices``, ``events`` or ``readings``.
    :param start_at: aware; included. Of no meaning for homes and devices.
    :param end_at: aware; excluded.
    :param home_ids: only these homes, their devices and events; all if empty.
    :param device_ids: only these devices and their readings; all if empty.
    :param event_types: only these home events; all if empty.
    :param sensors: for readings.
    :param time_resolution: seconds of the interval that a reading stands for.
    :param include_min_max: whether readings have their least and greatest value too.
    :param heard_since: leave out the readings of devices that have not checked in since; aware.
    :raises MinutConfigurationError: a value cannot be used; the error names it.
    """

    dataset: str
    start_at: datetime
    end_at: datetime
    home_ids: Collection[str] = ()
    device_ids: Collection[str] = ()
    event_types: Collection[str] = ()
    sensors: Collection[str] = DEFAULT_SENSORS
    time_resolution: int = DEFAULT_TIME_RESOLUTION
    include_min_max: bool = False
    heard_since: datetime | None = None

    def __post_init__(self) -> None:
        if checked_dataset(self.dataset).ranged and self.start_at >= self.end_at:
            raise MinutConfigurationError(
                "start_at", "must be before end_at; a run without an interval has none"
            )


def tabular(dataset: Dataset, rows: Iterable[Row]) -> Iterator[Row]:
    """Yield rows that have exactly the dataset's columns, and what else came in ``additional_fields``.

    :param rows: as :meth:`Extractor.rows` yields them.
    """
    for row in rows:
        known = {name: row.get(name) for name in dataset.columns}
        rest = {name: value for name, value in row.items() if name not in known}
        yield {**known, "additional_fields": rest or None}
