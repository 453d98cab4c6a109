"""The metrics that a StatsD server receives over a real socket."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys

import pytest

from airflow_provider_minut.sandbox.sandbox import Sandbox

# Airflow initializes its metrics once per process, from its configuration, so this needs its own process. It
# behaves like a triggerer; tests/system/test_habits.py covers tasks.
REQUEST = """
import airflow.jobs.triggerer_job_runner
from airflow_provider_minut.hooks.minut import MinutHook
print(MinutHook("of_the_test").get_current_user()["user_id"])
"""


def send_request(port, connection, **environment):
    done = subprocess.run(
        [sys.executable, "-c", REQUEST],
        env=os.environ
        | {
            "AIRFLOW__METRICS__STATSD_ON": "True",
            "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
            "AIRFLOW__METRICS__STATSD_PORT": str(port),
            "AIRFLOW__MINUT__SHARED_STATE": "memory",
            "AIRFLOW_CONN_OF_THE_TEST": connection,
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "64aa0000000000000000a001" in done.stdout


@pytest.fixture
def receiver():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.setblocking(False)
        yield receiver


def lines_of(receiver):
    lines = []
    while True:
        try:
            lines += receiver.recv(65536).decode().splitlines()
        except BlockingIOError:
            return [line for line in lines if ".minut." in line]


def test_metrics_arrive_with_their_tags(receiver):
    with Sandbox() as minut:
        port = receiver.getsockname()[1]
        send_request(port, minut.connection_json, AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED="True")
    assert lines_of(receiver) == [
        "airflow.minut.token_requests,conn_id=of_the_test,method=POST,status=200:1|c",
        "airflow.minut.requests,conn_id=of_the_test,method=GET,status=200:1|c",
    ]


def test_plain_statsd_gets_the_names(receiver):
    with Sandbox() as minut:
        send_request(receiver.getsockname()[1], minut.connection_json)
    assert lines_of(receiver) == ["airflow.minut.token_requests:1|c", "airflow.minut.requests:1|c"]


def test_names_are_documented():
    """Every name that a client observes is in the page for users."""
    from airflow_provider_minut.api.http import transport
    from tests.conftest import ROOT

    source = (ROOT / "airflow_provider_minut" / "api" / "http" / "transport.py").read_text()
    page = (ROOT / "docs" / "observability.md").read_text()
    assert transport.Observer
    for name in ("requests", "token_requests", "retries", "rate_limited", "rate_limit_wait"):
        assert f'"{name}"' in source
        assert f"`minut.{name}`" in page


def test_connection_of_the_hook_is_a_tag(minut_sandbox, monkeypatch):
    from airflow_provider_minut.hooks import minut
    from airflow_provider_minut.hooks.minut import MinutHook

    seen = []
    monkeypatch.setattr(minut, "count", lambda *entry: seen.append(entry))
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", json.dumps(json.loads(minut_sandbox.connection_json)))
    MinutHook("other").get_current_user()
    assert {entry[0] for entry in seen} == {"other"}
