"""Responses of the receiver over a real socket; tests/system covers the database."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import secrets
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import uvicorn

from airflow_provider_minut.webhooks import receiver as receiver_module
from airflow_provider_minut.webhooks.receiver import (
    MAX_BODY_BYTES,
    MAX_FAILURES_PER_MINUTE,
    FailureCounter,
    Receiver,
    create_app,
)
from airflow_provider_minut.webhooks.registry import WebhookRegistry
from tests.deliveries import NOISE, Sender, an_event, delivery, registered, request_bytes

PATH = "/webhooks/main"
WEBHOOK = registered(token="come-back")


class Recorder:
    def __init__(self):
        self.events = []
        self.broken = False

    async def record(self, event):
        if self.broken:
            raise OSError
        known = event["event_id"] in {e["event_id"] for e in self.events}
        self.events.append(event)
        return not known


@contextmanager
def serving(app):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture
def recorder():
    return Recorder()


class Notes:
    """A delivery log that writes nothing."""

    def __init__(self):
        self.all = []

    def accepted(self, webhook, event, outcome):
        self.all.append((webhook, event["event_type"], outcome))

    def rejected(self, webhook, reason):
        self.all.append((webhook, None, reason))


@pytest.fixture
def notes():
    return Notes()


@pytest.fixture
def texts():
    return {"main": WEBHOOK.to_json()}


@pytest.fixture(scope="module")
def server():
    """One server for all tests, each with its own application, because stopping a server takes 0.2 s."""
    apps = []

    async def latest(scope, receive, send):
        await apps[-1](scope, receive, send)

    with serving(latest) as port:
        yield apps, port


@pytest.fixture
def sender(server, recorder, texts, notes):
    apps, port = server
    apps.append(create_app(Receiver(WebhookRegistry(lambda: texts), recorder, notes)))
    return Sender(port, connections=1)


def signed(body, webhook=WEBHOOK, path=PATH):
    return request_bytes(path, body, {webhook.header: webhook.sign(body)})


def test_genuine_delivery_is_recorded_once(sender, recorder):
    event = an_event()
    body, headers = delivery(WEBHOOK, event)
    assert sender.send([request_bytes(PATH, body, headers)] * 2) == [201, 204]
    assert recorder.events[0]["event_id"] == event["id"]
    assert recorder.events[0]["via"] == "webhook"


@pytest.mark.parametrize("echo", [{}, {"hook_id": WEBHOOK.hook_id}, {"token": "come-back"}])
@pytest.mark.parametrize("enveloped", [True, False])
def test_event_is_read_with_envelope_and_without(sender, recorder, enveloped, echo):
    event = an_event()
    body = json.dumps({"event": event, **echo} if enveloped else {**event, **echo}).encode()
    assert sender.send([signed(body)]) == [201]
    assert recorder.events[0]["event"]["id"] == event["id"]
    assert "come-back" not in json.dumps(recorder.events)


@pytest.mark.parametrize(
    "echo", [{"hook_id": "another"}, {"token": "another"}, {"hook_id": 7}, {"token": {}}]
)
@pytest.mark.parametrize("enveloped", [True, False])
def test_delivery_of_another_webhook_is_rejected(sender, recorder, enveloped, echo):
    event = an_event()
    body = json.dumps({"event": event, **echo} if enveloped else {**event, **echo}).encode()
    assert sender.send([signed(body)]) == [401]
    assert recorder.events == []


def test_unknown_name_and_wrong_signature_look_alike(sender, recorder):
    body, headers = delivery(WEBHOOK, an_event())
    other, foreign = delivery(registered(), an_event())
    requests = [
        request_bytes("/webhooks/other", body, headers),
        request_bytes(PATH, other, foreign),
        request_bytes(PATH, body + b" ", headers),
        request_bytes(PATH, body, {}),
    ]
    assert sender.send(requests) == [401] * 4
    assert recorder.events == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"7",
        b"{",
        b"\xff\xfe",
        b"[" * 50_000,
        b'{"event": [' + b"[" * 50_000,
        b'{"event": null}',
        b'{"event": [1]}',
        b'{"event": "x"}',
        b'{"event": {}}',
        b"{}",
        {"id": None},
        {"id": '"x"'},
        {"type": "../x"},
        {"created_at": "yesterday"},
        {"created_at": "0001-01-01T00:00:00+14:00"},
        {"home_id": "a b"},
    ],
)
def test_signed_invalid_event_is_400_and_logged(sender, recorder, body, caplog):
    if isinstance(body, dict):  # an event with one invalid field
        body = json.dumps({"event": an_event(**body)}).encode()
    with caplog.at_level(logging.WARNING):
        assert sender.send([signed(body)]) == [400]
    assert recorder.events == []
    assert "invalid event main: " in caplog.text


def test_duplicate_keys_and_unknown_fields_do_no_harm(sender, recorder):
    event = json.dumps(an_event(brand_new=float("nan")))
    assert sender.send([signed(f'{{"event": {{}}, "event": {event}}}'.encode())]) == [201]


def test_too_large_body_is_413_however_it_comes(sender, recorder):
    body = b" " * (MAX_BODY_BYTES + 1)
    chunked = (
        f"POST {PATH} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        + (f"{len(body):x}\r\n".encode() + body + b"\r\n") * 2
        + b"0\r\n\r\n"
    )
    assert sender.send([signed(body)]) == [413]
    assert sender.send([chunked]) == [413]
    largest = json.dumps(an_event(filler="")).encode()
    filler = "x" * (MAX_BODY_BYTES - len(largest))
    assert sender.send([signed(json.dumps(an_event(filler=filler)).encode())]) == [201]


def test_slow_body_is_408(sender, monkeypatch):
    monkeypatch.setattr(receiver_module, "BODY_TIMEOUT_SECONDS", 0.05)
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nx".encode()
    assert sender.send([head]) == [408]


def test_old_event_is_accepted_and_ignored(sender, recorder):
    old = (datetime.now(UTC) - timedelta(days=8)).isoformat()
    body, headers = delivery(WEBHOOK, an_event(created_at=old))
    assert sender.send([request_bytes(PATH, body, headers)]) == [204]
    assert recorder.events == []


def test_event_that_cannot_be_recorded_is_to_be_sent_again(sender, recorder):
    request = request_bytes(PATH, *delivery(WEBHOOK, an_event()))
    recorder.broken = True
    assert sender.send([request]) == [503]
    recorder.broken = False
    assert sender.send([request]) == [201]


def test_off_until_a_webhook_is_registered(recorder):
    request = request_bytes(PATH, *delivery(WEBHOOK, an_event()))
    with serving(create_app(Receiver(WebhookRegistry(dict), recorder, Notes()))) as port:
        assert Sender(port).send([request]) == [404]


def test_variables_that_cannot_be_read_are_503(recorder):
    def read():
        raise OSError

    with serving(create_app(Receiver(WebhookRegistry(read), recorder, Notes()))) as port:
        assert Sender(port).send([request_bytes(PATH, *delivery(WEBHOOK, an_event()))]) == [503]


def test_other_methods_and_paths_are_rejected(sender):
    request = request_bytes(PATH, b"", {})
    requests = [
        request.replace(b"POST", b"GET "),
        request.replace(b"/main", b"/a/b"),
        request.replace(PATH.encode(), b"/docs"),
    ]
    assert sender.send(requests) == [405, 404, 404]


def test_failures_are_limited_and_logged_briefly(sender, recorder, caplog):
    forged = request_bytes(PATH, *delivery(registered(), an_event()))
    genuine = request_bytes(PATH, *delivery(WEBHOOK, an_event()))
    with caplog.at_level(logging.DEBUG):
        statuses = sender.send([forged] * (MAX_FAILURES_PER_MINUTE + 40) + [genuine])
    assert statuses == [401] * MAX_FAILURES_PER_MINUTE + [429] * 40 + [201]
    assert len([r for r in caplog.records if r.levelno >= logging.WARNING]) == 1
    assert an_event()["user_id"] not in caplog.text


def test_counts_are_logged_when_the_minute_is_over(caplog):
    now = [100.0]
    failures = FailureCounter(clock=lambda: now[0])
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            failures.add("unknown name")
        now[0] += 61
        failures.add("too large")
    assert caplog.messages == [
        "Rejected a webhook delivery: unknown name. Further ones are counted.",
        "Rejected webhook deliveries within a minute: unknown name (3).",
        "Rejected a webhook delivery: too large. Further ones are counted.",
    ]


@pytest.mark.parametrize("seed", range(20))
def test_damaged_deliveries_are_rejected(sender, recorder, seed):
    rng = random.Random(seed)
    body, headers = delivery(WEBHOOK, an_event())
    damaged = []
    for _ in range(50):
        place = rng.randrange(len(body))
        changed = bytearray(body)
        changed[place] ^= 1 << rng.randrange(8)
        damaged.append(request_bytes(PATH, bytes(changed), headers))
        signature = headers[WEBHOOK.header]
        other = signature[: place % 64] + secrets.choice("0123456789abcdefg") + signature[place % 64 + 1 :]
        if other != signature:
            damaged.append(request_bytes(PATH, body, {WEBHOOK.header: other}))
    assert set(sender.send(damaged)) <= {401, 429}
    assert recorder.events == []


def test_registry_refreshes_after_five_seconds_and_for_unknown_names_at_most_once_a_second(caplog):
    now, reads, texts = [0.0], [], {"main": WEBHOOK.to_json()}
    registry = WebhookRegistry(lambda: reads.append(now[0]) or dict(texts), clock=lambda: now[0])

    async def scenario():
        assert (await registry.get("main"))[0] == WEBHOOK
        for _ in range(100):
            assert await registry.get("other") == (None, True)
        assert len(reads) == 1
        texts["other"] = registered().to_json()
        texts["broken"] = "{}"
        now[0] = 1.0
        assert (await registry.get("other"))[0] is not None
        assert (await registry.get("broken"))[0] is None
        del texts["main"]
        now[0] = 3.0
        assert (await registry.get("main"))[0] is not None
        now[0] = 6.1
        assert (await registry.get("main"))[0] is None

    with caplog.at_level(logging.WARNING):
        asyncio.run(scenario())
    assert len(reads) == 3
    assert "Ignoring variable minut_webhook_secret_broken: not a valid webhook: " in caplog.text


def test_importing_the_plugin_costs_nothing():
    code = (
        "import sys, airflow.plugins_manager; before = set(sys.modules);"
        "import airflow_provider_minut.plugins.minut;"
        "print(sorted(m for m in set(sys.modules) - before if not m.startswith('airflow_provider_minut')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_minute_of_failures_begins_with_the_first_and_is_a_minute(caplog):
    now = [0.0]
    failures = FailureCounter(clock=lambda: now[0])
    with caplog.at_level(logging.WARNING):
        assert [failures.add("x") for _ in range(MAX_FAILURES_PER_MINUTE + 1)] == [
            False
        ] * MAX_FAILURES_PER_MINUTE + [True]
        assert len(caplog.messages) == 1
        now[0] = 59.9
        assert failures.add("y")
        assert len(caplog.messages) == 1
        now[0] = 60.0
        assert not failures.add("x")
        assert caplog.messages[1] == "Rejected webhook deliveries within a minute: x (61), y (1)."
        now[0] = 120.0
        failures.add("x")  # a single one was already logged
        failures.add("x")
        now[0] = 180.0
        failures.add("x")
    assert [m.partition(":")[0] for m in caplog.messages[2:]] == [
        "Rejected a webhook delivery",
        "Rejected a webhook delivery",
        "Rejected webhook deliveries within a minute",
        "Rejected a webhook delivery",
    ]


@pytest.mark.parametrize(
    ("age", "status"), [(timedelta(days=7, minutes=-1), 201), (timedelta(days=7, seconds=1), 204)]
)
def test_events_of_a_week_are_recorded(sender, recorder, caplog, age, status):
    created_at = (datetime.now(UTC) - age).isoformat()
    with caplog.at_level(logging.INFO):
        assert sender.send([request_bytes(PATH, *delivery(WEBHOOK, an_event(created_at=created_at)))]) == [
            status
        ]
    assert len(recorder.events) == (status == 201)
    assert ("older than 7 days" in caplog.text) == (status == 204)


def test_reasons_name_the_webhook_only_if_it_is_registered(server, texts, recorder, caplog):
    body, headers = delivery(WEBHOOK, an_event())
    foreign = json.dumps({"event": an_event(), "hook_id": "another"}).encode()
    cases = {
        "unknown name": request_bytes("/webhooks/forged%0Aname", body, headers),
        "wrong signature main": request_bytes(PATH, body, {}),
        "wrong token main": signed(foreign),
        "too large": signed(b" " * (MAX_BODY_BYTES + 1)),
        "invalid event main: body: must be a JSON object: an event, or an envelope with the key event": signed(
            b"{}"
        ),
    }
    for reason, request in cases.items():
        caplog.clear()
        apps, port = server
        apps.append(create_app(Receiver(WebhookRegistry(lambda: texts), recorder, Notes())))
        Sender(port, connections=1).send([request])
        assert f"Rejected a webhook delivery: {reason}. Further ones are counted." in caplog.messages


def test_unknown_name_is_verified_too(sender, monkeypatch):
    checked = []
    is_signed = type(WEBHOOK).is_signed
    monkeypatch.setattr(
        type(WEBHOOK), "is_signed", lambda self, *a: checked.append(self.hook_id) or is_signed(self, *a)
    )
    assert sender.send([request_bytes("/webhooks/other", *delivery(WEBHOOK, an_event()))]) == [401]
    assert checked == ["-"]


def test_outcomes_are_recorded_for_registered_webhooks(sender, recorder, notes):
    body, headers = delivery(WEBHOOK, an_event())
    old = (datetime.now(UTC) - timedelta(days=8)).isoformat()
    foreign = json.dumps({"event": an_event(), "hook_id": "another"}).encode()
    good = request_bytes(PATH, body, headers)
    sender.send([good, good, request_bytes(PATH, *delivery(WEBHOOK, an_event(created_at=old)))])
    sender.send([request_bytes(PATH, body, {}), signed(b" " * (MAX_BODY_BYTES + 1)), signed(foreign)])
    sender.send([signed(json.dumps({"event": an_event(id=[7])}).encode())])
    sender.send([request_bytes(f"/webhooks/forged-{number}", body, headers) for number in range(10)])
    recorder.broken = True
    sender.send([good])
    assert {webhook for webhook, _, _ in notes.all} == {WEBHOOK}
    assert [(event_type, outcome) for _, event_type, outcome in notes.all] == [
        (NOISE, "recorded"),
        (NOISE, "ignored: recorded before, or no DAG uses the asset"),
        (NOISE, "ignored: older than 7 days"),
        (None, "wrong signature"),
        (None, "too large"),
        (None, "wrong token"),
        (None, "invalid event: id: must be a non-empty string, not list"),
        (None, "database unavailable; returned 503 to request a retry"),
    ]


def test_rejections_are_recorded_beyond_the_limit_too(sender, notes):
    forged = request_bytes(PATH, *delivery(registered(), an_event()))
    assert sender.send([forged] * (MAX_FAILURES_PER_MINUTE + 1))[-1] == 429
    assert len(notes.all) == MAX_FAILURES_PER_MINUTE + 1


def test_all_webhooks_are_cached_like_one():
    now, reads, texts = [0.0], [], {"main": WEBHOOK.to_json()}
    registry = WebhookRegistry(lambda: reads.append(now[0]) or dict(texts), clock=lambda: now[0])

    async def scenario():
        assert await registry.all() == {"main": WEBHOOK}
        now[0] = 4.9
        await registry.all()
        await registry.get("main")
        assert reads == [0.0]
        now[0] = 5.0
        texts.clear()
        assert await registry.all() == {}

    asyncio.run(scenario())
    assert reads == [0.0, 5.0]


def test_limits_are_as_documented():
    assert (MAX_BODY_BYTES, MAX_FAILURES_PER_MINUTE, receiver_module.BODY_TIMEOUT_SECONDS) == (
        65_536,
        60,
        10.0,
    )
    assert len(receiver_module._UNKNOWN_WEBHOOK.hook_secret) == 40
