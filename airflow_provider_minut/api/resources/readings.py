"""Readings: the history of a device's sensors in a time range."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_minut.api.models import Reading
from airflow_provider_minut.api.resources.base import Resource, checked_id
from airflow_provider_minut.api.resources.pagination import Item
from airflow_provider_minut.api.times import check_aware, parse_fields, to_text
from airflow_provider_minut.exceptions import MinutRequestError

log = logging.getLogger(__name__)

# Sensors that public clients of v8 or earlier versions request. The API may support more.
SENSORS = ("sound_level", "temperature", "humidity", "motion_events", "pressure", "battery")
# Time range of one request. The API's maximum is not documented; if it rejects a range, the range is halved,
# down to the minimum.
MAX_WINDOW = timedelta(days=7)
MIN_WINDOW = timedelta(hours=1)


class ReadingsResource(Resource):
    """The readings of devices."""

    # Time range of one request; shorter after the API rejected it.
    max_window = MAX_WINDOW

    def iter_readings(
        self,
        device_id: str,
        sensor: str,
        *,
        start_at: datetime,
        end_at: datetime,
        time_resolution: int = 300,
        include_min_max: bool = False,
    ) -> Iterator[Reading]:
        """Yield the readings of one sensor, oldest first (``GET /devices/{device_id}/{sensor}``).

        Documented for ``sound_level`` (developer.minut.com, Sensor data). The maximum range of a request is
        not documented: requests begin with ``MAX_WINDOW``, which is halved if the API returns 400 or 422.

        :param device_id: ID of the device.
        :param sensor: Sensor: ``sound_level`` (dB(A)), ``temperature`` (degrees Celsius), ``humidity`` (%),
            ``motion_events`` (count), ``pressure`` or ``battery``; other names are sent unchanged.
        :param start_at: Start of the range, included; must be timezone-aware.
        :param end_at: End of the range, excluded; must be timezone-aware.
        :param time_resolution: Length of the interval of one value, in seconds.
        :param include_min_max: Add the minimum and the maximum of each interval. The names of these fields
            are not documented; they are returned unchanged.
        :raises MinutConfigurationError: if a time is naive, or ``device_id`` or ``sensor`` is invalid.
        :raises MinutNotFoundError: if the device, or this sensor of it, does not exist.
        :raises MinutError: as :meth:`MinutClient.request`.
        """
        path = f"/devices/{checked_id('device_id', device_id)}/{checked_id('sensor', sensor)}"
        start, end = check_aware("start_at", start_at), check_aware("end_at", end_at)
        options = {
            "time_resolution": time_resolution,
            "include_min_max": "true" if include_min_max else None,
        }
        window = self.max_window
        while start < end:
            until = start + min(window, end - start)
            params = {"start_at": to_text(start), "end_at": to_text(until), **options}
            try:
                data = self.request("GET", path, params=params)
            except MinutRequestError as error:
                half = (until - start) / 2
                if error.status not in {400, 422} or half < MIN_WINDOW:
                    raise
                log.info("Minut rejected a request for %s of readings; trying %s.", until - start, half)
                window = half
                continue
            self.max_window = window
            yield from _readings(data, start, until)
            start = until


def _readings(data: Any, start: datetime, end: datetime) -> Iterator[Any]:
    # The API has been seen to return no list if there are no readings.
    values = (data.get("values") if isinstance(data, dict) else None) or []
    by_time: dict[datetime, Item] = {}
    for value in values:
        parse_fields(value, ("datetime",))
        time = value.pop("datetime", None)
        if isinstance(time, datetime) and start <= time < end:
            by_time[time] = {"time": time, **value}
    for time in sorted(by_time):
        yield by_time[time]
