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
from airflow_provider_minut.api.shared_state.encrypted import Vault
from airflow_provider_minut.api.shared_state.factory import open_shared_state
from airflow_provider_minut.events import EventPayload
from airflow_provider_minut.webhooks.registration import RegisteredWebhook

log = logging.getLogger(__name__)

KEPT = 20  # deliveries that were taken, and reasons why others were not; of each webhook
PAUSE = 2.0  # seconds between two writes, however much is delivered
LIFETIME = 2 * 86_400.0  # seconds


class Taken(NamedTuple):
    """A delivery that was genuine."""

    at: float
    event_type: str
    home_id: str | None
    what: str


class Refused(NamedTuple):
    """Deliveries that were not taken, all for the same reason.

    Forgers can give a few reasons only, so they displace no other, however many they send.
    """

    at: float
    since: float
    times: int
    why: str


@dataclass
class Entry:
    """What is known of one webhook, the latest first.

    :param taken: deliveries, one by one.
    :param refused: reasons, with how often and when.
    """

    taken: list[Taken] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)

    def add(self, other: Entry, oldest: float) -> None:
        """Add another's deliveries.

        :param oldest: what was before that is forgotten.
        """
        self.taken = _latest([*self.taken, *other.taken], oldest)
        reasons: dict[str, Refused] = {}
        for new in (*self.refused, *other.refused):
            old = reasons.get(new.why, new._replace(times=0))
            at, since = max(old.at, new.at), min(old.since, new.since)
            reasons[new.why] = Refused(at, since, old.times + new.times, new.why)
        self.refused = _latest(list(reasons.values()), oldest)


def _configured() -> SharedState:
    return open_shared_state(conf.shared_state())


class Journal:
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
        self._new: dict[RegisteredWebhook, Entry] = {}
        self._writer: asyncio.Task[None] | None = None

    def taken(self, webhook: RegisteredWebhook, event: EventPayload, what: str) -> None:
        """Note a genuine delivery.

        :param what: became of it.
        """
        new = Taken(self._clock(), event["event_type"], event["home_id"], what)
        self._note(webhook, Entry(taken=[new]))

    def refused(self, webhook: RegisteredWebhook, why: str) -> None:
        """Note a delivery to a webhook that was not taken.

        :param why: one of few reasons; nothing of the body.
        """
        now = self._clock()
        self._note(webhook, Entry(refused=[Refused(now, now, 1, why)]))

    def read(self, webhook: RegisteredWebhook) -> Entry:
        """Return what was written of a webhook."""
        return _load(self._vault(webhook).read())

    def _note(self, webhook: RegisteredWebhook, entry: Entry) -> None:
        self._new.setdefault(webhook, Entry()).add(entry, self._clock() - LIFETIME)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())

    async def _write(self) -> None:
        while self._new:
            await asyncio.sleep(PAUSE)
            new, self._new = self._new, {}
            for webhook, entry in new.items():
                try:
                    await asyncio.to_thread(self._add, webhook, entry)
                except Exception:
                    log.warning("Deliveries cannot be noted for the page.", exc_info=True)

    def _add(self, webhook: RegisteredWebhook, new: Entry) -> None:
        vault = self._vault(webhook)
        # Whether it was had or not: a lost note does less harm than a receiver that waits.
        with vault.lock(timeout=PAUSE):
            entry = _load(vault.read())
            entry.add(new, self._clock() - LIFETIME)
            vault.write(json.dumps([entry.taken, entry.refused]).encode(), lifetime=LIFETIME)

    def _vault(self, webhook: RegisteredWebhook) -> Vault:
        return Vault(self._state(), "deliveries", webhook.hook_id, webhook.hook_secret)


def _latest(rows: list[Any], oldest: float) -> list[Any]:
    return sorted((row for row in rows if row.at >= oldest), key=lambda row: -row.at)[:KEPT]


def _load(stored: bytes | None) -> Entry:
    """Return what :meth:`Journal._add` wrote. Only who has the secret can have written it."""
    taken, refused = json.loads(stored) if stored else ((), ())
    return Entry([Taken(*row) for row in taken], [Refused(*row) for row in refused])
