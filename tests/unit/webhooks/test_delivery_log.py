"""The delivery log: shared by API servers, bounded, and without data from forged deliveries."""

from __future__ import annotations

import asyncio
import time

import pytest

from airflow_provider_minut.api.shared_state.file import FileState
from airflow_provider_minut.api.shared_state.memory import MemoryState
from airflow_provider_minut.events import event_payload
from airflow_provider_minut.webhooks import delivery_log as delivery_log_module
from airflow_provider_minut.webhooks.delivery_log import MAX_ROWS, RETENTION_SECONDS, DeliveryLog
from tests.deliveries import HOME, NOISE, an_event, registered

WEBHOOK = registered()
DAY = 86_400.0


class CountingState(MemoryState):
    def __init__(self):
        super().__init__()
        self.writes = []

    def write(self, name, entry, *, lifetime):
        self.writes.append(entry)
        super().write(name, entry, lifetime=lifetime)


@pytest.fixture
def state(monkeypatch):
    monkeypatch.setattr(delivery_log_module, "WRITE_INTERVAL_SECONDS", 0.01)
    return CountingState()


@pytest.fixture
def now():
    return [1_800_000_000.0]


@pytest.fixture
def delivery_log(state, now):
    return DeliveryLog(lambda: state, lambda: now[0])


def written(delivery_log, *actions):
    """Record deliveries in an event loop, and wait until they are written."""

    async def write():
        for record in actions:
            record()
        await delivery_log._writer

    asyncio.run(write())


def accepted(delivery_log, webhook=WEBHOOK, outcome="recorded"):
    return lambda: delivery_log.accepted(webhook, event_payload(an_event(), via="webhook"), outcome)


def rejected(delivery_log, reason, webhook=WEBHOOK):
    return lambda: delivery_log.rejected(webhook, reason)


def test_another_api_server_reads_the_log(delivery_log, state, now):
    written(delivery_log, accepted(delivery_log), rejected(delivery_log, "wrong signature"))
    entry = DeliveryLog(lambda: state).read(WEBHOOK)
    assert entry.accepted == [(now[0], NOISE, HOME, "recorded")]
    assert entry.rejected == [(now[0], now[0], 1, "wrong signature")]


def test_deliveries_of_several_api_servers_are_merged(delivery_log, state, now):
    other = DeliveryLog(lambda: state, lambda: now[0])
    written(delivery_log, accepted(delivery_log, outcome="first"), rejected(delivery_log, "too large"))
    now[0] += 10
    written(other, accepted(other, outcome="second"), *[rejected(other, "too large")] * 2)
    entry = delivery_log.read(WEBHOOK)
    assert [row.outcome for row in entry.accepted] == ["second", "first"]
    assert entry.rejected == [(now[0], now[0] - 10, 3, "too large")]


def test_ten_thousand_forgeries_are_one_row_and_one_write_and_displace_nothing(delivery_log, state, now):
    reasons = ["wrong signature", "too large", "too slow"]
    written(
        delivery_log, accepted(delivery_log), rejected(delivery_log, "invalid event: id: must be a string")
    )
    state.writes.clear()
    now[0] += 1
    began = time.perf_counter()
    written(delivery_log, *(rejected(delivery_log, reasons[number % 3]) for number in range(10_000)))
    assert time.perf_counter() - began < 5
    entry = delivery_log.read(WEBHOOK)
    assert len(state.writes) == 1
    assert len(state.writes[0]) < 2_000
    assert sum(row.deliveries for row in entry.rejected) == 10_001
    assert {row.reason for row in entry.rejected} == {*reasons, "invalid event: id: must be a string"}
    assert len(entry.accepted) == 1
    assert delivery_log._new == {}


def test_last_twenty_are_kept_of_each_kind(delivery_log, now):
    def later(make):
        def both():
            now[0] += 1
            make()

        return both

    written(
        delivery_log,
        *(later(accepted(delivery_log, outcome=str(number))) for number in range(30)),
        *(later(rejected(delivery_log, str(number))) for number in range(30)),
    )
    entry = delivery_log.read(WEBHOOK)
    assert [row.outcome for row in entry.accepted] == [str(number) for number in range(29, 29 - MAX_ROWS, -1)]
    assert [row.reason for row in entry.rejected] == [str(number) for number in range(29, 29 - MAX_ROWS, -1)]


def test_deliveries_are_removed_after_two_days(delivery_log, now):
    written(delivery_log, accepted(delivery_log, outcome="old"), rejected(delivery_log, "old"))
    now[0] += RETENTION_SECONDS
    written(delivery_log, accepted(delivery_log, outcome="new"))
    assert [row.outcome for row in delivery_log.read(WEBHOOK).accepted] == ["new", "old"]
    now[0] += 1
    written(delivery_log, accepted(delivery_log, outcome="newer"))
    entry = delivery_log.read(WEBHOOK)
    assert [row.outcome for row in entry.accepted] == ["newer", "new"]
    assert entry.rejected == []


def test_only_the_webhooks_secret_decrypts_it(delivery_log, state):
    written(delivery_log, accepted(delivery_log), rejected(delivery_log, "wrong signature"))
    stored = b"".join(state._entries.values())
    for readable in (NOISE, HOME, WEBHOOK.hook_id, WEBHOOK.hook_secret, "signature"):
        assert readable.encode() not in stored
    other = registered(hook_id=WEBHOOK.hook_id)
    assert delivery_log.read(other).accepted == delivery_log.read(other).rejected == []


def test_deliveries_continue_while_the_store_is_unavailable(now, caplog, monkeypatch):
    monkeypatch.setattr(delivery_log_module, "WRITE_INTERVAL_SECONDS", 0.01)

    def broken():
        raise OSError

    delivery_log = DeliveryLog(broken, lambda: now[0])
    written(delivery_log, accepted(delivery_log))
    assert "Failed to record deliveries for the status page." in caplog.text
    assert delivery_log._new == {}


def test_held_lock_is_not_waited_for_long(tmp_path, now, monkeypatch):
    monkeypatch.setattr(delivery_log_module, "WRITE_INTERVAL_SECONDS", 0.01)
    state = FileState(tmp_path / "state", fallback=MemoryState())
    delivery_log = DeliveryLog(lambda: state, lambda: now[0])
    with delivery_log._stored(WEBHOOK).lock(timeout=1):
        written(delivery_log, accepted(delivery_log))
    assert len(delivery_log.read(WEBHOOK).accepted) == 1
