"""The page in Airflow's UI: how things are with each Minut connection, and with deliveries.

Its data is what processes share anyway, and a snapshot of the account that is read for all pages together.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

from airflow.providers.common.compat.sdk import AirflowNotFoundException
from fastapi import FastAPI
from fastapi.responses import HTMLResponse, JSONResponse

from airflow_provider_minut.api.client import ClientStatus
from airflow_provider_minut.api.clock import SYSTEM_CLOCK, Clock
from airflow_provider_minut.api.times import to_text
from airflow_provider_minut.exceptions import MinutError
from airflow_provider_minut.hooks.minut import MinutHook
from airflow_provider_minut.status_page import permissions as access
from airflow_provider_minut.status_page.account import ACCOUNT_SETTINGS, Account, AccountSnapshot
from airflow_provider_minut.webhooks.delivery_log import DeliveryLog, DeliveryLogEntry
from airflow_provider_minut.webhooks.registration import RegisteredWebhook, variable_name
from airflow_provider_minut.webhooks.registry import WebhookRegistry

log = logging.getLogger(__name__)

CONNECTION_CACHE_SECONDS = 60.0  # seconds for which a connection's fields are believed
PAGE_HTML = files(__package__).joinpath("page.html").read_text()
# What is in the page runs, and nothing else: not even what a name of a home smuggled in.
_CSP_HASHES = {
    tag: base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
    for tag, content in re.findall(r"<(script|style)>(.*?)</\1>", PAGE_HTML, re.DOTALL)
}
CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; script-src 'sha256-{_CSP_HASHES['script']}'; "
    f"style-src 'sha256-{_CSP_HASHES['style']}'; "
    "connect-src 'self'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
)
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Accounts:
    """The accounts of the connections that somebody looked at.

    :param open_account: returns that of a connection; another in tests.
    :param clock: the time; another in tests.
    :param start: runs something without waiting for it; another in tests.
    """

    def __init__(
        self,
        open_account: Callable[[str], Account] | None = None,
        clock: Clock = SYSTEM_CLOCK,
        start: Callable[[Callable[[], None]], None] | None = None,
    ) -> None:
        self._open = open_account or _open_account
        self._clock = clock
        self._start = start or _in_a_thread
        self._lock = threading.Lock()
        self._opened: dict[str, tuple[float, Account | str]] = {}
        self._reading: set[str] = set()

    def describe(self, conn_id: str) -> dict[str, Any]:
        """Return what is known of a connection, without a secret; let its account be read if it is time.

        Nobody waits for Minut here.
        """
        account = self._account(conn_id)
        if isinstance(account, str):
            return {"conn_id": conn_id, "problem": account}
        snapshot = account.cached()
        if account.is_due(snapshot):
            self._read(conn_id, account)
        return {"conn_id": conn_id, **_told(account.client.status(), snapshot)}

    def _account(self, conn_id: str) -> Account | str:
        """Return a connection's account, or why there is none."""
        with self._lock:
            opened_at, account = self._opened.get(conn_id, (-CONNECTION_CACHE_SECONDS, ""))
            if self._clock.monotonic() - opened_at >= CONNECTION_CACHE_SECONDS:
                try:
                    account = self._open(conn_id)
                except (MinutError, AirflowNotFoundException) as error:
                    account = str(error)
                except Exception as error:
                    # As for the Test button: the kind of error and no more.
                    log.debug("The connection %s could not be read.", conn_id, exc_info=True)
                    account = f"The connection could not be read ({type(error).__name__}); see the debug log."
                self._opened[conn_id] = self._clock.monotonic(), account
        return account

    def _read(self, conn_id: str, account: Account) -> None:
        with self._lock:
            if conn_id in self._reading:
                return
            self._reading.add(conn_id)

        def read() -> None:
            try:
                account.read()
            except Exception as error:
                text = "The account of the connection %s could not be read for the page (%s)."
                log.warning(text, conn_id, type(error).__name__)
                log.debug("The account could not be read.", exc_info=True)
            finally:
                self._reading.discard(conn_id)

        self._start(read)


class StatusPage:
    """Answers the page and its data.

    :param registry: of the webhooks.
    :param delivery_log: of their deliveries.
    :param accounts: of the connections.
    """

    def __init__(
        self, registry: WebhookRegistry, delivery_log: DeliveryLog, accounts: Accounts | None = None
    ) -> None:
        self._registry = registry
        self._delivery_log = delivery_log
        self._accounts = accounts or Accounts()

    def add_to(self, app: FastAPI) -> None:
        """Add ``/status`` and ``/status/data``, for users who are logged in and may see plugins."""
        allowed = [access.REQUIRES_PLUGINS_ACCESS]
        app.add_api_route("/status", self.page, dependencies=allowed, response_class=HTMLResponse)
        app.add_api_route("/status/data", self.data, dependencies=allowed, response_class=JSONResponse)

    async def page(self) -> HTMLResponse:
        """Return the page. It is the same for everybody, and empty."""
        return HTMLResponse(PAGE_HTML, headers=HEADERS)

    async def data(self, user: access.CurrentUser) -> JSONResponse:
        """Return what this user may see."""
        webhooks = await self._registry.all()
        return JSONResponse(await asyncio.to_thread(self._data, user, webhooks), headers=HEADERS)

    def _data(self, user: Any, webhooks: Mapping[str, RegisteredWebhook]) -> dict[str, Any]:
        return {
            "now": _text(time.time()),
            "connections": [
                self._accounts.describe(conn_id)
                for conn_id in sorted(access.connection_ids())
                if access.can_read_connection(user, conn_id)
            ],
            "webhooks": [
                {"name": name, "url": webhook.url, **_deliveries(self._delivery_log.read(webhook))}
                for name, webhook in sorted(webhooks.items())
                if access.can_read_variable(user, variable_name(name))
            ],
        }


def _open_account(conn_id: str) -> Account:
    return Account(MinutHook(conn_id).open_client(ACCOUNT_SETTINGS))


def _in_a_thread(do: Callable[[], None]) -> None:
    threading.Thread(target=do, name="minut-page", daemon=True).start()


def _told(status: ClientStatus, snapshot: AccountSnapshot) -> dict[str, Any]:
    """Return what the page needs of both, for JSON."""
    rejection = status.rejection or (snapshot.problem if snapshot.rejected else "")
    proven = status.token_state is not None or (snapshot.read_at and not snapshot.problem)
    return {
        "api": status.base_url,
        "shared_state": status.shared_state,
        "credentials": "rejected" if rejection else "accepted" if proven else "unknown",
        "problem": rejection or snapshot.problem,
        "token": status.token_state.value if status.token_state else None,
        "token_expires_at": _text(status.token_expires_at),
        "rate_limit": asdict(status.rate_limit),
        "read_at": _text(snapshot.read_at),
        "next_at": _text(snapshot.next_at),
        "homes": snapshot.homes,
        "devices": snapshot.devices,
        "counts": snapshot.counts,
        "complete": snapshot.complete,
    }


def _deliveries(entry: DeliveryLogEntry) -> dict[str, Any]:
    return {
        "accepted": [{**row._asdict(), "at": _text(row.at)} for row in entry.accepted],
        "rejected": [
            {**row._asdict(), "at": _text(row.at), "since": _text(row.since)} for row in entry.rejected
        ],
    }


def _text(seconds: float) -> str | None:
    return to_text(datetime.fromtimestamp(seconds, UTC)) if seconds else None
