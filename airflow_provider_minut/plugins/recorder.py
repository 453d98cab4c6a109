"""Events become asset events in Airflow's database, each once, many in one transaction."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_minut.events import CLOCK_DIFFERENCE, EventPayload, event_uris

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

log = logging.getLogger(__name__)

MOST_AT_ONCE = 100
ATTEMPTS = 4  # SQLite lets one write at a time, and databases resolve a deadlock at the cost of one
PAUSE = 0.2  # seconds


class EventRecorder:
    """Collects what comes while the database is busy, so that its commits do not limit the rate."""

    def __init__(self) -> None:
        self._waiting: list[tuple[EventPayload, asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def record(self, payload: EventPayload) -> None:
        """Return when the event is in the database; if it was there before, nothing changes.

        :raises Exception: it could not be recorded.
        """
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((payload, future))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        await future

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
            error = await self._try([payload for payload, _ in batch])
            for _, future in batch:
                if future.done():  # who sent it has gone
                    continue
                if error:
                    future.set_exception(error)
                else:
                    future.set_result(None)

    async def _try(self, payloads: Sequence[EventPayload]) -> Exception | None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await asyncio.to_thread(record, payloads)
            except Exception as error:
                log.debug("Attempt %d to record %d events failed.", attempt, len(payloads), exc_info=True)
                if attempt == ATTEMPTS:
                    return error
                await asyncio.sleep(PAUSE * attempt)
        return None


def record(payloads: Collection[EventPayload]) -> None:
    """Add an asset event to each asset of each event, unless it is there.

    Only assets that a DAG uses exist; the others nobody waits for.

    There is no public way to do this inside the API server, so this does what its own endpoint for
    asset events does.
    """
    from airflow.assets.manager import asset_manager
    from airflow.models.asset import AssetModel
    from airflow.utils.session import create_session
    from sqlalchemy import select, update

    wanted = [(uri, payload) for payload in payloads for uri in event_uris(payload)]
    with create_session(scoped=False) as session:
        ours = AssetModel.uri.in_({uri for uri, _ in wanted})
        # Locks the assets, first of all: what others have recorded until now is seen below, and they
        # wait until this is recorded. It changes nothing.
        lock = update(AssetModel).where(ours).values(updated_at=AssetModel.updated_at)
        session.execute(lock.execution_options(synchronize_session=False))
        assets = session.scalars(select(AssetModel).where(ours, AssetModel.active.has())).all()
        for asset in assets:
            mine = {payload["event_id"]: payload for uri, payload in wanted if uri == asset.uri}
            for event_id in _recorded(session, asset.id, mine.values()):
                mine.pop(event_id, None)
            for payload in mine.values():
                asset_manager.register_asset_change(
                    asset=asset, extra={"from_webhook": True, "payload": payload}, session=session
                )


def _recorded(session: Session, asset_id: int, payloads: Collection[EventPayload]) -> set[str]:
    """Return which of these events the asset has already."""
    from airflow.models.asset import AssetEvent
    from sqlalchemy import String, cast, or_, select

    times = [datetime.fromisoformat(payload["event_time"]) for payload in payloads]
    oldest = min(*times, datetime.now(UTC))
    text = cast(AssetEvent.extra, String)
    found = session.scalars(
        select(AssetEvent.extra).where(
            AssetEvent.asset_id == asset_id,
            AssetEvent.timestamp >= oldest - CLOCK_DIFFERENCE,  # recorded after it occurred
            or_(*(text.contains(f'"{payload["event_id"]}"', autoescape=True) for payload in payloads)),
        )
    )
    known: list[Any] = [extra.get("payload") for extra in found]
    return {payload["event_id"] for payload in known if isinstance(payload, dict) and "event_id" in payload}
