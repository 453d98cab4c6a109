"""Events of a home in a time range, and events of the user.

Time ranges include their start and exclude their end. Whether Minut does the same is not documented. So the
request covers a millisecond more at each end, and events outside the range are dropped.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from airflow_provider_minut.api.models import HomeEvent, UserEvent
from airflow_provider_minut.api.resources.base import Resource
from airflow_provider_minut.api.resources.pagination import Page
from airflow_provider_minut.api.resources.replies import ItemReader
from airflow_provider_minut.api.times import check_aware, to_text
from airflow_provider_minut.api.values import checked_id
from airflow_provider_minut.exceptions import MinutConfigurationError

# Number of event IDs kept in memory. A range with more events is read in parts.
MAX_EVENTS_AT_ONCE = 10_000
KNOWN_EVENTS_BEFORE_STOP = 20  # events in a row
_MARGIN = timedelta(milliseconds=1)

read_home_event = ItemReader("event_id", ids=("home_id", "device_id"), times=("event_time",))
read_user_event = ItemReader("id", ids=("home_id", "device_id", "user_id"), times=("created_at",))


class EventsResource(Resource):
    """The events of homes and of the user."""

    def iter_home_events(
        self,
        home_id: str,
        *,
        start_at: datetime,
        end_at: datetime,
        event_types: Iterable[str] = (),
    ) -> Iterator[HomeEvent]:
        """Yield each event of a home once, in the order in which the API lists them.

        ``GET /homes/{home_id}/events`` (developer.minut.com, Fetching events). New events do not shift pages:
        the range is fixed, and events are identified by ``event_id``.

        :param home_id: ID of the home.
        :param start_at: Start of the range, included; must be timezone-aware.
        :param end_at: End of the range, excluded; must be timezone-aware.
        :param event_types: Names of *home* events (``noise_detected``, ``noise_quieted``); all if empty.
        :raises MinutConfigurationError: if a time is naive, or ``home_id`` is invalid.
        :raises MinutError: as :meth:`MinutClient.request`.
        """
        for part in self.iter_home_event_parts(
            home_id, start_at=start_at, end_at=end_at, event_types=event_types
        ):
            yield from part

    def iter_home_event_parts(
        self,
        home_id: str,
        *,
        start_at: datetime,
        end_at: datetime,
        event_types: Iterable[str] = (),
    ) -> Iterator[Iterator[HomeEvent]]:
        """Yield the events as :meth:`iter_home_events`, in consecutive parts of the range.

        A part has about ten thousand events at most, so that it can be sorted in memory. Exhaust each part
        before the next.
        """
        path = f"/homes/{checked_id('home_id', home_id)}/events"
        filters = {"event_type": ",".join(event_types) or None}
        todo = [(check_aware("start_at", start_at), check_aware("end_at", end_at))]
        while todo:
            start, end = todo.pop()
            if start >= end:
                continue
            params = {"start_at": to_text(start - _MARGIN), "end_at": to_text(end + _MARGIN), **filters}
            first = self._adapted_page(path, "home_events", read_home_event, 0, params)
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
        events = self._list(path, "home_events", read_home_event, params=params, first=first)
        for event in events:
            time = event.get("event_time")
            # The field is documented; an event without it is not dropped.
            if not isinstance(time, datetime) or start <= time < end:
                yield event

    def iter_user_events(self, *, order: str = "desc") -> Iterator[UserEvent]:
        """Yield the events of the user (``GET /events``), which have other names and IDs than home events.

        Not documented: the path was seen in public clients of v8, the key ``events`` in v7. No time filter is
        known: stop the iteration after the last event of interest.

        :param order: ``desc``, newest first, or ``asc``.
        :raises MinutConfigurationError: if ``order`` is invalid.
        :raises MinutError: as :meth:`MinutClient.request`.
        """
        if order not in {"asc", "desc"}:
            raise MinutConfigurationError("order", "must be asc or desc")
        yield from self._list("/events", "events", read_user_event, params={"order": order}, whole=False)

    def user_events_since(self, since: datetime, known: Container[str] = ()) -> list[dict[str, Any]]:
        """Return the user events since a point in time, newest first, as Minut sent them (``GET /events``).

        The order of the list is not documented. It is assumed to be roughly sorted, but a late upload may be
        anywhere; so reading does not stop at the first events that are too old or known.

        :param since: Start of the range; must be timezone-aware.
        :param known: IDs of events to omit.
        :raises MinutError: as :meth:`MinutClient.request`.
        """
        events: list[dict[str, Any]] = []
        in_a_row = 0
        for event in self.iter_user_events(order="desc"):
            time = event.get("created_at")
            if isinstance(time, datetime):
                in_a_row = in_a_row + 1 if time < since or event.get("id") in known else 0
                if in_a_row > KNOWN_EVENTS_BEFORE_STOP:
                    break
                if in_a_row == 0:
                    events.append({**event, "created_at": to_text(time)})
            else:
                self._replies.reject(1)
                self._replies.log_unreadable("GET /events", [event])
        return events
