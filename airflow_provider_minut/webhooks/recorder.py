"""Events become asset events in Airflow's database, each once, many in one transaction."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Collection, Container, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from airflow_provider_minut.events import (
    MAX_CLOCK_SKEW,
    EventPayload,
    asset_payload,
    event_uris,
    events_in,
)

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

log = logging.getLogger(__name__)

MAX_BATCH_EVENTS = 100
MAX_ATTEMPTS = 4  # SQLite lets one write at a time, and databases resolve a deadlock at the cost of one
RETRY_PAUSE_SECONDS = 0.2  # seconds
MAX_EVENT_AGE = timedelta(days=7)
"""Events that occurred before are not recorded, so that it is enough to know the ids of so many days."""


class EventRecorder:
    """Collects what comes while the database is busy, so that its commits do not limit the rate."""

    def __init__(self) -> None:
        self._waiting: list[tuple[EventPayload, asyncio.Future[bool]]] = []
        self._writer: asyncio.Task[None] | None = None
        self._log = EventLog()

    async def record(self, event: EventPayload) -> bool:
        """Return when the event is in the database, and whether it is new to any asset there.

        :raises Exception: it could not be recorded.
        """
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((event, future))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        return await future

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MAX_BATCH_EVENTS], self._waiting[MAX_BATCH_EVENTS:]
            try:
                new = await self._record([event for event, _ in batch])
            except Exception as error:
                for _, future in batch:
                    if not future.done():  # unless who sent it has gone
                        future.set_exception(error)
                continue
            for event, future in batch:
                if not future.done():
                    future.set_result(event["event_id"] in new)
                new.discard(event["event_id"])  # the same event may have come twice at once

    async def _record(self, events: Sequence[EventPayload]) -> set[str]:
        for attempt in range(1, MAX_ATTEMPTS):
            try:
                return await asyncio.to_thread(self._log.record, events)
            except Exception:
                log.debug("Attempt %d to record %d events failed.", attempt, len(events), exc_info=True)
                await asyncio.sleep(RETRY_PAUSE_SECONDS * attempt)
        return await asyncio.to_thread(self._log.record, events)


class EventLog:
    """The asset events of Minut's events in this Airflow's database."""

    def __init__(self) -> None:
        self._known: dict[int, _KnownEventIds] = defaultdict(_KnownEventIds)

    def record(self, events: Collection[EventPayload]) -> set[str]:
        """Add events to their assets, unless they are there: one asset event for those that came together.

        Return the ids of those that are new to any asset.

        Only assets that a DAG uses exist; the others nobody waits for.

        There is no public way to do this inside the API server, so this does what its own endpoint for
        asset events does.
        """
        from airflow.assets.manager import asset_manager
        from airflow.models.asset import AssetDagRunQueue, AssetModel
        from airflow.utils.session import create_session
        from sqlalchemy import select, update

        added: set[str] = set()
        wanted: dict[str, dict[str, EventPayload]] = defaultdict(dict)
        for event in events:
            for uri in event_uris(event):
                wanted[uri][event["event_id"]] = event
        with create_session(scoped=False) as session:
            ours = AssetModel.uri.in_(wanted)
            # Locks the assets, first of all: what other receivers have recorded until now is seen below,
            # and they wait until this is recorded. It changes nothing.
            lock = update(AssetModel).where(ours).values(updated_at=AssetModel.updated_at)
            session.execute(lock.execution_options(synchronize_session=False))
            assets = session.scalars(select(AssetModel).where(ours, AssetModel.active.has())).all()
            for asset in assets:
                known = self._known[asset.id].ids_until_now(session, asset.id)
                new = [event for event_id, event in wanted[asset.uri].items() if event_id not in known]
                added |= {event["event_id"] for event in new}
                if new:
                    extra = {"from_webhook": True, "payload": asset_payload(new)}
                    asset_manager.register_asset_change(asset=asset, extra=extra, session=session)
            # A run takes the asset events until its place in the queue was created. Airflow before 3.4
            # leaves that as it was if there is one (issue 56050), and these would wait for another event.
            ids = [asset.id for asset in assets]
            queued = update(AssetDagRunQueue).where(AssetDagRunQueue.asset_id.in_(ids))
            session.execute(queued.values(created_at=datetime.now(UTC)))
        return added


class _KnownEventIds:
    """Ids of the events that one asset has, as far as they were read."""

    def __init__(self) -> None:
        self._last_id = 0
        self._ids: dict[str, datetime] = {}  # when it was recorded; the oldest is the first

    def ids_until_now(self, session: Session, asset_id: int) -> Container[str]:
        """Read what was recorded since the last call, whoever did, and return all ids.

        Nothing is added by those who record: what they wrote may yet be rolled back.
        """
        from airflow.models.asset import AssetEvent
        from sqlalchemy import select

        oldest = datetime.now(UTC) - MAX_EVENT_AGE - MAX_CLOCK_SKEW
        rows = session.execute(
            select(AssetEvent.id, AssetEvent.timestamp, AssetEvent.extra)
            .where(
                AssetEvent.asset_id == asset_id,
                AssetEvent.id > self._last_id,
                AssetEvent.timestamp >= oldest,
            )
            .order_by(AssetEvent.id)
        )
        for row in rows:
            self._last_id = row.id
            for event in events_in(row.extra):
                self._ids.setdefault(event["event_id"], row.timestamp)
        while self._ids and next(iter(self._ids.values())) < oldest:
            del self._ids[next(iter(self._ids))]
        return self._ids
