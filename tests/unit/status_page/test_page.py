"""The page's data. Airflow's own permissions and Chromium are in tests/system/test_page.py."""

from __future__ import annotations

import asyncio
import json
import re

import pytest
import requests

from airflow_provider_minut.api.shared_state.factory import open_shared_state
from airflow_provider_minut.api.shared_state.memory import MemoryState
from airflow_provider_minut.exceptions import MinutConfigurationError
from airflow_provider_minut.plugins.minut import MinutPlugin
from airflow_provider_minut.status_page import permissions
from airflow_provider_minut.status_page.account import ACCOUNT_SETTINGS, Account
from airflow_provider_minut.status_page.page import (
    CONTENT_SECURITY_POLICY,
    PAGE_HTML,
    Accounts,
    StatusPage,
    _open_account,
)
from airflow_provider_minut.webhooks.delivery_log import DeliveryLog
from airflow_provider_minut.webhooks.receiver import Receiver, create_app
from airflow_provider_minut.webhooks.registry import WebhookRegistry
from tests.conftest import CLIENT_SECRET
from tests.deliveries import an_event, registered
from tests.unit.webhooks.test_receiver import serving

WEBHOOK = registered(token="come-back")


@pytest.fixture
def minut(token_endpoint, httpserver):
    """An account with one home and two devices, and its requests."""
    devices = [{"device_id": f"d{n}", "home": "h", "description": f"<b>Device {n}</b>"} for n in range(2)]
    httpserver.expect_request("/v8/devices").respond_with_json({"devices": devices})
    homes = [{"home_id": "h", "name": "Home"}]
    httpserver.expect_request("/v8/homes").respond_with_json({"homes": homes, "paging": {"total_count": 1}})
    return httpserver


@pytest.fixture
def started():
    """Functions started in the background."""
    return []


@pytest.fixture
def accounts(make_client, clock, started):
    opened = []
    state = MemoryState()

    def open_account(conn_id):
        opened.append(conn_id)
        if conn_id == "bad":
            raise MinutConfigurationError("timeout", "must be a number of seconds")
        if conn_id == "broken":
            raise RuntimeError(CLIENT_SECRET)
        return Account(make_client(state=state, max_attempts=1), clock)

    accounts = Accounts(open_account, clock, started.append)
    accounts.opened = opened
    return accounts


def test_page_does_not_wait_for_minut(accounts, started, minut):
    first = accounts.describe("minut_default")
    assert minut.log == []
    assert (first["credentials"], first["read_at"], first["counts"]) == ("unknown", None, None)
    accounts.describe("minut_default")
    assert len(started) == 1  # one at a time
    started.pop()()
    described = accounts.describe("minut_default")
    assert (described["credentials"], described["problem"], described["token"]) == ("accepted", "", "fresh")
    assert [row["name"] for row in described["devices"]] == ["<b>Device 0</b>", "<b>Device 1</b>"]
    assert described["counts"] == {"homes": 1, "devices": 2, "offline": 0, "low": 0}
    assert described["rate_limit"]["last_minute"] == 2
    assert started == []


def test_unexpected_error_is_retried(accounts, started, minut, caplog):
    accounts.describe("minut_default")
    account = accounts._opened["minut_default"][1]
    read, account.read = account.read, lambda: 1 / 0
    started.pop()()
    assert "of connection 'minut_default' for the status page (ZeroDivisionError)." in caplog.text
    account.read = read
    accounts.describe("minut_default")
    started.pop()()
    assert accounts.describe("minut_default")["read_at"]


def test_neither_token_nor_secret_is_told(accounts, started, minut):
    accounts.describe("minut_default")
    started.pop()()
    described = json.dumps(accounts.describe("minut_default"))
    for secret in (CLIENT_SECRET, "token-1", "Basic"):
        assert secret not in described


def test_rejected_credentials_are_reported_with_the_reason(accounts, started, httpserver):
    httpserver.expect_request("/v8/oauth/token").respond_with_json({"error": "invalid_client"}, 401)
    accounts.describe("minut_default")
    started.pop()()
    described = accounts.describe("minut_default")
    assert described["credentials"] == "rejected"
    assert "Minut rejected the client credentials" in described["problem"]
    assert described["token"] is None


def test_credentials_are_unknown_if_minut_does_not_respond(accounts, started, httpserver):
    httpserver.expect_request("/v8/oauth/token").respond_with_data("", 503)
    accounts.describe("minut_default")
    started.pop()()
    described = accounts.describe("minut_default")
    assert described["credentials"] == "unknown"
    assert "503" in described["problem"]


def test_unusable_connection_is_reported_without_its_secret(accounts, caplog):
    assert accounts.describe("bad") == {
        "conn_id": "bad",
        "problem": "timeout: must be a number of seconds",
    }
    broken = accounts.describe("broken")
    assert broken["problem"] == "Failed to read the connection (RuntimeError). See the debug log."


