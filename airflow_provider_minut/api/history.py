"""What happened: events and readings, between two moments.

Time ranges include their start and exclude their end. Whether Minut does the same is not documented,
so a millisecond more is asked for, and what is outside is left out here.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from airflow_provider_minut.api.models import HomeEvent, Reading, UserEvent
from airflow_provider_minut.api.paging import Item, Page, iterate
from airflow_provider_minut.api.requester import Requester, checked_id
from airflow_provider_minut.api.settings import ClientSettings
from airflow_provider_minut.api.times import check_aware, from_text, parse_fields, to_text
from airflow_provider_minut.exceptions import MinutConfigurationError, MinutRequestError

log = logging.getLogger(__name__)

# What public clients of v8 or earlier versions ask for. The API may know more.
SENSORS = ("sound_level", "temperature", "humidity", "motion_events", "pressure", "battery")
# Events whose ids are remembered at a time. A range that has more is read in parts.
MAX_EVENTS_AT_ONCE = 10_000
# Seconds. A history request that is refused is not made any shorter than this.
MIN_WINDOW = 3600.0
_MARGIN = timedelta(milliseconds=1)


class History(Requester):
    """Events and readings.

    :param settings: of the client.
    """

    def __init__(self, settings: ClientSettings) -> None:
        super().__init__(settings)
        # How much of a sensor's history to ask for at a time; less once the API has refused.
        self.max_window = timedelta(days=settings.max_window_days)

    def iter_home_events(
        self,
        home_id: str,
        *,
        start_at: datetime,
        end_at: datetime,
        event_types: Iterable[str] = (),
        guest_ids: Iterable[str] = (),
    ) -> Iterator[HomeEvent]:
        """Yield each event of a home once, in the order in which the API lists them.

        ``GET /homes/{home_id}/events`` (developer.minut.com, Fetching events). What arrives meanwhile
        shifts no page: the range is fixed, and items are told apart by ``event_id``.

        :param home_id: of the home.
        :param start_at: aware; included.
        :param end_at: aware; excluded.
        :param event_types: names of *home* events (``noise_detected``, ``noise_quieted``); all if empty.
        :param guest_ids: only what belongs to these guests; all if empty.
        :raises MinutConfigurationError: a time is naive, or ``home_id`` is no id.
        :raises MinutError: as :meth:`MinutClient.request`.
        """
        for part in self.iter_home_event_parts(
            home_id, start_at=start_at, end_at=end_at, event_types=event_types, guest_ids=guest_ids
        ):
            yield from part

    def iter_home_event_parts(
        self,
        home_id: str,
        *,
        start_at: datetime,
        end_at: datetime,
        event_types: Iterable[str] = (),
        guest_ids: Iterable[str] = (),
    ) -> Iterator[Iterator[HomeEvent]]:
        """Yield the events as :meth:`iter_home_events`, in parts that follow each other in time.

        A part has about ten thousand events at most, so it can be sorted in memory. Use each up
        before the next.
        """
        path = f"/homes/{checked_id('home_id', home_id)}/events"
        filters = {"event_type": ",".join(event_types) or None, "guest_ids": ",".join(guest_ids) or None}
        todo = [(check_aware("start_at", start_at), check_aware("end_at", end_at))]
        while todo:
            start, end = todo.pop()
            if start >= end:
                continue
            params = {"start_at": to_text(start - _MARGIN), "end_at": to_text(end + _MARGIN), **filters}
            first = self._page(path, "home_events", 0, params)
            parts = math.ceil(1.25 * (first.total or 0) / MAX_EVENTS_AT_ONCE)
            if parts > 1 and (first.total or 0) > MAX_EVENTS_AT_ONCE and end - start > timedelta(seconds=1):
                step = (end - start) / parts
                edges = [start + step * number for number in range(parts)] + [end]
                todo += reversed(list(pairwise(edges)))
            else:
                yield self._events_in(path, params, first, start, end)

    def _events_in(
        self, path: str, params: Mapping[str, Any], first: Page, start: datetime, end: datetime
    ) -> Iterator[Any]:
        pages = self._pages(path, "home_events", params)
        for event in iterate(pages, "event_id", first=first, what="list of home events"):
            moment = from_text(event.get("event_time"))
            if moment is None:
                yield event  # documented to be there; better one without than one lost
            elif start <= moment < end:
                event["event_time"] = moment
                yield event

    def iter_user_events(
        self, *, order: str = "desc", organization_id: str | None = None
    ) -> Iterator[UserEvent]:
        """Yield the events of the user (``GET /events``), which have other names and ids than home events.

        Seen in public clients of v8, not documented: no time filter is known, so stop when you have
        what you want.

        :param order: ``desc``, newest first, or ``asc``.
        :param organization_id: of an organization instead of the user.
        :raises MinutError: as :meth:`MinutClient.request`.
        """
        if order not in {"asc", "desc"}:
            raise MinutConfigurationError("order", "must be asc or desc")
        params = {"order": order, "organization_id": organization_id}
        yield from self._list("/events", "events", "id", ("created_at",), params)

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
        not: it begins with the setting ``max_window_days`` and is halved where the API answers 400.

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
                if error.status not in {400, 422} or half.total_seconds() < MIN_WINDOW:
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
