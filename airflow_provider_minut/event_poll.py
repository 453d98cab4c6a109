"""One poll of the events of a connection, however many watch them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakValueDictionary

from airflow_provider_minut.event_cursor import LOOKBACK
from airflow_provider_minut.events import user_events_since
from airflow_provider_minut.hooks.minut import MinutHook

if TYPE_CHECKING:
    from airflow_provider_minut.api.client import MinutClient

log = logging.getLogger(__name__)

INTERVAL = 30.0  # seconds; the default of [minut] event_poll_interval
SOON = 1.0  # seconds; how fast a poll that somebody waits for comes, and the least between two
HOPELESS_INTERVAL = 300.0  # seconds; nothing but a person can mend credentials
LONGEST_INTERVAL = 300.0  # seconds; between polls that fail one after the other


@dataclass(eq=False)
class Snapshot:
    """The events of an account as they were at one moment.

    :param poll: which read them.
    :param read_at: when; aware.
    :param since: they are complete from here on; aware.
    :param events: as Minut sent them.
    :param stored: set when Airflow has stored what was made of them.
    """

    poll: EventPoll
    read_at: datetime
    since: datetime
    events: list[dict[str, Any]]
    stored: asyncio.Event = field(default_factory=asyncio.Event)


class EventPoll:
    """Reads the events of one connection again and again, for all who watch them in this process.

    :param minut_conn_id: id of a connection of type ``minut``.
    """

    _all: ClassVar[WeakValueDictionary[tuple[asyncio.AbstractEventLoop, str], EventPoll]] = (
        WeakValueDictionary()
    )

    def __init__(self, minut_conn_id: str) -> None:
        self._minut_conn_id = minut_conn_id
        self._lock = asyncio.Lock()
        self._changed = asyncio.Event()
        self._client: MinutClient | None = None
        self._latest: Snapshot | None = None
        self._due = 0.0
        self._failures = 0
        self._reach_back: datetime | None = None

    @classmethod
    def of(cls, minut_conn_id: str) -> EventPoll:
        """Return the poll of a connection in the running event loop."""
        key = (asyncio.get_running_loop(), minut_conn_id)
        poll = cls._all.get(key)
        if poll is None:
            poll = cls._all[key] = cls(minut_conn_id)
        return poll

    async def snapshots(self) -> AsyncIterator[Snapshot]:
        """Yield what was read, each time it was read again. Never ends, and raises nothing."""
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
        """Read from ``since`` on, soon: somebody was away for longer than the usual lookback."""
        if self._reach_back is None or since < self._reach_back:
            self._reach_back = since
            self._due = min(self._due, asyncio.get_running_loop().time() + SOON)
            self._changed.set()

    async def _read(self) -> None:
        """Replace the latest snapshot if Minut can be asked; set when to try next."""
        from asgiref.sync import sync_to_async

        now = datetime.now(UTC)
        since = min(self._reach_back or now, now - LOOKBACK)
        try:
            if self._client is None:
                self._client = await MinutHook(self._minut_conn_id).aget_conn()
                log.info("Watching the events of connection %r.", self._minut_conn_id)
            # Not asyncio.to_thread: see MinutHook.aget_conn.
            read = sync_to_async(user_events_since, thread_sensitive=False)
            events = await read(self._client, since)
        except Exception as error:
            self._due = asyncio.get_running_loop().time() + self._failed(error)
            return
        if self._failures:
            log.info("Events are read again, after %d failures in a row.", self._failures)
        self._failures = 0
        self._reach_back = None
        self._latest = Snapshot(self, now, since, events)
        self._due = asyncio.get_running_loop().time() + _interval()

    def _failed(self, error: Exception) -> float:
        """Tell of a failure; return after how many seconds to try again."""
        from airflow.providers.common.compat.sdk import AirflowNotFoundException

        from airflow_provider_minut.exceptions import (
            MinutAuthenticationError,
            MinutConfigurationError,
            MinutError,
        )

        self._failures += 1
        hopeless = isinstance(
            error, MinutAuthenticationError | MinutConfigurationError | AirflowNotFoundException
        )
        delay = HOPELESS_INTERVAL
        if hopeless:
            self._client = None  # whoever mends it does so in the connection
        else:
            delay = min(_interval() * 2 ** min(self._failures - 1, 8), LONGEST_INTERVAL)
        log.log(
            logging.ERROR if hopeless else logging.WARNING,
            "The events of connection %r could not be read (%d in a row), next try in %.0f s: %s",
            *(self._minut_conn_id, self._failures, delay, error),
            exc_info=None if hopeless or isinstance(error, MinutError) else error,
        )
        return delay


def _interval() -> float:
    from airflow.providers.common.compat.sdk import conf

    interval: float = conf.getfloat("minut", "event_poll_interval", fallback=INTERVAL)
    return max(interval, SOON)
