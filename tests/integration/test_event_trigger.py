"""Event triggers against the sandbox: one, many at once, through Airflow's shared stream, over restarts."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec

import pytest
from airflow.triggers.base import BaseEventTrigger

from airflow_provider_minut import conf
from airflow_provider_minut.polling import poller as poller_module
from airflow_provider_minut.polling.cursor import LOOKBACK
from airflow_provider_minut.sandbox.config import SandboxConfig
from airflow_provider_minut.sandbox.sandbox import Sandbox
from airflow_provider_minut.triggers.events import MinutEventTrigger
from tests.conftest import AIRFLOW_VERSION

HOMES = ["64aa0000000000000000b001", "64aa0000000000000000b002"]
NOISE = "disturbance_first_notice"


@pytest.fixture
def sandbox(monkeypatch, tmp_path):
    monkeypatch.setenv("AIRFLOW__MINUT__SHARED_STATE", f"file://{tmp_path}/state")
    monkeypatch.setenv("AIRFLOW__MINUT__EVENT_POLL_INTERVAL", "1")
    monkeypatch.setattr(poller_module, "MIN_POLL_SECONDS", 0.05)
    monkeypatch.setattr(conf, "event_poll_interval", lambda: 0.1)
    with Sandbox(SandboxConfig(homes=2, devices=2, rate_limit=False, noisy_periods_per_day=2)) as running:
        extra = {"requests_per_second": 10**6, "requests_per_minute": 10**6, "max_attempts": 1}
        connection = json.dumps({**json.loads(running.connection_json), "extra": extra})
        monkeypatch.setenv("AIRFLOW_CONN_MINUT_DEFAULT", connection)
        yield running


class Store:
    """Stands in for the asset's state store, which only a triggerer has; it stores JSON."""

    def __init__(self):
        self.kept = None

    async def aget(self, key):
        return self.kept and json.loads(self.kept)

    async def aset(self, key, value):
        self.kept = json.dumps(value)


async def fired(events, number, seconds=20):
    found = []
    async with asyncio.timeout(seconds), aclosing(events):
        async for event in events:
            found += event.payload["events"]
            if len(found) >= number:
                return found
    return found


async def polled(sandbox, times):
    """Wait until the sandbox has received this number of further polls."""
    target = sandbox.stats()["requests"].get("GET /events", 0) + times
    while sandbox.stats()["requests"].get("GET /events", 0) < target:
        await asyncio.sleep(0.02)


def test_fires_for_new_events_only(sandbox):
    async def scenario():
        waiting = asyncio.create_task(fired(MinutEventTrigger(NOISE).run(), 2))
        await polled(sandbox, 2)
        now = datetime.now(UTC)
        sandbox.add_event(HOMES[0], now)
        sandbox.add_event(HOMES[0], now, "noise_quieted")
        await polled(sandbox, 2)
        sandbox.add_event(HOMES[1], now - timedelta(hours=2))  # uploaded late
        return await waiting

    first, late = asyncio.run(scenario())
    assert (first["event_type"], first["home_id"], first["via"]) == (NOISE, HOMES[0], "poll")
    assert late["home_id"] == HOMES[1]
    assert datetime.now(UTC) - datetime.fromisoformat(late["event_time"]) > timedelta(hours=2)


def test_trigger_of_a_home_fires_only_for_its_events(sandbox):
    async def scenario():
        waiting = asyncio.create_task(fired(MinutEventTrigger(NOISE, HOMES[1]).run(), 1))
        await polled(sandbox, 2)
        for home in HOMES:
            sandbox.add_event(home, datetime.now(UTC))
        return await waiting

    assert [payload["home_id"] for payload in asyncio.run(scenario())] == [HOMES[1]]


def test_fifty_watchers_poll_as_often_as_one(sandbox):
    async def scenario():
        waiting = [asyncio.create_task(fired(MinutEventTrigger(NOISE).run(), 1)) for _ in range(50)]
        await polled(sandbox, 2)
        sandbox.add_event(HOMES[0], datetime.now(UTC))
        before = asyncio.get_running_loop().time(), sandbox.stats()["requests"]["GET /events"]
        await asyncio.gather(*waiting)
        await polled(sandbox, 0)
        seconds = asyncio.get_running_loop().time() - before[0]
        return seconds, sandbox.stats()["requests"]["GET /events"] - before[1]

    seconds, polls = asyncio.run(scenario())
    assert polls <= seconds / 0.1 + 2
    assert sandbox.stats()["token_requests"] == 1


def test_poll_reads_old_events_again_only_periodically(sandbox):
    """Regardless of their number; a late upload among them is found then."""
    now = datetime.now(UTC)
    for number in range(450):
        sandbox.add_event(HOMES[0], now - timedelta(minutes=30, seconds=number))

    async def scenario():
        waiting = asyncio.create_task(fired(MinutEventTrigger(NOISE).run(), 2))
        await polled(sandbox, 8)  # the first poll reads five pages or six
        before = sandbox.stats()["requests"]["GET /events"]
        started = asyncio.get_running_loop().time()
        sandbox.add_event(HOMES[0], datetime.now(UTC))
        await polled(sandbox, 5)
        seconds = asyncio.get_running_loop().time() - started
        requests = sandbox.stats()["requests"]["GET /events"] - before
        sandbox.add_event(HOMES[0], now - timedelta(hours=3))
        await polled(sandbox, 3)
        poller_module.EventPoller.of("minut_default")._late_due = 0.0
        return requests, seconds, await waiting

    requests, seconds, found = asyncio.run(scenario())
    assert requests <= seconds / 0.1 + 2
    assert datetime.fromisoformat(found[1]["event_time"]) < now - timedelta(hours=2)


