"""Deliveries to webhooks: signed, retried, and on request duplicated, late and out of order."""

from __future__ import annotations

import hashlib
import hmac
import json
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from airflow_provider_minut.sandbox.config import DeliveryStyle, SandboxConfig
from airflow_provider_minut.sandbox.sandbox import Sandbox
from airflow_provider_minut.sandbox.server import webhook_sender as deliveries

HOME, DEVICE = "64aa0000000000000000b001", "64aa0000000000000000d001"


class Receiver:
    """Accepts deliveries after responding with the given other statuses first."""

    def __init__(self):
        self.received, self.statuses = [], []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.received.append((body, dict(self.headers)))
                self.send_response(outer.statuses.pop(0) if outer.statuses else 204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()

    def wait_for(self, number, seconds=10):
        deadline = time.monotonic() + seconds
        while len(self.received) < number:
            assert time.monotonic() < deadline, self.received
            time.sleep(0.01)
        return [json.loads(body) for body, _ in self.received]


@pytest.fixture
def receiver():
    running = Receiver()
    yield running
    running.stop()


@pytest.fixture
def start():
    running = []

    def start(**style):
        config = SandboxConfig(
            deliveries=DeliveryStyle(pause=0.05, **style), noisy_periods_per_day=0, homes=60, devices=60
        )
        sandbox = Sandbox(config)
        running.append(sandbox)
        return sandbox.__enter__()

    yield start
    for sandbox in running:
        sandbox.__exit__(None, None, None)


def request(sandbox, method, path, **kwargs):
    token = sandbox._state.issue_token()
    headers = {"Authorization": f"Bearer {token}"}
    return requests.request(method, f"{sandbox.base_url}{path}", headers=headers, **kwargs)


def register(sandbox, url, events=("*",), **body):
    return request(sandbox, "POST", "/webhooks", json={"url": url, "events": list(events), **body}).json()


def test_delivery_is_signed_and_is_the_event_that_the_api_lists(start, receiver):
    sandbox = start()
    hook = register(sandbox, receiver.url, token="come-back")
    event_id = sandbox.emit("battery_low", HOME, device_id=DEVICE)
    (content,) = receiver.wait_for(1)
    body, headers = receiver.received[0]
    assert (
        headers["X-Minut-Signature"]
        == hmac.new(hook["hook_secret"].encode(), body, hashlib.sha256).hexdigest()
    )
    assert (content["hook_id"], content["token"]) == (hook["hook_id"], "come-back")
    assert content["event"] == request(sandbox, "GET", "/events").json()["events"][0]
    assert (content["event"]["id"], content["event"]["device_id"]) == (event_id, DEVICE)


def test_noise_is_an_event_of_the_home_too(start, receiver):
    sandbox = start()
    register(sandbox, receiver.url, ["disturbance_first_notice"])
    sandbox.emit("noise_detected", HOME)
    sandbox.emit("disturbance_ended", HOME)  # not subscribed to
    (content,) = receiver.wait_for(1)
    assert content["event"]["type"] == "disturbance_first_notice"
    now = datetime.now(UTC)
    types = [e["event_type"] for e in sandbox.events(HOME, now - timedelta(minutes=1), now)]
    assert sorted(types) == ["noise_detected", "noise_quieted"]


def test_rejected_delivery_is_retried(start, receiver):
    sandbox = start()
    register(sandbox, receiver.url)
    receiver.statuses = [500, 503]
    sandbox.emit("battery_low", HOME)
    first, *others = receiver.wait_for(3)
    assert others == [first, first]
    time.sleep(0.05)
    assert [(d.attempts, d.status, d.arrived) for d in sandbox.deliveries()] == [(3, 204, True)]
    assert sandbox.stats()["deliveries"] == {"500": 1, "503": 1, "204": 1}


def test_delivery_without_a_response_is_abandoned_after_the_last_attempt(start, monkeypatch):
    monkeypatch.setattr(deliveries, "MAX_ATTEMPTS", 3)
    sandbox = start()
    register(sandbox, "http://127.0.0.1:9/")
    sandbox.emit("battery_low", HOME)
    deadline = time.monotonic() + 10
    while sandbox.stats()["deliveries"].get("unanswered", 0) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.3)
    assert [(d.attempts, d.arrived) for d in sandbox.deliveries()] == [(3, False)]


