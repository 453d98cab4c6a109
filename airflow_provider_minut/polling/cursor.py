"""Which events a watcher has handed on, so that a restart neither loses nor repeats one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Self

from airflow_provider_minut.api.times import from_text, to_text

LOOKBACK = timedelta(hours=6)
"""How late an event may reach Minut and still be seen; devices check in about once an hour."""


class EventCursor:
    """A place in a list of events that is not sorted by arrival: late uploads have old times.

    So it is a time until which everything was read, and the ids of the events around it. An event is
    *pending* from before it is handed to Airflow until Airflow has stored it. One that a former process
    left pending may have been stored or not.

    :param read_at: when the events were read last; aware.
    :param stored: times of events that Airflow has, by id.
    :param pending: times of events of which that is not known yet, by id.
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
        """Return the cursor that was kept; ``None`` if nothing usable was."""
        try:
            read_at = from_text(state["read_at"])
            stored, pending = (
                {str(key): from_text(text) or read_at for key, text in state[name].items()}
                for name in ("stored", "pending")
            )
        except (AttributeError, KeyError, TypeError):
            return None
        return cls(read_at, stored, pending) if read_at else None  # type: ignore[arg-type]  # without read_at, which fills the gaps, nothing is returned

    def to_state(self) -> dict[str, Any]:
        """Return what to keep, as JSON has it."""

        def texts(times: dict[str, datetime]) -> dict[str, str]:
            return {event_id: to_text(moment) for event_id, moment in times.items()}

        return {
            "read_at": to_text(self.read_at),
            "stored": texts(self._stored),
            "pending": texts(self._uncertain | self._pending),
        }

    @property
    def horizon(self) -> datetime:
        """Since when events have to be read next; aware."""
        return self.read_at - LOOKBACK

    def add(self, events: Iterable[tuple[str, datetime]], read_at: datetime) -> dict[str, bool]:
        """Note that events were read, and return the new ones; they are pending from now on.

        :param events: id and time of each event from :attr:`horizon` on; older ones do not count.
        :param read_at: when they were read.
        :return: by id, whether the event may have been handed on by a former process.
        """
        new = {}
        for event_id, moment in events:
            if moment >= self.horizon and event_id not in self._stored and event_id not in self._pending:
                new[event_id] = self._uncertain.pop(event_id, None) is not None
                self._pending[event_id] = moment
        self.read_at = read_at
        for times in (self._stored, self._uncertain):
            for event_id in [event_id for event_id, moment in times.items() if moment < self.horizon]:
                del times[event_id]
        return new

    def mark_stored(self, event_ids: Iterable[str]) -> None:
        """Note that Airflow has stored these."""
        for event_id in event_ids:
            self._stored[event_id] = self._pending.pop(event_id)
