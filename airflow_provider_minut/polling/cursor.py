"""Records which events a watcher has emitted, so that a restart neither loses nor repeats events."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Self

from airflow_provider_minut.api.times import from_text, to_text

LOOKBACK = timedelta(hours=6)
"""How late an event may be uploaded and still be emitted; devices check in about once an hour."""


class EventCursor:
    """A position in a list of events that is not sorted by arrival: late uploads have old times.

    It consists of the time of the last read, and the IDs of the events within :data:`LOOKBACK` before it. An
    event is *pending* from before it is emitted until Airflow has stored it. If an earlier process left it
    pending, it is unknown whether Airflow has stored it.

    :param read_at: Time of the last read; aware.
    :param stored: Times of the events that Airflow has stored, by ID.
    :param pending: Times of the events that an earlier process left pending, by ID.
    """

    def __init__(
        self, read_at: datetime, stored: dict[str, datetime], pending: dict[str, datetime] | None = None
    ) -> None:
        self.read_at = read_at
        self._stored = stored
        self._pending: dict[str, datetime] = {}
        self._uncertain = pending or {}

    @classmethod
    def from_state(cls, state: Any) -> Self | None:
        """Return the cursor of a stored state; ``None`` if there is none, or it is invalid."""
        try:
            read_at = from_text(state["read_at"])
            stored, pending = (
                {str(key): from_text(text) or read_at for key, text in state[name].items()}
                for name in ("stored", "pending")
            )
        except (AttributeError, KeyError, TypeError):
            return None
        return cls(read_at, stored, pending) if read_at else None  # type: ignore[arg-type]  # read_at replaces invalid times; without it, None is returned

    def to_state(self) -> dict[str, Any]:
        """Return the state to store, as JSON types."""

        def texts(times: dict[str, datetime]) -> dict[str, str]:
            return {event_id: to_text(time) for event_id, time in times.items()}

        return {
            "read_at": to_text(self.read_at),
            "stored": texts(self._stored),
            "pending": texts(self._uncertain | self._pending),
        }

    @property
    def horizon(self) -> datetime:
        """Start of the period to read next; aware."""
        return self.read_at - LOOKBACK

    def add(self, events: Iterable[tuple[str, datetime]], read_at: datetime) -> dict[str, bool]:
        """Record that events were read, and return the new events, which become pending.

        :param events: ID and time of each event since :attr:`horizon`; older events are ignored.
        :param read_at: Time at which they were read.
        :return: By ID, whether an earlier process may have emitted the event.
        """
        new = {}
        for event_id, time in events:
            if time >= self.horizon and event_id not in self._stored and event_id not in self._pending:
                new[event_id] = self._uncertain.pop(event_id, None) is not None
                self._pending[event_id] = time
        self.read_at = read_at
        for times in (self._stored, self._uncertain):
            for event_id in [event_id for event_id, time in times.items() if time < self.horizon]:
                del times[event_id]
        return new

    def mark_stored(self, event_ids: Iterable[str]) -> None:
        """Record that Airflow has stored these events."""
        for event_id in event_ids:
            self._stored[event_id] = self._pending.pop(event_id)
