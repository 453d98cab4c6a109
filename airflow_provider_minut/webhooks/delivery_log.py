"""What became of the last deliveries of each registered webhook, for people to look at."""

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

MAX_ROWS = 20  # deliveries that were accepted, and reasons why others were not; of each webhook
WRITE_INTERVAL_SECONDS = 2.0  # seconds between two writes, however much is delivered
RETENTION_SECONDS = 2 * 86_400.0  # seconds


class AcceptedDelivery(NamedTuple):
    """A delivery that was genuine."""

    at: float
    event_type: str
    home_id: str | None
    outcome: str


class RejectedDeliveries(NamedTuple):
    """Deliveries that were not accepted, all for the same reason.

    Forgers can give a few reasons only, so they displace no other, however many they send.
    """

    at: float
    since: float
    deliveries: int
    reason: str


@dataclass
class DeliveryLogEntry:
    """What is known of one webhook, the latest first.

    :param accepted: deliveries, one by one.
    :param rejected: reasons, with how often and when.
    """

    accepted: list[AcceptedDelivery] = field(default_factory=list)
    rejected: list[RejectedDeliveries] = field(default_factory=list)

    def add(self, other: DeliveryLogEntry, oldest: float) -> None:
        """Add another's deliveries.

        :param oldest: what was before that is forgotten.
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
    """Notes in the shared state what became of deliveries. Noting costs nothing worth speaking of.

    It is written once in a while, for all that came meanwhile, encrypted with the webhook's secret; so it is
    the same for all API servers that share a state, and forgers can neither fill it nor keep it busy.

    :param state: where; what this Airflow's configuration says by default.
    :param clock: seconds since the epoch; another in tests.
    """

    def __init__(
        self, state: Callable[[], SharedState] = _configured, clock: Callable[[], float] = time.time
    ) -> None:
        self._state = state
        self._clock = clock
        self._new: dict[RegisteredWebhook, DeliveryLogEntry] = {}
        self._writer: asyncio.Task[None] | None = None

    def accepted(self, webhook: RegisteredWebhook, event: EventPayload, outcome: str) -> None:
        """Note a genuine delivery.

        :param outcome: what became of it.
        """
        new = AcceptedDelivery(self._clock(), event["event_type"], event["home_id"], outcome)
        self._note(webhook, DeliveryLogEntry(accepted=[new]))

    def rejected(self, webhook: RegisteredWebhook, reason: str) -> None:
        """Note a delivery to a webhook that was not accepted.

        :param reason: one of few reasons; nothing of the body.
        """
        now = self._clock()
        self._note(webhook, DeliveryLogEntry(rejected=[RejectedDeliveries(now, now, 1, reason)]))

    def read(self, webhook: RegisteredWebhook) -> DeliveryLogEntry:
        """Return what was written of a webhook."""
        return _load(self._vault(webhook).read())

    def _note(self, webhook: RegisteredWebhook, entry: DeliveryLogEntry) -> None:
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
                    log.warning("Deliveries cannot be noted for the page.", exc_info=True)

    def _add(self, webhook: RegisteredWebhook, new: DeliveryLogEntry) -> None:
        vault = self._vault(webhook)
        # Whether it was had or not: a lost note does less harm than a receiver that waits.
        with vault.lock(timeout=WRITE_INTERVAL_SECONDS):
            entry = _load(vault.read())
            entry.add(new, self._clock() - RETENTION_SECONDS)
            vault.write(json.dumps([entry.accepted, entry.rejected]).encode(), lifetime=RETENTION_SECONDS)

    def _vault(self, webhook: RegisteredWebhook) -> EncryptedEntry:
        return EncryptedEntry(self._state(), "deliveries", webhook.hook_id, webhook.hook_secret)


def _latest(rows: list[Any], oldest: float) -> list[Any]:
    return sorted((row for row in rows if row.at >= oldest), key=lambda row: -row.at)[:MAX_ROWS]


def _load(stored: bytes | None) -> DeliveryLogEntry:
    """Return what :meth:`DeliveryLog._add` wrote. Only who has the secret can have written it."""
    accepted, rejected = json.loads(stored) if stored else ((), ())
    return DeliveryLogEntry(
        [AcceptedDelivery(*row) for row in accepted], [RejectedDeliveries(*row) for row in rejected]
    )
