"""A real Redis: one token and one rate limit for a cluster, and no task that fails because of Redis."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from airflow_provider_minut.api.auth.credentials import ClientCredentials
from airflow_provider_minut.api.client import MinutClient
from airflow_provider_minut.api.settings import ClientSettings
from airflow_provider_minut.api.shared_state import redis as redis_state
from airflow_provider_minut.api.shared_state.factory import open_shared_state
from airflow_provider_minut.api.shared_state.memory import MemoryState
from airflow_provider_minut.api.shared_state.redis import LOCK_LEASE_SECONDS, RedisState
from airflow_provider_minut.api.shared_state.reservations import Rate
from airflow_provider_minut.exceptions import MinutConfigurationError, MinutRateLimitError
from airflow_provider_minut.sandbox.sandbox import Sandbox

fork = multiprocessing.get_context("fork")
RATES = [Rate(20, 1.25), Rate(120, 60.25)]


@pytest.fixture
def sandbox():
    with Sandbox() as running:
        yield running


@pytest.fixture
def state(redis_server):
    return RedisState(redis_server.url, fallback=MemoryState())


def client_of(sandbox, state, **settings):
    credentials = ClientCredentials(sandbox.client_id, sandbox.client_secret)
    return MinutClient(credentials, ClientSettings(base_url=sandbox.base_url, **settings), state=state)


def test_processes_share_one_token_and_nothing_readable(sandbox, redis_server):
    def task():
        with client_of(sandbox, RedisState(redis_server.url, fallback=MemoryState())) as client:
            client.get_current_user()

    running = [fork.Process(target=task) for _ in range(16)]
    for process in running:
        process.start()
    for process in running:
        process.join(30)
    assert [process.exitcode for process in running] == [0] * 16
    assert sandbox.stats()["token_requests"] == 1
    with client_of(sandbox, RedisState(redis_server.url, fallback=MemoryState())) as client:
        token = client.get_access_token()
    names = redis_server.admin.keys("*")
    for name in names:
        assert name.startswith(b"minut:")
        assert redis_server.admin.pttl(name) > 0, "everything ends by itself"
        raw = redis_server.admin.dump(name)
        for secret in (token, sandbox.client_secret, sandbox.client_id):
            assert secret.encode() not in raw + name


def test_no_interleaving_breaks_a_window_or_the_order(redis_server):
    """Reservations are granted ahead of time, so the test does not have to wait."""
    rng = random.Random(1)
    for _ in range(5):
        redis_server.admin.flushall()
        rates = [Rate(rng.randrange(1, 8), 1.25), Rate(rng.randrange(8, 40), 60.25)]
        # Somewhere between the two, Redis read its clock.
        earliest, latest = [], []
        state = RedisState(redis_server.url, fallback=MemoryState())

        def take(within, state=state, rates=rates, earliest=earliest, latest=latest):
            before = time.time()
            wait = state.reserve("log", rates, now=0, within=within)
            if wait <= within:
                earliest.append(before + wait)
                latest.append(time.time() + wait)

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(take, [rng.choice([0.5, 2000]) for _ in range(300)]))
        earliest.sort()
        latest.sort()
        for rate in rates:
            for first, last in zip(earliest, latest[rate.limit :], strict=False):
                assert last - first >= rate.window - 1e-3


def test_reservation_beyond_the_limit_is_not_made(state):
    assert state.reserve("log", [Rate(1, 60)], now=0, within=1) == 0
    assert state.reserve("log", [Rate(1, 60)], now=0, within=1) == pytest.approx(60, abs=0.5)
    assert len(state.reservations("log", now=0).ahead) == 1


def test_request_that_arrived_late_is_counted_from_then_on(state, redis_server):
    rates = [Rate(3, 60)]
    for _ in range(2):
        state.reserve("log", rates, now=0, within=0)
    time.sleep(0.3)
    state.reserve("log", rates, now=0, within=0)
    first, second, third = state.reservations("log", now=0).ahead
    state.postpone("log", 0.2, age=-second, now=0)  # the second stays before the third
    state.postpone("log", 0.3, age=0.2 - first, now=0)  # there is none as old as that
    moved = state.reservations("log", now=0).ahead
    assert moved == pytest.approx((first, second + 0.2, third), abs=0.25)
    assert moved[1] - moved[0] == pytest.approx(0.2 + second - first, abs=0.01)
    state.postpone("log", 0.29, age=-moved[0], now=0)  # the first becomes the last
    assert state.reserve("log", rates, now=0, within=100) == pytest.approx(
        60 + second - first - 0.1, abs=0.25
    )
    assert all(redis_server.admin.pttl(name) > 0 for name in redis_server.admin.keys("*"))


def test_pause_holds_up_every_worker_and_is_never_shortened(redis_server, state):
    state.pause("log", 20, now=0)
    state.pause("log", 5, now=0)
    other = RedisState(redis_server.url, fallback=MemoryState())
    assert other.reserve("log", RATES, now=0, within=100) == pytest.approx(20, abs=0.5)
    assert other.reservations("log", now=0).paused == pytest.approx(20, abs=0.5)


def test_clocks_of_the_workers_do_not_matter(state):
    for now in (0, 4e9, 1e9):
        assert state.reserve("log", [Rate(3, 60)], now=now, within=1) == 0
    assert state.reserve("log", [Rate(3, 60)], now=9e9, within=1) > 59


def test_forgotten_script_is_loaded_again(redis_server, state):
    state.reserve("log", RATES, now=0, within=1)
    redis_server.admin.script_flush()
    state.reserve("log", RATES, now=0, within=1)
    assert len(state.reservations("log", now=0).ahead) == 2


def test_damaged_and_future_logs_start_anew(redis_server, state):
    for damage in (b"x", str((time.time() + 86_400) * 1e6)):
        redis_server.admin.delete("minut:{log}:reservations")
        redis_server.admin.rpush("minut:{log}:reservations", damage)
        assert state.reserve("log", RATES, now=0, within=1) == 0
        assert len(state.reservations("log", now=0).ahead) == 1


def test_lock_excludes_threads_and_is_kept_beyond_its_lease(redis_server, state, monkeypatch):
    monkeypatch.setattr(redis_state, "LOCK_LEASE_SECONDS", 0.4)
    other = RedisState(redis_server.url, fallback=MemoryState())
    with state.lock("name", timeout=1) as mine, other.lock("name", timeout=1) as theirs:
        assert (mine, theirs) == (True, False)
    with other.lock("name", timeout=0) as theirs:
        assert theirs
    assert redis_server.admin.keys("*") == []


def test_lock_of_a_killed_process_is_free_after_its_lease(redis_server, state):
    held = fork.Event()

    def hold():
        with RedisState(redis_server.url, fallback=MemoryState()).lock("name", timeout=1):
            held.set()
            time.sleep(60)

    process = fork.Process(target=hold)
    process.start()
    assert held.wait(10)
    os.kill(process.pid, signal.SIGKILL)
    started = time.monotonic()
    with state.lock("name", timeout=LOCK_LEASE_SECONDS + 1) as mine:
        assert mine
    assert time.monotonic() - started <= LOCK_LEASE_SECONDS + 0.5


@pytest.mark.parametrize("fault", ["stop", "freeze", "fill", "require_password"])
def test_run_goes_on_without_redis_with_one_warning(sandbox, redis_server, caplog, fault):
    """The token lives a second, so that the run cannot live on what it got from Redis."""
    sandbox.set_token_lifetime(1)
    caplog.set_level(logging.WARNING, logger="airflow_provider_minut")
    state = RedisState(redis_server.url, fallback=MemoryState())
    with client_of(sandbox, state) as client:
        client.get_current_user()
        getattr(redis_server, fault)()
        if fault == "require_password":  # the current connection stays logged in
            redis_server.admin.client_kill_filter(_type="normal", skipme=True)
        started = time.monotonic()
        while time.monotonic() - started < 2.5:
            client.get_current_user()
            time.sleep(0.2)
        elapsed = time.monotonic() - started
    assert elapsed < 2.5 + 2 * redis_state.REDIS_TIMEOUT_SECONDS + 0.5
    warnings = [record.getMessage() for record in caplog.records if "Redis" in record.getMessage()]
    assert len(warnings) == 1
    assert f"127.0.0.1:{redis_server.port}" in warnings[0]


def test_redis_that_is_back_is_used_again(redis_server, state, monkeypatch):
    monkeypatch.setattr(redis_state, "RETRY_AFTER_FAILURE_SECONDS", 0.1)
    redis_server.stop()
    state.write("name", b"alone", lifetime=60)
    assert state.read("name") == b"alone"
    redis_server.start()
    time.sleep(0.15)
    state.write("name", b"together", lifetime=60)
    assert redis_server.admin.get("minut:name") == b"together"


def test_deadline_holds_with_redis_too(sandbox, state):
    with client_of(sandbox, state, requests_per_minute=1, deadline=5) as client:
        client.get_current_user()
        with pytest.raises(MinutRateLimitError):
            client.get_current_user()


@pytest.mark.parametrize("url", ["redis://:s3cret@host:port/0", "redis://:s3cret@host/0?socket_timeout=x"])
def test_bad_url_is_named_without_its_password(url):
    with pytest.raises(MinutConfigurationError) as caught:
        open_shared_state(url)
    assert "shared_state" in str(caught.value)
    assert "s3cret" not in json.dumps(str(caught.value))
