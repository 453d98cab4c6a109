"""What is noted of deliveries: for all API servers, bounded, and nothing that a forger wrote."""

from __future__ import annotations

import asyncio
import time

import pytest

from airflow_provider_minut.api.shared_state.file import FileState
from airflow_provider_minut.api.shared_state.memory import MemoryState
from airflow_provider_minut.events import event_payload
from airflow_provider_minut.webhooks import delivery_log as journal_module
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
    monkeypatch.setattr(journal_module, "WRITE_INTERVAL_SECONDS", 0.01)
    return CountingState()


@pytest.fixture
def now():
    return [1_800_000_000.0]


@pytest.fixture
def journal(state, now):
    return DeliveryLog(lambda: state, lambda: now[0])


def noted(journal, *notes):
    """Let notes be made in an event loop, and wait until they are written."""

    async def note():
        for make in notes:
            make()
        await journal._writer

    asyncio.run(note())


def accepted(journal, webhook=WEBHOOK, what="recorded"):
    return lambda: journal.accepted(webhook, event_payload(an_event(), via="webhook"), what)


def rejected(journal, reason, webhook=WEBHOOK):
    return lambda: journal.rejected(webhook, reason)


def test_another_api_server_reads_what_was_noted(journal, state, now):
    noted(journal, accepted(journal), rejected(journal, "wrong signature"))
    entry = DeliveryLog(lambda: state).read(WEBHOOK)
    assert entry.accepted == [(now[0], NOISE, HOME, "recorded")]
    assert entry.rejected == [(now[0], now[0], 1, "wrong signature")]


def test_what_several_api_servers_note_is_together(journal, state, now):
    other = DeliveryLog(lambda: state, lambda: now[0])
    noted(journal, accepted(journal, what="first"), rejected(journal, "too large"))
    now[0] += 10
    noted(other, accepted(other, what="second"), *[rejected(other, "too large")] * 2)
    entry = journal.read(WEBHOOK)
    assert [row.outcome for row in entry.accepted] == ["second", "first"]
    assert entry.rejected == [(now[0], now[0] - 10, 3, "too large")]


def test_ten_thousand_forgeries_are_one_row_and_one_write_and_displace_nothing(journal, state, now):
    reasons = ["wrong signature", "too large", "too slow"]
    noted(journal, accepted(journal), rejected(journal, "no event: id: must be a text"))
    state.writes.clear()
    now[0] += 1
    began = time.perf_counter()
    noted(journal, *(rejected(journal, reasons[number % 3]) for number in range(10_000)))
    assert time.perf_counter() - began < 5
    entry = journal.read(WEBHOOK)
    assert len(state.writes) == 1
    assert len(state.writes[0]) < 2_000
    assert sum(row.deliveries for row in entry.rejected) == 10_001
    assert {row.reason for row in entry.rejected} == {*reasons, "no event: id: must be a text"}
    assert len(entry.accepted) == 1
    assert journal._new == {}


def test_last_twenty_are_kept_of_each_kind(journal, now):
    def later(make):
        def both():
            now[0] += 1
            make()

        return both

    noted(
        journal,
        *(later(accepted(journal, what=str(number))) for number in range(30)),
        *(later(rejected(journal, str(number))) for number in range(30)),
    )
    entry = journal.read(WEBHOOK)
    assert [row.outcome for row in entry.accepted] == [str(number) for number in range(29, 29 - MAX_ROWS, -1)]
    assert [row.reason for row in entry.rejected] == [str(number) for number in range(29, 29 - MAX_ROWS, -1)]


def test_after_two_days_it_is_forgotten(journal, now):
    noted(journal, accepted(journal, what="old"), rejected(journal, "old"))
    now[0] += RETENTION_SECONDS
    noted(journal, accepted(journal, what="new"))
    assert [row.outcome for row in journal.read(WEBHOOK).accepted] == ["new", "old"]
    now[0] += 1
    noted(journal, accepted(journal, what="newer"))
    entry = journal.read(WEBHOOK)
    assert [row.outcome for row in entry.accepted] == ["newer", "new"]
    assert entry.rejected == []


def test_only_who_has_the_webhooks_secret_reads_it(journal, state):
    noted(journal, accepted(journal), rejected(journal, "wrong signature"))
    stored = b"".join(state._entries.values())
    for readable in (NOISE, HOME, WEBHOOK.hook_id, WEBHOOK.hook_secret, "signature"):
        assert readable.encode() not in stored
    other = registered(hook_id=WEBHOOK.hook_id)
    assert journal.read(other).accepted == journal.read(other).rejected == []


def test_deliveries_go_on_while_the_state_cannot_be_used(now, caplog, monkeypatch):
    monkeypatch.setattr(journal_module, "WRITE_INTERVAL_SECONDS", 0.01)

    def broken():
        raise OSError

    journal = DeliveryLog(broken, lambda: now[0])
    noted(journal, accepted(journal))
    assert "Deliveries cannot be noted for the page." in caplog.text
    assert journal._new == {}


def test_whoever_holds_the_lock_is_not_waited_for_long(tmp_path, now, monkeypatch):
    monkeypatch.setattr(journal_module, "WRITE_INTERVAL_SECONDS", 0.01)
    state = FileState(tmp_path / "state", fallback=MemoryState())
    journal = DeliveryLog(lambda: state, lambda: now[0])
    with journal._vault(WEBHOOK).lock(timeout=1):
        noted(journal, accepted(journal))
    assert len(journal.read(WEBHOOK).accepted) == 1
