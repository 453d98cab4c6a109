"""Real processes, a real directory, a real API: one token for all."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
import time

import pytest
from werkzeug import Response

from airflow_provider_minut.api.auth.credentials import ClientCredentials
from airflow_provider_minut.api.client import MinutClient
from airflow_provider_minut.api.settings import ClientSettings
from airflow_provider_minut.api.shared_state.file import FileState
from tests.conftest import CLIENT_ID, CLIENT_SECRET

# Forked children do not import everything again; that is also how Airflow makes its task processes.
fork = multiprocessing.get_context("fork")


def ask(directory, base_url, times=1, pause=0.0):
    """Be a task: ask for the current user."""
    settings = ClientSettings(
        base_url=base_url, max_attempts=2, requests_per_minute=1000, requests_per_second=1000
    )
    with MinutClient(
        ClientCredentials(CLIENT_ID, CLIENT_SECRET), settings, state=FileState(directory)
    ) as client:
        for _ in range(times):
            client.get_current_user()
            time.sleep(pause)


def start(*args):
    process = fork.Process(target=ask, args=args)
    process.start()
    return process


@pytest.fixture
def api(httpserver):
    """An API whose tokens can be slow to come, and short; gives its settings and counts."""

    class Api:
        base_url = httpserver.url_for("/v8")
        lifetime = 3600.0
        slow_tokens = 0
        rejected = 0
        lock = threading.Lock()

    Api.tokens = {}  # when each ends

    def token(_request):
        with Api.lock:
            name = f"token-{len(Api.tokens) + 1}"
            Api.tokens[name] = time.time() + Api.lifetime
        if len(Api.tokens) <= Api.slow_tokens:
            time.sleep(3)
        return Response(json.dumps({"access_token": name, "expires_in": Api.lifetime}))

    def user(request):
        if Api.tokens.get(request.headers["Authorization"][7:], 0) < time.time():
            Api.rejected += 1
            return Response(status=401)
        return Response('{"user_id": "u"}')

    httpserver.expect_request("/v8/oauth/token").respond_with_handler(token)
    httpserver.expect_request("/v8/users/me").respond_with_handler(user)
    return Api


def test_processes_that_start_together_make_one_token_request(api, tmp_path):
    processes = [start(tmp_path / "state", api.base_url) for _ in range(32)]
    for process in processes:
        process.join(60)
    assert {process.exitcode for process in processes} == {0}
    assert len(api.tokens) == 1


def test_killed_refresher_is_replaced_within_seconds(api, tmp_path):
    api.slow_tokens = 1
    killed = start(tmp_path / "state", api.base_url)
    give_up = time.monotonic() + 10
    while not api.tokens:
        assert time.monotonic() < give_up
        time.sleep(0.01)
    waiting = [start(tmp_path / "state", api.base_url) for _ in range(4)]
    time.sleep(0.2)
    os.kill(killed.pid, signal.SIGKILL)
    killed_at = time.monotonic()
    for process in waiting:
        process.join(30)
    assert time.monotonic() - killed_at < 5
    assert {process.exitcode for process in waiting} == {0}
    assert len(api.tokens) == 2


def test_short_tokens_are_refreshed_by_one_and_used_by_all(api, tmp_path):
    api.lifetime = 6.0
    processes = [start(tmp_path / "state", api.base_url, 80, 0.1) for _ in range(4)]
    for process in processes:
        process.join(60)
    assert {process.exitcode for process in processes} == {0}
    assert api.rejected == 0
    assert 2 <= len(api.tokens) <= 3


def test_herd_of_401s_leads_to_one_new_token(api, tmp_path):
    ask(tmp_path / "state", api.base_url)
    api.tokens["token-1"] = 0.0  # revoked
    processes = [start(tmp_path / "state", api.base_url) for _ in range(16)]
    for process in processes:
        process.join(60)
    assert {process.exitcode for process in processes} == {0}
    assert len(api.tokens) == 2