def test_twice_late_out_of_order_and_unsigned(start, receiver):
    sandbox = start()
    hook = register(sandbox, receiver.url)
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    delayed = sandbox.emit("tamper", HOME, delay=0.3)
    twice = sandbox.emit("battery_low", HOME, copies=2, created_at=hour_ago)
    receiver.wait_for(2)
    sandbox.emit("alarm_heard", HOME, signed=False)
    contents = receiver.wait_for(4)
    assert [content["event"]["id"] for content in contents][:2] == [twice, twice]
    assert contents[3]["event"]["id"] == delayed
    assert contents[0]["event"]["created_at"][:16] == hour_ago.isoformat()[:16]
    body, headers = receiver.received[2]
    assert (
        headers["X-Minut-Signature"]
        != hmac.new(hook["hook_secret"].encode(), body, hashlib.sha256).hexdigest()
    )


def test_another_style(start, receiver):
    sandbox = start(header="X-Signed", algorithm="sha1", bare=True)
    hook = register(sandbox, receiver.url)
    event_id = sandbox.emit("battery_low", HOME)
    (content,) = receiver.wait_for(1)
    body, headers = receiver.received[0]
    assert content["id"] == event_id
    assert headers["X-Signed"] == hmac.new(hook["hook_secret"].encode(), body, hashlib.sha1).hexdigest()


def test_simulated_events_are_delivered_once_and_earlier_ones_are_not(start, receiver, monkeypatch):
    monkeypatch.setattr(deliveries, "POLL_SECONDS", 0.05)
    sandbox = start()
    sandbox.add_event(HOME, datetime.now(UTC))
    register(sandbox, receiver.url)
    sandbox.add_event("64aa0000000000000000b03c", datetime.now(UTC))  # in none of the homes with user events
    sandbox.emit("battery_low", HOME)
    assert len(receiver.wait_for(2)) == 2
    time.sleep(0.2)
    assert len(receiver.received) == 2


def test_deleted_webhook_gets_nothing_more(start, receiver):
    sandbox = start()
    hook = register(sandbox, receiver.url)
    sandbox.emit("battery_low", HOME, delay=0.1)
    request(sandbox, "DELETE", f"/webhooks/{hook['hook_id']}")
    time.sleep(0.3)
    assert receiver.received == []


@pytest.mark.parametrize(
    ("event_type", "home_id", "field"), [("noise", HOME, "event_type"), ("tamper", "x", "home_id")]
)
def test_invalid_event_is_reported_with_its_field(start, event_type, home_id, field):
    with pytest.raises(ValueError, match=f"^{field}: "):
        start().emit(event_type, home_id)


def emit(sandbox, *arguments):
    url = sandbox.base_url.removesuffix("/v8")
    command = [sys.executable, "-m", "airflow_provider_minut.sandbox", "emit", "--url", url, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_command_emits_an_event(start, receiver):
    sandbox = start()
    alone = emit(sandbox, "noise_detected", "--home", HOME)
    assert (alone.returncode, "sent to 0 webhooks. Register one" in alone.stdout) == (0, True), alone
    register(sandbox, receiver.url)
    done = emit(sandbox, "battery_low", "--home", HOME, "--device", DEVICE, "--copies", "2", "--late", "60")
    assert (done.returncode, "sent to 1 webhook." in done.stdout) == (0, True), done
    assert {content["event"]["device_id"] for content in receiver.wait_for(2)} == {DEVICE}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["noise", "--home", HOME], "event_type: must be one of alarm_"),
        (["tamper", "--home", "x"], "home_id: must be the ID of a home"),
        (["tamper", "--home", HOME, "--copies", "0"], "copies: Input should be greater than or equal to 1"),
        (["tamper", "--home", HOME, "--late", "-1"], "late: Input should be greater than or equal to 0"),
    ],
)
def test_command_reports_an_invalid_option(start, arguments, message):
    done = emit(start(), *arguments)
    assert (done.returncode, message in done.stderr) == (2, True), done


def test_command_without_a_sandbox_reports_the_remedy():
    command = [sys.executable, "-m", "airflow_provider_minut.sandbox", "emit", "tamper", "--home", HOME]
    done = subprocess.run(
        [*command, "--url", "http://127.0.0.1:9"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "start it with minut-sandbox, or set --url" in done.stderr
