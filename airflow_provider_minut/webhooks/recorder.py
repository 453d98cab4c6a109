"""Records events as asset events in Airflow's database, each once, many in one transaction."""

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
MAX_ATTEMPTS = 4  # SQLite allows one writer at a time, and databases abort one side of a deadlock
RETRY_DELAY_SECONDS = 0.2  # seconds, multiplied by the number of the attempt
MAX_EVENT_AGE = timedelta(days=7)
"""Older events are not recorded, so that only the IDs of this period are needed to find duplicates."""


class EventRecorder:
    """Collects events while the database is busy, so that its commits do not limit the rate of events."""

    def __init__(self) -> None:
        self._waiting: list[tuple[EventPayload, asyncio.Future[bool]]] = []
        self._writer: asyncio.Task[None] | None = None
        self._log = EventLog()

    async def record(self, event: EventPayload) -> bool:
        """Record an event; return whether it is new to any asset.

        :raises Exception: if the event could not be recorded.
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
                    if not future.done():  # the sender may have disconnected
                        future.set_exception(error)
                continue
            for event, future in batch:
                if not future.done():
                    future.set_result(event["event_id"] in new)
                new.discard(event["event_id"])  # a batch may contain the same event twice

    async def _record(self, events: Sequence[EventPayload]) -> set[str]:
        for attempt in range(1, MAX_ATTEMPTS):
            try:
                return await asyncio.to_thread(self._log.record, events)
            except Exception:
                log.debug("Attempt %d to record %d events failed.", attempt, len(events), exc_info=True)
                await asyncio.sleep(RETRY_DELAY_SECONDS * attempt)
        return await asyncio.to_thread(self._log.record, events)


class EventLog:
    """The asset events of Minut's events in this Airflow's database."""

    def __init__(self) -> None:
        self._known: dict[int, _KnownEventIds] = defaultdict(_KnownEventIds)

    def record(self, events: Collection[EventPayload]) -> set[str]:
        """Add events to their assets, unless already recorded; new events of an asset are one asset event.

        Return the IDs of the events that are new to any asset.

        Events of assets that no DAG uses are ignored: Airflow has no such assets.

        Airflow has no public interface for this inside the API server, so this does what its endpoint for
        asset events does.
        """
        from airflow.assets.manager import asset_manager
        from airflow.models.asset import AssetDagRunQueue, AssetModel
        from airflow.utils.session import create_session
        from sqlalchemy import select, update

        added: set[str] = set()
        by_uri: dict[str, dict[str, EventPayload]] = defaultdict(dict)
        for event in events:
            for uri in event_uris(event):
                by_uri[uri][event["event_id"]] = event
        with create_session(scoped=False) as session:
            ours = AssetModel.uri.in_(by_uri)
            # Lock the assets first, with an update that changes nothing: other receivers wait until this
            # transaction ends, and what they have recorded so far is visible below.
            lock = update(AssetModel).where(ours).values(updated_at=AssetModel.updated_at)
            session.execute(lock.execution_options(synchronize_session=False))
            assets = session.scalars(select(AssetModel).where(ours, AssetModel.active.has())).all()
            for asset in assets:
                known = self._known[asset.id].ids_until_now(session, asset.id)
                new = [event for event_id, event in by_uri[asset.uri].items() if event_id not in known]
                added |= {event["event_id"] for event in new}
                if new:
                    extra = {"from_webhook": True, "payload": asset_payload(new)}
                    asset_manager.register_asset_change(asset=asset, extra=extra, session=session)
            # A run gets the asset events until the creation time of its queue entry. Airflow before 3.4
            # does not update an existing entry (issue 56050), so these would wait for another event.
            ids = [asset.id for asset in assets]
            queued = update(AssetDagRunQueue).where(AssetDagRunQueue.asset_id.in_(ids))
            session.execute(queued.values(created_at=datetime.now(UTC)))
        return added


class _KnownEventIds:
    """IDs of the recorded events of an asset, as far as they have been read."""

    def __init__(self) -> None:
        self._last_id = 0
        self._ids: dict[str, datetime] = {}  # time of recording by ID, oldest first

    def ids_until_now(self, session: Session, asset_id: int) -> Container[str]:
        """Read what any process recorded since the last call, and return all IDs.

        The IDs are read from the database only, because a transaction may still be rolled back.
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
