"""Polls the events of a connection, once for all of its watchers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from airflow_provider_minut import conf
from airflow_provider_minut.api.times import to_text
from airflow_provider_minut.polling.async_client import AsyncClient, OnePerConnection
from airflow_provider_minut.polling.cursor import LOOKBACK

log = logging.getLogger(__name__)

MIN_POLL_SECONDS = 1.0  # seconds; minimum between polls, and delay of a poll that a watcher requests
PERMANENT_ERROR_RETRY_SECONDS = 300.0  # seconds; only a user can fix credentials
LATE_EVENTS_POLL_SECONDS = 300.0  # seconds; between polls for events that were uploaded hours late
MAX_BACKOFF_SECONDS = 300.0  # seconds; between polls that fail repeatedly


@dataclass(eq=False)
class EventSnapshot:
    """The events of an account at a point in time.

    :param poller: Poller that read them.
    :param read_at: Time at which they were read; aware.
    :param since: Start of the period in which they are complete; aware.
    :param events: Events as Minut sent them.
    :param stored: Set when Airflow has stored the asset events that triggers created from them.
    """

    poller: EventPoller
    read_at: datetime
    since: datetime
    events: list[dict[str, Any]]
    stored: asyncio.Event = field(default_factory=asyncio.Event)


class EventPoller(OnePerConnection):
    """Polls the events of a connection, for all watchers in this process.

    :param minut_conn_id: ID of a connection of type ``minut``.
    """

    def __init__(self, minut_conn_id: str) -> None:
        super().__init__(minut_conn_id)
        self._client = AsyncClient.of(minut_conn_id)
        self._lock = asyncio.Lock()
        self._changed = asyncio.Event()
        self._latest: EventSnapshot | None = None
        self._due = 0.0
        self._late_due = 0.0
        self._failures = 0
        self._reach_back: datetime | None = None

    async def snapshots(self) -> AsyncIterator[EventSnapshot]:
        """Yield each new snapshot. Never ends, and raises no errors."""
        loop = asyncio.get_running_loop()
        seen = None
        while True:
            async with self._lock:
                if loop.time() >= self._due:
                    await self._read()
            if self._latest is not None and self._latest is not seen:
                seen = self._latest
                yield seen
            self._changed.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), max(self._due - loop.time(), 0))

    def reach_back_to(self, since: datetime) -> None:
        """Poll soon, from ``since`` on: a watcher was down for longer than the usual lookback."""
        if self._reach_back is None or since < self._reach_back:
            self._reach_back = since
            self._due = min(self._due, asyncio.get_running_loop().time() + MIN_POLL_SECONDS)
            self._changed.set()

    async def _read(self) -> None:
        """Poll, replace the latest snapshot if the poll succeeds, and schedule the next poll."""
        now, ticks = datetime.now(UTC), asyncio.get_running_loop().time()
        # Not relative to now: cursors expect the lookback before the latest snapshot to be complete.
        since = min(self._reach_back or now, (self._latest.read_at if self._latest else now) - LOOKBACK)
        known = {} if self._reach_back or ticks >= self._late_due else self._known_since(since)
        try:
            new = await self._client.call(lambda client: client.user_events_since(since, known))
        except Exception as error:
            self._due = asyncio.get_running_loop().time() + self._failed(error)
            return
        if self._failures:
            text = "Polling the events of connection %r succeeded again (failures in a row: %d)."
            log.info(text, self._minut_conn_id, self._failures)
        elif self._latest is None:
            log.info("Watching the events of connection %r.", self._minut_conn_id)
        self._failures = 0
        self._reach_back = None
        if not known:
            self._late_due = ticks + LATE_EVENTS_POLL_SECONDS
        self._latest = EventSnapshot(self, now, since, [*new, *known.values()])
        self._due = asyncio.get_running_loop().time() + conf.event_poll_interval()

    def _known_since(self, since: datetime) -> dict[str, dict[str, Any]]:
        """Return the events of the latest snapshot since a time, by ID; events without an ID are ignored."""
        events = self._latest.events if self._latest else []
        recent = (event for event in events if event["created_at"] >= to_text(since))
        return {event["id"]: event for event in recent if isinstance(event.get("id"), str)}

    def _failed(self, error: Exception) -> float:
        """Log a failed poll; return the seconds until the next one."""
        from airflow.providers.common.compat.sdk import AirflowNotFoundException

        from airflow_provider_minut.exceptions import PERMANENT_ERRORS, MinutError

        self._failures += 1
        # A connection stays missing until a user creates it.
        permanent = isinstance(error, (*PERMANENT_ERRORS, AirflowNotFoundException))
        delay = PERMANENT_ERROR_RETRY_SECONDS
        if not permanent:
            delay = min(conf.event_poll_interval() * 2 ** min(self._failures - 1, 8), MAX_BACKOFF_SECONDS)
        log.log(
            logging.ERROR if permanent else logging.WARNING,
            "Failed to poll the events of connection %r (failures in a row: %d); retrying in %.0f s: %s",
            *(self._minut_conn_id, self._failures, delay, error),
            exc_info=None if permanent or isinstance(error, MinutError) else error,
        )
        return delay