def test_poll_continues_after_errors_and_logs_their_number(sandbox, caplog):
    async def scenario():
        waiting = asyncio.create_task(fired(MinutEventTrigger(NOISE).run(), 1))
        await polled(sandbox, 2)
        sandbox._state.faults._rate = 1.0
        while "failures in a row: 2" not in caplog.text:
            await asyncio.sleep(0.02)
        sandbox._state.faults._rate = 0.0
        sandbox.add_event(HOMES[0], datetime.now(UTC))
        return await waiting

    with caplog.at_level(logging.INFO):
        assert len(asyncio.run(scenario())) == 1
    assert "failures in a row" in caplog.text


def test_rejected_credentials_are_an_error_and_read_again_from_the_connection(sandbox, monkeypatch, caplog):
    monkeypatch.setattr(poller_module, "PERMANENT_ERROR_RETRY_SECONDS", 0.3)

    async def scenario():
        waiting = asyncio.create_task(fired(MinutEventTrigger(NOISE).run(), 1))
        await polled(sandbox, 2)
        old = sandbox.client_secret
        sandbox.rotate_secret()
        sandbox.revoke_tokens()
        while "Minut rejected the client credentials" not in caplog.text:
            await asyncio.sleep(0.02)
        monkeypatch.setenv("AIRFLOW_CONN_MINUT_DEFAULT", sandbox.connection_json)
        sandbox.add_event(HOMES[0], datetime.now(UTC))
        await waiting
        return old

    old = asyncio.run(scenario())
    assert next(r.levelname for r in caplog.records if "Failed to poll" in r.message) == "ERROR"
    assert old not in caplog.text


def test_after_a_long_absence_nothing_is_lost(sandbox):
    store = Store()

    async def first_life():
        trigger = MinutEventTrigger(NOISE)
        trigger.asset_state_store = store
        waiting = asyncio.create_task(fired(trigger.run(), 1))
        await polled(sandbox, 2)
        waiting.cancel()

    async def second_life():
        trigger = MinutEventTrigger(NOISE)
        trigger.asset_state_store = store
        return await fired(trigger.run(), 2)

    asyncio.run(first_life())
    absence = timedelta(days=2)
    state = json.loads(store.kept)
    state["read_at"] = (datetime.now(UTC) - absence).isoformat()
    # Events that the sandbox generated by itself count as stored in this test.
    state["stored"] = {
        event["id"]: event["created_at"]
        for event in sandbox._state.world.user_events(0, 1000, newest_first=True)
    }
    store.kept = json.dumps(state)
    now = datetime.now(UTC)
    for age in (timedelta(hours=40), LOOKBACK / 2):
        sandbox.add_event(HOMES[0], now - age)
    found = asyncio.run(second_life())
    ages = sorted(now - datetime.fromisoformat(payload["event_time"]) for payload in found)
    assert [round(age / timedelta(hours=1)) for age in ages] == [3, 40]
    assert not any(payload["redelivered"] for payload in found)


def test_without_a_state_store_a_restart_starts_with_new_events(sandbox):
    """The only case before Airflow 3.3; later, if several assets have the same watcher."""

    async def life():
        waiting = asyncio.create_task(fired(MinutEventTrigger(NOISE).run(), 1))
        await polled(sandbox, 2)
        now = datetime.now(UTC)
        sandbox.add_event(HOMES[0], now)
        (payload,) = await waiting
        assert not payload["redelivered"]
        assert abs(datetime.fromisoformat(payload["event_time"]) - now) < timedelta(milliseconds=2)

    asyncio.run(life())
    sandbox.add_event(HOMES[0], datetime.now(UTC))  # while no trigger runs
    asyncio.run(life())


@pytest.mark.skipif(
    AIRFLOW_VERSION >= (3, 3), reason="since Airflow 3.3 triggers share a stream, which the next test covers"
)
def test_before_3_3_airflow_runs_each_trigger_separately():
    assert find_spec("airflow.triggers.shared_stream") is None
    assert not hasattr(BaseEventTrigger, "shared_stream_key")
    assert not hasattr(BaseEventTrigger, "asset_state_store")


@pytest.mark.skipif(AIRFLOW_VERSION < (3, 3), reason="Airflow's triggers share a stream since 3.3")
def test_through_airflows_shared_stream_stored_events_are_not_repeated(sandbox):
    """As the triggerer does it: one producer, its acknowledgements, and two lives of a trigger."""
    from airflow.triggers import shared_stream

    store = Store()

    async def life(expected, confirm):
        manager = shared_stream.SharedStreamManager()
        trigger = MinutEventTrigger(NOISE)
        trigger.asset_state_store = store
        key = trigger.shared_stream_key()
        stream = manager.subscribe(trigger_id=1, trigger=trigger, key=key)
        found = []

        async def consume():
            number = 0
            async for event in trigger.filter_shared_stream(stream):
                found.extend(event.payload["events"])
                seq = manager.bind_pending_event(trigger_id=1, key=key)
                number += 1
                if confirm:
                    manager.confirm_persisted([seq])

        task = asyncio.create_task(consume())
        await polled(sandbox, 3)
        for _ in range(expected):
            sandbox.add_event(HOMES[0], datetime.now(UTC))
        await polled(sandbox, 3)
        await asyncio.sleep(0.3)
        task.cancel()
        await trigger.cleanup()
        await manager.stop_all()
        return [(payload["event_id"], payload["redelivered"]) for payload in found]

    first = asyncio.run(life(2, confirm=True))
    second = asyncio.run(life(1, confirm=False))
    third = asyncio.run(life(1, confirm=True))
    fourth = asyncio.run(life(0, confirm=True))
    assert [redelivered for _, redelivered in first + second] == [False] * 3
    assert third == [(second[0][0], True), (third[1][0], False)]
    assert fourth == []
