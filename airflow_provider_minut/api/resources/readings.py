"""Readings: the history of a device's sensors in a time range."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_minut.api.models import Reading
from airflow_provider_minut.api.resources.base import DOCUMENTED_PAGE_SIZE, Resource
from airflow_provider_minut.api.resources.pagination import Item
from airflow_provider_minut.api.resources.replies import list_in
from airflow_provider_minut.api.settings import ClientSettings
from airflow_provider_minut.api.times import check_aware, parse_time, to_text
from airflow_provider_minut.api.values import checked_id, number_of
from airflow_provider_minut.exceptions import MinutRequestError

log = logging.getLogger(__name__)

# Sensors that public clients request: the first four in v8, the others in older versions only. The API may
# support more.
SENSORS = ("sound_level", "temperature", "humidity", "motion_events", "pressure", "battery")
# Time range of one request. The API's maximum is not documented; public clients request 30 days (v8) and 31
# (v1). If the API rejects a range, the range is halved, down to the minimum.
MAX_WINDOW = timedelta(days=31)
MIN_WINDOW = timedelta(hours=1)
# So many complete responses of one length prove that responses of this length are not cut.
COMPLETE_RESPONSES = 2
MAX_INTERVAL_SECONDS = 86_400.0
# The name in responses, and that of the latest value, which an older form uses too.
TIME_FIELDS = ("datetime", "time")
_READ_FIELDS = {*TIME_FIELDS, "value"}


class ReadingsResource(Resource):
    """The readings of devices.

    :param settings: Settings of the client.
    :param max_in_flight: As for :class:`~airflow_provider_minut.api.resources.base.Resource`.
    """

    # Time range of one request; shorter after the API rejected it.
    max_window = MAX_WINDOW
    # Threads learn from each other's responses. The greatest number of readings in a response that was
    # certainly complete, and how many of these responses there were.
    _complete_count = _complete_responses = 0
    # The number of readings in a response that was cut, if there was one.
    _limit: int | None = None

    def __init__(self, settings: ClientSettings, *, max_in_flight: int = 1) -> None:
        super().__init__(settings, max_in_flight=max_in_flight)
        # Held while a shorter range is tried: threads whose ranges are rejected together try one at a time.
        self._window_lock = threading.Lock()

    def iter_readings(
        self,
        device_id: str,
        sensor: str,
        *,
        start_at: datetime,
        end_at: datetime,
        time_resolution: int = 300,
        include_min_max: bool = False,
        null_fill: bool = False,
    ) -> Iterator[Reading]:
        """Yield the readings of one sensor, oldest first (``GET /devices/{device_id}/{sensor}``).

        Documented for ``sound_level`` (developer.minut.com, Sensor data); ``temperature``, ``humidity`` and
        ``motion_events`` were seen in public clients of v8, ``pressure`` and ``battery`` in older versions
        only. The maximum range of a request is not documented: requests begin with ``MAX_WINDOW``, which is
        halved if the API returns 400 or 422. Whether the number of readings in a response is limited is not
        documented either: if a response does not cover its range, and has more readings than those that were
        complete, the rest is requested. With fewer readings than the smallest page size in the
        documentation, it is taken as complete.

        Public clients have seen readings as objects with ``datetime`` and ``value``, and as pairs of a time
        and a value. Of two readings at the same time, one with a value takes precedence.

        :param device_id: ID of the device.
        :param sensor: Sensor: ``sound_level`` (dB(A)), ``temperature`` (degrees Celsius), ``humidity`` (%),
            ``motion_events`` (count), ``pressure`` or ``battery``; other names are sent unchanged.
        :param start_at: Start of the range, included; must be timezone-aware.
        :param end_at: End of the range, excluded; must be timezone-aware.
        :param time_resolution: Length of the interval of one value, in seconds. An interval is assumed to
            start at a multiple of it since the epoch.
        :param include_min_max: Add the minimum and the maximum of each interval. The names of these fields
            are not documented; they are returned unchanged.
        :param null_fill: Add the intervals without a value, with the value ``None`` (inferred from the name).
        :raises MinutConfigurationError: if a time is naive, or ``device_id`` or ``sensor`` is invalid.
        :raises MinutNotFoundError: if the device, or this sensor of it, does not exist.
        :raises MinutError: as :meth:`MinutClient.request`.
        """
        path = f"/devices/{checked_id('device_id', device_id)}/{checked_id('sensor', sensor)}"
        start, end = check_aware("start_at", start_at), check_aware("end_at", end_at)
        options = {
            "time_resolution": time_resolution,
            "include_min_max": include_min_max or None,
            "null_fill": null_fill or None,
        }
        while start < end:
            until = start + min(self.max_window, end - start)
            try:
                readings = self._range(path, start, until, options)
            except MinutRequestError as error:
                if not _is_rejected(error, until - start):
                    raise
                until, readings = self._shorter_range(path, start, until, options)
            yield from readings
            start = until

    def _shorter_range(
        self, path: str, start: datetime, rejected: datetime, options: Mapping[str, Any]
    ) -> tuple[datetime, list[Any]]:
        """Find a shorter range that the API accepts; return its end and its readings.

        :param rejected: End of the range that the API rejected.
        """
        with self._window_lock:
            window = rejected - start
            while True:
                # Another thread may have found one meanwhile.
                shorter = self.max_window if self.max_window < window else window / 2
                log.info("Minut rejected a request for %s of readings; trying %s.", window, shorter)
                window = shorter
                try:
                    readings = self._range(path, start, start + window, options)
                except MinutRequestError as error:
                    if not _is_rejected(error, window):
                        raise
                else:
                    self.max_window = min(self.max_window, window)
                    return start + window, readings

    def _range(self, path: str, start: datetime, end: datetime, options: Mapping[str, Any]) -> list[Any]:
        """Return the readings in a time range, in order of time.

        If the response may have been cut, the parts before and after its readings are requested too.
        """
        params = {"start_at": to_text(start), "end_at": to_text(end), **options}
        data = self.request("GET", path, params=params)
        items = list_in(f"GET {path}", data, "values")
        readings = self._readings(f"GET {path}", items, start, end)
        if not readings:
            return []
        interval = _interval(data, options["time_resolution"])
        first, after_last = readings[0]["time"], readings[-1]["time"] + interval
        if first - start < interval and after_last >= end:
            self._was_complete(len(items), is_proof=False)
            return readings
        if not self._may_be_cut(len(items)):
            return readings
        before = self._range(path, start, first, options) if first - start >= interval else []
        after = self._range(path, after_last, end, options) if after_last < end else []
        if not (before or after):
            self._was_complete(len(items), is_proof=True)
        else:
            self._was_cut(len(items))
        return [*before, *readings, *after]

    def _readings(self, request: str, items: list[Any], start: datetime, end: datetime) -> list[Any]:
        """Return the readings in a time range, in order of time and each time once."""
        by_time: dict[datetime, Item] = {}
        for reading in self._replies.read_items(request, items, read_reading):
            if reading is None:
                self._replies.reject(1)
            elif start <= reading["time"] < end and (
                reading["value"] is not None or reading["time"] not in by_time
            ):
                by_time[reading["time"]] = reading
        return [by_time[time] for time in sorted(by_time)]

    def _may_be_cut(self, count: int) -> bool:
        if self._limit is not None:
            return count >= self._limit
        # A response that covers its range may have exactly as many readings as the limit permits.
        proven = count < self._complete_count or self._complete_responses >= COMPLETE_RESPONSES
        return count >= DOCUMENTED_PAGE_SIZE and (count > self._complete_count or not proven)

    def _was_complete(self, count: int, *, is_proof: bool) -> None:
        with self._adaption_lock:
            if count > self._complete_count:
                self._complete_count, self._complete_responses = count, 0
            self._complete_responses += is_proof and count == self._complete_count

    def _was_cut(self, count: int) -> None:
        with self._adaption_lock:
            if self._limit is None or count < self._limit:
                self._limit = count
                text = (
                    "Minut returned only %d of the requested readings in one response; requesting the rest."
                )
                log.info(text, count)


def _is_rejected(error: MinutRequestError, window: timedelta) -> bool:
    """Return whether the API may accept half of a time range that it rejected."""
    return error.status in {400, 422} and window / 2 >= MIN_WINDOW


def read_reading(item: Any) -> Item | None:
    """Return a reading with ``time`` and ``value``; ``None`` if it cannot be read.

    :param item: An object, or a pair of a time and a value.
    """
    if isinstance(item, list) and len(item) == 2:
        item = {"datetime": item[0], "value": item[1]}
    elif not isinstance(item, dict):
        return None
    for name in TIME_FIELDS:
        if time := parse_time(item.get(name)):
            break
    else:
        return None
    sent = item.get("value")
    value = number_of(sent)
    rest = {field: item[field] for field in item if field not in _READ_FIELDS}
    if value is None and sent is not None:
        rest["additional_fields"] = {"value": sent}
    return {"time": time, "value": value, **rest}


def _interval(data: Any, time_resolution: int) -> timedelta:
    """Return the length of an interval, which the API may choose itself."""
    returned = number_of(data.get("time_resolution")) if isinstance(data, dict) else None
    return timedelta(
        seconds=returned if returned and 0 < returned <= MAX_INTERVAL_SECONDS else time_resolution
    )
