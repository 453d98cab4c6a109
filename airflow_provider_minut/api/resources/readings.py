"""Readings: the history of a device's sensors, between two moments."""

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

# What public clients of v8 or earlier versions ask for. The API may know more.
SENSORS = ("sound_level", "temperature", "humidity", "motion_events", "pressure", "battery")
# What one request covers at first. The API's maximum is not documented; a rejected request is halved, down to
# the minimum.
MAX_WINDOW = timedelta(days=7)
MIN_WINDOW = timedelta(hours=1)


class ReadingsResource(Resource):
    """The readings of devices."""

    # How much of a sensor's history one request covers; shorter after the API rejected it.
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

        Documented for ``sound_level`` (developer.minut.com, Sensor data). How long a window may be is
        not: requests begin with ``MAX_WINDOW`` and are halved where the API responds 400.

        :param device_id: of the device.
        :param sensor: ``sound_level`` (dB(A)), ``temperature`` (degrees Celsius), ``humidity`` (%),
            ``motion_events`` (count), ``pressure`` or ``battery``; others are passed on.
        :param start_at: aware; included.
        :param end_at: aware; excluded.
        :param time_resolution: seconds of the interval that one value stands for.
        :param include_min_max: add the least and the greatest value of each interval; the names of
            these fields are not documented and are passed on as they come.
        :raises MinutConfigurationError: a time is naive, or ``device_id`` or ``sensor`` is none.
        :raises MinutNotFoundError: the device, or this sensor of it, does not exist.
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
                answer = self.request("GET", path, params=params)
            except MinutRequestError as error:
                half = (until - start) / 2
                if error.status not in {400, 422} or half < MIN_WINDOW:
                    raise
                log.info("Minut may not answer for %s at a time; trying %s.", until - start, half)
                window = half
                continue
            self.max_window = window
            yield from _readings(answer, start, until)
            start = until


def _readings(answer: Any, start: datetime, end: datetime) -> Iterator[Any]:
    # No list at all is how the API has been seen to say that there is nothing.
    values = (answer.get("values") if isinstance(answer, dict) else None) or []
    by_time: dict[datetime, Item] = {}
    for value in values:
        parse_fields(value, ("datetime",))
        moment = value.pop("datetime", None)
        if isinstance(moment, datetime) and start <= moment < end:
            by_time[moment] = {"time": moment, **value}
    for moment in sorted(by_time):
        yield by_time[moment]
