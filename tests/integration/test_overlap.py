"""Requests of a transfer overlap: the same rows, at most eight reservations, and as fast as the limit allows."""

from __future__ import annotations

import json
import multiprocessing
import threading
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_minut.api.auth.credentials import ClientCredentials
from airflow_provider_minut.api.client import MinutClient
from airflow_provider_minut.api.clock import Clock
from airflow_provider_minut.api.overlap import DEFAULT_MAX_IN_FLIGHT
from airflow_provider_minut.api.settings import ClientSettings
from airflow_provider_minut.api.shared_state.file import FileState
from airflow_provider_minut.api.shared_state.memory import MemoryState
from airflow_provider_minut.extraction.datasets import DATASETS
from airflow_provider_minut.extraction.extractor import Extractor, Selection
from airflow_provider_minut.hooks.minut import minut_client
from airflow_provider_minut.sandbox.config import SandboxConfig
from airflow_provider_minut.sandbox.sandbox import Sandbox
from tests.benchmarks.latency import allowed, transfer
from tests.conftest import CLIENT_ID, CLIENT_SECRET
from tests.replay import ReplyServer

SECONDS = 30  # a wait that ends only if something is broken
NOW = datetime(2026, 6, 2, tzinfo=UTC)
NO_LIMIT = {"requests_per_second": 10**6, "requests_per_minute": 10**6}
fork = multiprocessing.get_context("fork")


@pytest.fixture(scope="module")
def large_account():
    config = SandboxConfig(homes=12, devices=30, rate_limit=False, noisy_periods_per_day=40, late_share=0.1)
    with Sandbox(config) as sandbox:
        yield sandbox


@pytest.mark.parametrize("dataset", DATASETS)
def test_rows_are_the_same_however_many_requests_are_in_flight(large_account, dataset):
    end = datetime.now(UTC) - timedelta(days=1)
    selection = Selection(start_at=end - timedelta(days=7), end_at=end, sensors=["humidity", "motion_events"])
    found, credentials = [], ClientCredentials(large_account.client_id, large_account.client_secret)
    for at_once in (1, 8):
        client = MinutClient(
            credentials,
            ClientSettings(base_url=large_account.base_url, **NO_LIMIT),
            state=MemoryState(),
            max_in_flight=at_once,
        )
        client.max_window = timedelta(days=2)
        with client:
            found.append(list(DATASETS[dataset].rows(Extractor(client, selection))))
    assert len(found[0]) >= 12
    assert found[0] == found[1]


class Held(Clock):
    """The system's clock, but a sleep of a second or more does not end."""

    def sleep(self, seconds):
        threading.Event().wait(seconds if seconds < 1 else None)


def answer(method, path, query, body):
    if path == "/oauth/token":
        return 200, '{"access_token": "a", "expires_in": 3600}'
    if path == "/devices":
        return 200, json.dumps({"devices": [{"device_id": f"d{number:03}"} for number in range(200)]})
    return 200, '{"values": [], "user_id": "u"}'


def client_of(server, folder, clock):
    # Ten requests at once, and the next a minute later.
    settings = ClientSettings(base_url=server.base_url, requests_per_minute=10)
    state = FileState(folder / "state")
    return MinutClient(ClientCredentials(CLIENT_ID, CLIENT_SECRET), settings, state=state, clock=clock)


def run_transfer(server, folder):
    """Be a task with many requests, all of which wait once the first ten are sent."""
    selection = Selection(start_at=NOW - timedelta(days=1), end_at=NOW, sensors=["humidity"])
    for _ in DATASETS["readings"].rows(Extractor(client_of(server, folder, Held()), selection)):
        pass


def test_transfer_in_flight_delays_another_process_by_eight_reservations_at_most(tmp_path):
    slept = []

    class Recording(Clock):
        """The system's clock; a sleep is recorded, and does not take any time."""

        def sleep(self, seconds):
            slept.append(seconds)

    with ReplyServer(answer) as server:
        process = fork.Process(target=run_transfer, args=(server, tmp_path), daemon=True)
        process.start()
        with client_of(server, tmp_path, Recording()) as client:
            ended = threading.Event()
            for _ in range(SECONDS * 20):
                if client.status().rate_limit.waiting >= DEFAULT_MAX_IN_FLIGHT or ended.wait(0.05):
                    break
            assert client.status().rate_limit.waiting == DEFAULT_MAX_IN_FLIGHT
            client.get_current_user()
            assert client.status().rate_limit.waiting == DEFAULT_MAX_IN_FLIGHT + 1
        process.kill()
        process.join(SECONDS)
    assert max(slept) < 61, "it is in the first minute after the requests that were sent at once"


def test_task_passes_on_the_number_of_requests_in_flight(minut_sandbox):
    with minut_client("minut_default", max_in_flight=3) as client:
        assert client.max_in_flight == 3
    with minut_client("minut_default") as client:
        assert client.max_in_flight == 8


@pytest.mark.slow
@pytest.mark.measured
def test_transfer_at_the_latency_of_a_real_api_takes_as_long_as_the_rate_limit_allows():
    seconds, requests, stats = transfer(117, 0.3)
    assert requests == 117
    assert stats["statuses"].get("429", 0) == 0
    assert seconds <= 1.3 * allowed(117, 0.3)
