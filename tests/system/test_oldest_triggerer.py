"""Triggers in the triggerer of the oldest Airflow, where a thread that talks to the supervisor can break it."""

from __future__ import annotations

import time
from contextlib import closing
from datetime import UTC, datetime

import psycopg2
import pytest

HOME = "64aa0000000000000000b001"
NOISE = "disturbance_first_notice"
WATCHERS = 2
DAG = f"""
from airflow.sdk import dag, task

from airflow_provider_minut.assets.minut import watched_event


@dag(schedule=[watched_event("{NOISE}"), watched_event("{NOISE}", "{HOME}")])
def noise():
    @task
    def nothing(): ...

    nothing()


noise()
"""


@pytest.mark.parametrize("complete_venv", ["oldest"], indirect=True)
def test_watchers_get_events_after_each_new_token(deploy, added_to, sandbox, postgres):
    """A connection of the metadata database and each new token to mask go through the supervisor."""
    installation, running = deploy(
        {"watchers": DAG},
        AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION="False",
        AIRFLOW__MINUT__EVENT_POLL_INTERVAL="2",
    )
    added_to(installation)
    running.start("api-server", "dag-processor", "scheduler", "triggerer")

    def stored():
        with closing(psycopg2.connect(f"postgresql://{postgres.address}")) as connection:
            cursor = connection.cursor()
            cursor.execute("select count(*) from asset_event")
            return cursor.fetchone()[0]

    def wait_for(condition):
        give_up = time.monotonic() + 90
        while not condition():
            assert time.monotonic() < give_up, running.log("triggerer")[-5000:]
            time.sleep(0.5)

    wait_for(lambda: sandbox.stats()["requests"].get("GET /events", 0) >= 3)
    for number in range(1, 4):
        sandbox.add_event(HOME, datetime.now(UTC))
        wait_for(lambda number=number: stored() == number * WATCHERS)
        assert sandbox.stats()["token_requests"] == number
        sandbox.revoke_tokens()
    log = running.log("triggerer")
    assert "could not be read" not in log
    assert "Trigger runner failed" not in log
