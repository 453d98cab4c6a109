"""The page *Minut* in Airflow's UI: the status of each Minut connection, and webhook deliveries.

Its data comes from the shared state, and from a snapshot of the account that all pages share.
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
from airflow_provider_minut.status_page import permissions
from airflow_provider_minut.status_page.account import ACCOUNT_SETTINGS, Account, AccountSnapshot
from airflow_provider_minut.webhooks.delivery_log import DeliveryLog, DeliveryLogEntry
from airflow_provider_minut.webhooks.registration import RegisteredWebhook, variable_name
from airflow_provider_minut.webhooks.registry import WebhookRegistry

log = logging.getLogger(__name__)

CONNECTION_CACHE_SECONDS = 60.0
PAGE_HTML = files(__package__).joinpath("page.html").read_text()
# Only the page's own script and style are allowed, so nothing injected through the name of a home runs.
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
    """The accounts of the connections that are shown on the page.

    :param open_account: returns the account of a connection.
    :param clock: source of the time.
    :param start: runs a function in the background.
    """

    def __init__(
        self,
        open_account: Callable[[str], Account] | None = None,
        clock: Clock = SYSTEM_CLOCK,
        start: Callable[[Callable[[], None]], None] | None = None,
    ) -> None:
        self._open = open_account or _open_account
        self._clock = clock
        self._start = start or _start_thread
        self._lock = threading.Lock()
        self._opened: dict[str, tuple[float, Account | str]] = {}
        self._reading: set[str] = set()

    def describe(self, conn_id: str) -> dict[str, Any]:
        """Return the status of a connection, without secrets, and start reading its account if it is due.

        This method does not wait for Minut.
        """
        account = self._account(conn_id)
        if isinstance(account, str):
            return {"conn_id": conn_id, "problem": account}
        snapshot = account.cached()
        if account.is_due(snapshot):
            self._read(conn_id, account)
        return {"conn_id": conn_id, **_connection_data(account.client.status(), snapshot)}

    def _account(self, conn_id: str) -> Account | str:
        """Return the account of a connection, or why it cannot be opened."""
        with self._lock:
            opened_at, account = self._opened.get(conn_id, (-CONNECTION_CACHE_SECONDS, ""))
            if self._clock.monotonic() - opened_at >= CONNECTION_CACHE_SECONDS:
                try:
                    account = self._open(conn_id)
                except (MinutError, AirflowNotFoundException) as error:
                    account = str(error)
                except Exception as error:
                    # Only the type, as for the Test button: the message may contain secrets.
                    log.debug("Failed to read connection %r.", conn_id, exc_info=True)
                    account = f"Failed to read the connection ({type(error).__name__}). See the debug log."
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
                text = "Failed to read homes and devices of connection %r for the status page (%s)."
                log.warning(text, conn_id, type(error).__name__)
                log.debug("Failed to read homes and devices.", exc_info=True)
            finally:
                self._reading.discard(conn_id)

        self._start(read)


class StatusPage:
    """The endpoints of the page and its data.

    :param registry: registry of the webhooks.
    :param delivery_log: log of their deliveries.
    :param accounts: accounts of the connections.
    """

    def __init__(
        self, registry: WebhookRegistry, delivery_log: DeliveryLog, accounts: Accounts | None = None
    ) -> None:
        self._registry = registry
        self._delivery_log = delivery_log
        self._accounts = accounts or Accounts()

    def add_to(self, app: FastAPI) -> None:
        """Add ``/status`` and ``/status/data``, for logged-in users with permission to view plugins."""
        dependencies = [permissions.REQUIRES_PLUGINS_ACCESS]
        app.add_api_route("/status", self.page, dependencies=dependencies, response_class=HTMLResponse)
        app.add_api_route("/status/data", self.data, dependencies=dependencies, response_class=JSONResponse)

    async def page(self) -> HTMLResponse:
        """Return the page. It contains no data and is the same for all users."""
        return HTMLResponse(PAGE_HTML, headers=HEADERS)

    async def data(self, user: permissions.CurrentUser) -> JSONResponse:
        """Return the connections and webhooks that the user has permission to read."""
        webhooks = await self._registry.all()
        return JSONResponse(await asyncio.to_thread(self._data, user, webhooks), headers=HEADERS)

    def _data(self, user: Any, webhooks: Mapping[str, RegisteredWebhook]) -> dict[str, Any]:
        return {
            "now": _text(time.time()),
            "connections": [
                self._accounts.describe(conn_id)
                for conn_id in sorted(permissions.connection_ids())
                if permissions.can_read_connection(user, conn_id)
            ],
            "webhooks": [
                {"name": name, "url": webhook.url, **_deliveries(self._delivery_log.read(webhook))}
                for name, webhook in sorted(webhooks.items())
                if permissions.can_read_variable(user, variable_name(name))
            ],
        }


def _open_account(conn_id: str) -> Account:
    return Account(MinutHook(conn_id).open_client(ACCOUNT_SETTINGS))


def _start_thread(target: Callable[[], None]) -> None:
    threading.Thread(target=target, name="minut-page", daemon=True).start()


def _connection_data(status: ClientStatus, snapshot: AccountSnapshot) -> dict[str, Any]:
    """Return the data of a connection, serializable as JSON."""
    rejection = status.rejection or (snapshot.problem if snapshot.rejected else "")
    accepted = status.token_state is not None or (snapshot.read_at and not snapshot.problem)
    return {
        "api": status.base_url,
        "shared_state": status.shared_state,
        "credentials": "rejected" if rejection else "accepted" if accepted else "unknown",
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