def test_connection_is_read_once_a_minute(accounts, clock):
    for _ in range(3):
        accounts.describe("minut_default")
        accounts.describe("bad")
        clock.advance(20)
    assert sorted(accounts.opened) == ["bad", "minut_default"]
    accounts.describe("minut_default")
    assert len(accounts.opened) == 3


@pytest.fixture
def page(accounts, monkeypatch):
    monkeypatch.setattr(permissions, "connection_ids", lambda: {"minut_default", "minut_other"})
    texts = {"main": WEBHOOK.to_json(), "other": registered().to_json()}
    state = MemoryState()
    return StatusPage(WebhookRegistry(lambda: texts), DeliveryLog(lambda: state), accounts)


def data(page, monkeypatch, connections=(), variables=()):
    monkeypatch.setattr(
        permissions, "can_read_connection", lambda user, name: user == "me" and name in connections
    )
    monkeypatch.setattr(permissions, "can_read_variable", lambda user, key: user == "me" and key in variables)
    reply = asyncio.run(page.data("me"))
    assert reply.headers["cache-control"] == "no-store"
    return json.loads(reply.body)


def test_connections_and_webhooks_are_told_to_whom_airflow_shows_them(page, monkeypatch):
    assert data(page, monkeypatch)["connections"] == data(page, monkeypatch)["webhooks"] == []
    described = data(page, monkeypatch, ["minut_other"], ["minut_webhook_secret_main"])
    assert [connection["conn_id"] for connection in described["connections"]] == ["minut_other"]
    assert [webhook["name"] for webhook in described["webhooks"]] == ["main"]
    assert page._accounts.opened == [
        "minut_other"
    ]  # connections that the user may not read are not even opened


def test_deliveries_are_told_without_the_webhooks_secrets(page, monkeypatch):
    from airflow_provider_minut.events import event_payload
    from airflow_provider_minut.webhooks import delivery_log as delivery_log

    monkeypatch.setattr(delivery_log, "WRITE_INTERVAL_SECONDS", 0.0)

    async def note():
        page._delivery_log.accepted(WEBHOOK, event_payload(an_event(), via="webhook"), "recorded")
        page._delivery_log.rejected(WEBHOOK, "wrong signature")
        await page._delivery_log._writer

    asyncio.run(note())
    (described,) = data(page, monkeypatch, (), ["minut_webhook_secret_main"])["webhooks"]
    assert described["accepted"][0]["outcome"] == "recorded"
    assert (described["rejected"][0]["reason"], described["rejected"][0]["deliveries"]) == (
        "wrong signature",
        1,
    )
    for secret in (WEBHOOK.hook_secret, WEBHOOK.hook_id, "come-back"):
        assert secret not in json.dumps(described)


@pytest.mark.parametrize("path", ["/status", "/status/data"])
def test_without_a_login_there_is_no_page(page, path):
    app = create_app(Receiver(page._registry, object(), object()))
    page.add_to(app)
    with serving(app) as port:
        url = f"http://127.0.0.1:{port}{path}"
        assert requests.get(url, timeout=10).status_code == 401
        assert requests.post(url, timeout=10).status_code == 405


def test_nothing_but_what_is_in_the_page_runs_in_it():
    reply = asyncio.run(StatusPage(None, None, Accounts()).page())
    assert reply.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert CONTENT_SECURITY_POLICY.startswith("default-src 'none'; script-src 'sha256-")
    assert "frame-ancestors 'self'" in CONTENT_SECURITY_POLICY
    assert len(re.findall(r"<(?:script|style)", PAGE_HTML)) == 2
    assert not re.search(
        r"https?:|//[a-z]|\ssrc=|\shref=|\sstyle=|\son\w+=|innerHTML|insertAdjacent", PAGE_HTML
    )


def test_plugin_is_a_page_of_this_airflow():
    (view,) = MinutPlugin.external_views
    assert view["destination"] == "nav"
    assert view["href"] == "minut/status"  # relative to the path of the UI


def test_account_of_a_connection_does_not_retry_and_times_out_early(minut_sandbox, tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__MINUT__SHARED_STATE", f"file://{tmp_path}/state")
    account = _open_account("minut_default")
    open_shared_state.cache_clear()
    settings = account.client.settings
    assert {name: getattr(settings, name) for name in ACCOUNT_SETTINGS} == ACCOUNT_SETTINGS
    account.read()
    assert account.cached().counts["devices"] == 3


def test_connections_of_the_environment_are_listed(minut_sandbox, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_OF_ANOTHER", "http://x")
    monkeypatch.setenv("AIRFLOW_CONN_UNREADABLE", "{")
    monkeypatch.setenv("AIRFLOW_CONN_MINUT_TWO", "minut://id:secret@")
    assert sorted(permissions._from_environment()) == ["minut_default", "minut_two"]
