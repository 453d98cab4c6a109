"""Events: those of a home, between two moments, and those of the user.

Time ranges include their start and exclude their end. Whether Minut does the same is not documented,
so a millisecond more is asked for, and what is outside is left out here.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from airflow_provider_minut.api.models import HomeEvent, UserEvent
from airflow_provider_minut.api.resources.base import Resource, checked_id
from airflow_provider_minut.api.resources.pagination import Page, iterate
from airflow_provider_minut.api.times import check_aware, from_text, to_text
from airflow_provider_minut.exceptions import MinutConfigurationError

# Events whose ids are remembered at a time. A range that has more is read in parts.
MAX_EVENTS_AT_ONCE = 10_000
KNOWN_EVENTS_BEFORE_STOP = 20  # events in a row
_MARGIN = timedelta(milliseconds=1)


class EventsResource(Resource):
    """The events of homes, and of the user."""

    def iter_home_events(
        self,
        home_id: str,
        *,
        start_at: datetime,
        end_at: datetime,
        event_types: Iterable[str] = (),
    ) -> Iterator[HomeEvent]:
        """Yield each event of a home once, in the order in which the API lists them.

        ``GET /homes/{home_id}/events`` (developer.minut.com, Fetching events). What arrives meanwhile
        shifts no page: the range is fixed, and items are told apart by ``event_id``.

        :param home_id: of the home.
        :param start_at: aware; included.
        :param end_at: aware; excluded.
        :param event_types: names of *home* events (``noise_detected``, ``noise_quieted``); all if empty.
        :raises MinutConfigurationError: a time is naive, or ``home_id`` is no id.
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
        """Yield the events as :meth:`iter_home_events`, in parts that follow each other in time.

        A part has about ten thousand events at most, so it can be sorted in memory. Use each up
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

    def iter_user_events(self, *, order: str = "desc") -> Iterator[UserEvent]:
        """Yield the events of the user (``GET /events``), which have other names and ids than home events.

        Seen in public clients of v8, not documented: no time filter is known, so stop when you have
        what you want.

        :param order: ``desc``, newest first, or ``asc``.
        :raises MinutError: as :meth:`MinutClient.request`.
        """
        if order not in {"asc", "desc"}:
            raise MinutConfigurationError("order", "must be asc or desc")
        yield from self._list("/events", "events", "id", ("created_at",), {"order": order})

    def user_events_since(self, since: datetime, known: Container[str] = ()) -> list[dict[str, Any]]:
        """Return the user events from a moment on, newest first, as Minut sent them (``GET /events``).

        The order of that list is not documented. It is about sorted, but a late upload may stand anywhere;
        so a few events that are too old, or known, do not end it.

        :param since: aware.
        :param known: ids of events to leave out.
        :raises MinutError: as :meth:`MinutClient.request`.
        """
        events: list[dict[str, Any]] = []
        in_a_row = 0
        for event in self.iter_user_events(order="desc"):
            moment = event.get("created_at")
            if isinstance(moment, datetime):
                in_a_row = in_a_row + 1 if moment < since or event.get("id") in known else 0
                if in_a_row > KNOWN_EVENTS_BEFORE_STOP:
                    break
                if in_a_row == 0:
                    events.append({**event, "created_at": to_text(moment)})
        return events
