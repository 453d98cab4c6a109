"""Log of the latest deliveries of each registered webhook, for the status page."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from airflow_provider_minut import conf
from airflow_provider_minut.api.shared_state.base import SharedState
from airflow_provider_minut.api.shared_state.encrypted import EncryptedEntry
from airflow_provider_minut.api.shared_state.factory import open_shared_state
from airflow_provider_minut.events import EventPayload
from airflow_provider_minut.webhooks.registration import RegisteredWebhook

log = logging.getLogger(__name__)

MAX_ROWS = 20  # accepted deliveries, and reasons for rejections, of each webhook
WRITE_INTERVAL_SECONDS = 2.0  # seconds between writes, regardless of the number of deliveries
RETENTION_SECONDS = 2 * 86_400.0  # seconds


class AcceptedDelivery(NamedTuple):
    """A genuine delivery: correctly signed, with a valid event."""

    at: float
    event_type: str
    home_id: str | None
    outcome: str


class RejectedDeliveries(NamedTuple):
    """Deliveries that were rejected for the same reason.

    Forged deliveries cause only a few reasons, and so displace no other entries, regardless of their number.
    """

    at: float
    since: float
    deliveries: int
    reason: str


@dataclass
class DeliveryLogEntry:
    """The deliveries of one webhook, latest first.

    :param accepted: Accepted deliveries, one by one.
    :param rejected: Rejected deliveries, by reason.
    """

    accepted: list[AcceptedDelivery] = field(default_factory=list)
    rejected: list[RejectedDeliveries] = field(default_factory=list)

    def add(self, other: DeliveryLogEntry, oldest: float) -> None:
        """Add the deliveries of another entry.

        :param oldest: Deliveries before this time are removed.
        """
        self.accepted = _latest([*self.accepted, *other.accepted], oldest)
        reasons: dict[str, RejectedDeliveries] = {}
        for new in (*self.rejected, *other.rejected):
            old = reasons.get(new.reason, new._replace(deliveries=0))
            at, since = max(old.at, new.at), min(old.since, new.since)
            reasons[new.reason] = RejectedDeliveries(at, since, old.deliveries + new.deliveries, new.reason)
        self.rejected = _latest(list(reasons.values()), oldest)


def _configured() -> SharedState:
    return open_shared_state(conf.shared_state())


class DeliveryLog:
    """Records the outcome of deliveries in the shared state.

    Deliveries are written in batches, encrypted with the secret of the webhook. API servers that share a
    store share the log, and forged deliveries can neither fill it nor cause more writes.

    :param state: Returns the shared state. Default: as ``[minut] shared_state`` defines it.
    :param clock: Returns the seconds since the epoch.
    """

    def __init__(
        self, state: Callable[[], SharedState] = _configured, clock: Callable[[], float] = time.time
    ) -> None:
        self._state = state
        self._clock = clock
        self._new: dict[RegisteredWebhook, DeliveryLogEntry] = {}
        self._writer: asyncio.Task[None] | None = None

    def accepted(self, webhook: RegisteredWebhook, event: EventPayload, outcome: str) -> None:
        """Record a genuine delivery.

        :param outcome: What was done with its event.
        """
        new = AcceptedDelivery(self._clock(), event["event_type"], event["home_id"], outcome)
        self._record(webhook, DeliveryLogEntry(accepted=[new]))

    def rejected(self, webhook: RegisteredWebhook, reason: str) -> None:
        """Record a rejected delivery.

        :param reason: One of a few reasons; contains nothing of the body.
        """
        now = self._clock()
        self._record(webhook, DeliveryLogEntry(rejected=[RejectedDeliveries(now, now, 1, reason)]))

    def read(self, webhook: RegisteredWebhook) -> DeliveryLogEntry:
        """Return the stored log of a webhook."""
        return _load(self._stored(webhook).read())

    def _record(self, webhook: RegisteredWebhook, entry: DeliveryLogEntry) -> None:
        self._new.setdefault(webhook, DeliveryLogEntry()).add(entry, self._clock() - RETENTION_SECONDS)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())

    async def _write(self) -> None:
        while self._new:
            await asyncio.sleep(WRITE_INTERVAL_SECONDS)
            new, self._new = self._new, {}
            for webhook, entry in new.items():
                try:
                    await asyncio.to_thread(self._add, webhook, entry)
                except Exception:
                    log.warning("Failed to record deliveries for the status page.", exc_info=True)

    def _add(self, webhook: RegisteredWebhook, new: DeliveryLogEntry) -> None:
        stored = self._stored(webhook)
        # Written even without the lock: a lost entry does less harm than a receiver that waits.
        with stored.lock(timeout=WRITE_INTERVAL_SECONDS):
            entry = _load(stored.read())
            entry.add(new, self._clock() - RETENTION_SECONDS)
            stored.write(json.dumps([entry.accepted, entry.rejected]).encode(), lifetime=RETENTION_SECONDS)

    def _stored(self, webhook: RegisteredWebhook) -> EncryptedEntry:
        return EncryptedEntry(self._state(), "deliveries", webhook.hook_id, webhook.hook_secret)


def _latest(rows: list[Any], oldest: float) -> list[Any]:
    return sorted((row for row in rows if row.at >= oldest), key=lambda row: -row.at)[:MAX_ROWS]


def _load(stored: bytes | None) -> DeliveryLogEntry:
    """Parse what :meth:`DeliveryLog._add` wrote; only a process with the secret can have written it."""
    accepted, rejected = json.loads(stored) if stored else ((), ())
    return DeliveryLogEntry(
        [AcceptedDelivery(*row) for row in accepted], [RejectedDeliveries(*row) for row in rejected]
    )
