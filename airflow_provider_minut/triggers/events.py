"""MinutEventTrigger: polls for Minut's events, for asset watchers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Hashable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from airflow_provider_minut.api.times import from_text
from airflow_provider_minut.events import asset_payload, event_payload, event_uri
from airflow_provider_minut.hooks.minut import MinutHook
from airflow_provider_minut.polling.cursor import EventCursor
from airflow_provider_minut.polling.poller import EventPoller, EventSnapshot

if TYPE_CHECKING:
    from airflow.sdk.execution_time.context import AssetStateStoreAccessors
    from airflow.triggers.shared_stream import AdvanceItem, SharedStreamProducer

log = logging.getLogger(__name__)

CURSOR_KEY = "minut_event_cursor"


class MinutEventTrigger(BaseEventTrigger):
    """Fires for each event of a type, in all homes or in one (``GET /events``).

    The endpoint is not documented: its path was seen in public clients of v8, its response in v7.

    For an ``AssetWatcher``; :func:`~airflow_provider_minut.assets.minut.watched_event` creates an asset with
    such a watcher. All triggers of a connection share one poll every ``[minut] event_poll_interval`` seconds.

    With Airflow 3.3 and later, a cursor in the asset's state store survives restarts: no event is lost, and
    an event that may have been stored just before a crash is emitted again, marked ``redelivered``. Before
    3.3, events that occur while no triggerer runs are missed.

    :param event_type: Name of a *user* event, like ``disturbance_first_notice``.
    :param home_id: ID of a home; all homes if not given.
    :param minut_conn_id: ID of a connection of type ``minut``.
    :raises ValueError: if one of them contains characters other than letters, digits and ``_.-``.
    """

    def __init__(
        self,
        event_type: str,
        home_id: str | None = None,
        minut_conn_id: str = MinutHook.default_conn_name,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # untyped in Airflow
        event_uri(event_type, home_id)
        self.event_type = event_type
        self.home_id = home_id
        self.minut_conn_id = minut_conn_id
        self._store: AssetStateStoreAccessors | None = None
        self._pending: set[asyncio.Task[None]] = set()

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class and the arguments from which Airflow recreates the trigger; without secrets."""
        names = ("event_type", "home_id", "minut_conn_id")
        return f"{__name__}.{type(self).__name__}", {name: getattr(self, name) for name in names}

    def shared_stream_key(self) -> Hashable:
        """Return the key of the triggers that share a poll (Airflow 3.3 and later)."""
        return ("minut", self.minut_conn_id)

    @classmethod
    def create_shared_stream_producer(cls, kwargs: dict[str, Any]) -> SharedStreamProducer:
        """Return the shared poll, to which Airflow reports stored events (Airflow 3.3 and later)."""
        return _producer(kwargs["minut_conn_id"])

    def filter_shared_stream(
        self, shared_stream: AsyncIterator[EventSnapshot]
    ) -> AsyncIterator[TriggerEvent]:
        """Yield this trigger's events from the shared poll (Airflow 3.3 and later)."""
        return self._fire(shared_stream)

    def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield this trigger's events (Airflow before 3.3)."""
        return self._fire(EventPoller.of(self.minut_conn_id).snapshots())

    async def cleanup(self) -> None:
        """Cancel the tasks that wait for Airflow to store events."""
        for task in self._pending:
            task.cancel()

    async def _fire(self, snapshots: AsyncIterator[EventSnapshot]) -> AsyncIterator[TriggerEvent]:
        cursor = EventCursor.from_state(await self._load_state())
        async for snapshot in snapshots:
            events = {event["id"]: event for event in snapshot.events if self._matches(event)}
            times = [(event_id, _time(event, snapshot)) for event_id, event in events.items()]
            if cursor is None:  # do not emit the events before the first poll
                cursor = EventCursor(snapshot.read_at, dict(times))
                await self._save(cursor)
            if cursor.horizon < snapshot.since:
                snapshot.poller.reach_back_to(cursor.horizon)
                continue
            new = cursor.add(times, snapshot.read_at)
            if not new:
                continue
            await self._save(cursor)
            payloads = [
                event_payload(events[event_id], via="poll", redelivered=redelivered)
                for event_id, redelivered in new.items()
            ]
            yield TriggerEvent(asset_payload(payloads))  # type: ignore[no-untyped-call]  # untyped in Airflow
            # Airflow stores the events only after this generator has resumed, so do not wait for it here.
            task = asyncio.create_task(self._mark_stored(cursor, snapshot, list(new)))
            self._pending.add(task)
            task.add_done_callback(self._pending.discard)

    def _matches(self, event: dict[str, Any]) -> bool:
        if event.get("type") != self.event_type or self.home_id not in {None, event.get("home_id")}:
            return False
        try:
            event_payload(event, via="poll")
        except ValueError as error:
            log.warning("Ignoring an invalid event from Minut: %s", error)
            return False
        return True

    async def _mark_stored(
        self, cursor: EventCursor, snapshot: EventSnapshot, event_ids: Sequence[str]
    ) -> None:
        await snapshot.stored.wait()
        cursor.mark_stored(event_ids)
        await self._save(cursor)

    async def _load_state(self) -> Any:
        """Return the stored state of the cursor."""
        self._store = getattr(self, "asset_state_store", None)  # Airflow 3.3 and later
        try:
            return await self._store.aget(CURSOR_KEY) if self._store else None
        except ValueError:
            # Assets with the same watcher share one trigger, which then has no state store.
            self._store = None
            text = "More than one asset watches %s on connection %r: a triggerer restart loses events."
            log.warning(text, event_uri(self.event_type, self.home_id), self.minut_conn_id)
            return None

    async def _save(self, cursor: EventCursor) -> None:
        if self._store:
            await self._store.aset(CURSOR_KEY, cursor.to_state())


def _time(event: dict[str, Any], snapshot: EventSnapshot) -> datetime:
    return from_text(event["created_at"]) or snapshot.read_at


def _producer(minut_conn_id: str) -> SharedStreamProducer:
    from airflow.triggers.shared_stream import SharedStreamProducer

    class _Producer(SharedStreamProducer):
        async def open_stream(self) -> AsyncIterator[tuple[EventSnapshot, EventSnapshot]]:
            async for snapshot in EventPoller.of(minut_conn_id).snapshots():
                yield snapshot, snapshot

        async def advance(self, batch: Sequence[AdvanceItem]) -> None:
            for item in batch:
                if item.outcome.is_clean:
                    item.broker_payload.stored.set()

    return _Producer()
