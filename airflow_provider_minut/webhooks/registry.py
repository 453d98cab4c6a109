"""The registered webhooks, read from Airflow variables."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping

from airflow_provider_minut.exceptions import MinutConfigurationError
from airflow_provider_minut.webhooks.registration import VARIABLE_PREFIX, RegisteredWebhook

log = logging.getLogger(__name__)

CACHE_SECONDS = 5.0  # seconds
MIN_READ_INTERVAL_SECONDS = 1.0  # seconds between reads, regardless of the number of unknown names


class WebhookRegistry:
    """Reads the webhooks from the metadata database, and caches them for all requests of a process.

    :param read: Returns the JSON text of each webhook by name. Default: from the metadata database.
    :param clock: Returns monotonic seconds.
    """

    def __init__(
        self,
        read: Callable[[], Mapping[str, str]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read or _read_variables
        self._clock = clock
        self._lock = asyncio.Lock()
        self._webhooks: dict[str, RegisteredWebhook] = {}
        self._read_at: float | None = None
        self._texts: Mapping[str, str] = {}

    async def get(self, name: str) -> tuple[RegisteredWebhook | None, bool]:
        """Return the webhook with this name, and whether any webhook is registered.

        :raises Exception: if the database is unavailable.
        """
        async with self._lock:
            await self._refresh(CACHE_SECONDS if name in self._webhooks else MIN_READ_INTERVAL_SECONDS)
        return self._webhooks.get(name), bool(self._webhooks)

    async def all(self) -> Mapping[str, RegisteredWebhook]:
        """Return all webhooks by name.

        :raises Exception: if the database is unavailable.
        """
        async with self._lock:
            await self._refresh(CACHE_SECONDS)
        return self._webhooks

    async def _refresh(self, max_age: float) -> None:
        now = self._clock()
        if self._read_at is None or now - self._read_at >= max_age:
            self._parse(await asyncio.to_thread(self._read))
            self._read_at = now

    def _parse(self, texts: Mapping[str, str]) -> None:
        if texts == self._texts:
            return
        self._texts = texts
        self._webhooks = {}
        for name, text in texts.items():
            try:
                self._webhooks[name] = RegisteredWebhook.from_json(text)
            except MinutConfigurationError as error:
                log.warning("Ignoring variable %s%s: not a valid webhook: %s", VARIABLE_PREFIX, name, error)


def _read_variables() -> dict[str, str]:
    from airflow.models.variable import Variable
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        named = select(Variable).where(Variable.key.startswith(VARIABLE_PREFIX, autoescape=True))
        return {row.key.removeprefix(VARIABLE_PREFIX): row.val or "" for row in session.scalars(named)}
