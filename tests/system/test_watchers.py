"""Asset watchers in a real Airflow: no event is lost or repeated, however often the triggerer is killed."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from datetime import UTC, datetime

import pytest

from airflow_provider_minut.events import events_in
from airflow_provider_minut.sandbox.config import SandboxConfig
from airflow_provider_minut.sandbox.sandbox import Sandbox
from tests.system.components import wait_for

HOMES = [f"64aa0000000000000000b{number:03}" for number in range(1, 51)]
NOISE = "disturbance_first_notice"
EVENTS, KILLS, WATCHERS = 500, 10, 50
DAGS = f"""
import json
from pathlib import Path

from airflow.sdk import dag, get_current_context, task

from airflow_provider_minut.assets.minut import triggering_events, watched_event


@dag(schedule=[watched_event("{NOISE}")], max_active_runs=1)
def noise():
    @task
    def note():
        with Path("/FOLDER/events.txt").open("a") as file:
            for event in triggering_events(get_current_context()):
                file.write(event["event_id"] + "\\n")

    note()


noise()


@dag(schedule=[watched_event("{NOISE}", home) for home in {HOMES[1:WATCHERS]!r}])
def homes():
    @task
    def nothing(): ...

    nothing()


homes()
"""


@pytest.fixture
def fleet():
    config = SandboxConfig(homes=len(HOMES), devices=len(HOMES), noisy_periods_per_day=0)
    with Sandbox(config) as running:
        yield running


@pytest.mark.timeout(900)
def test_triggerer_killed_ten_times_while_events_arrive(deploy, fleet, db_query, tmp_path, capsys):
    code = DAGS.replace("/FOLDER", str(tmp_path))
    _, running = deploy(
        {"watchers": code},
        AIRFLOW_CONN_MINUT_DEFAULT=fleet.connection_json,
        AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION="False",
        AIRFLOW__MINUT__EVENT_POLL_INTERVAL="2",
        # So that another triggerer takes over in seconds.
        AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC="1",
        AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD="4",
    )
    running.start("api-server", "dag-processor", "scheduler", "triggerer")
    cursors = "select count(*) from asset_state_store"
    wait_for(lambda: db_query(cursors)[0][0] == WATCHERS, 120, lambda: running.log("triggerer")[-3000:])
    rng = random.Random(5)
    added = []

    def arrive():
        for _ in range(EVENTS):
            added.append((fleet.add_event(HOMES[0], datetime.now(UTC)), HOMES[0]))
            time.sleep(0.2)

    arriving = threading.Thread(target=arrive)
    arriving.start()
    for _ in range(KILLS):
        time.sleep(rng.uniform(2, 14))
        running.kill("triggerer")
        running.start("triggerer")
    arriving.join()
    received = tmp_path / "events.txt"
    stored = "select e.extra from asset_event e join asset a on a.id = e.asset_id where a.uri like 'minut://events/%'"

    def payloads():
        return [event for (extra,) in db_query(stored) for event in events_in(extra)]

    def ids():
        return {payload["event_id"] for payload in payloads()}

    wait_for(lambda: len(ids()) == EVENTS, 120, lambda: (len(ids()), running.log("triggerer")[-3000:]))
    # Airflow may assign the last of several asset events to the next run, so one more event is added.
    added.append((fleet.add_event(HOMES[0], datetime.now(UTC)), HOMES[0]))
    wait_for(
        lambda: received.exists() and len(set(received.read_text().split())) == EVENTS + 1,
        180,
        lambda: (len(received.read_text().split()), running.log("scheduler")[-3000:]),
    )
    before = fleet.stats()["requests"]["GET /events"]
    time.sleep(20)
    stats = fleet.stats()
    polls = stats["requests"]["GET /events"] - before
    each = Counter(received.read_text().split())
    with capsys.disabled():
        print(
            f"\n{EVENTS} events, {KILLS} kills, {WATCHERS} watchers: {len(payloads())} in asset events "
            f"({sum(payload['redelivered'] for payload in payloads())} redelivered), received "
            f"{sum(each.values())} times; {polls} polls in 20 s; {stats['token_requests']} token requests"
        )
    assert set(each.values()) == {1}
    assert polls <= 20 / 2 + 1
    assert stats["token_requests"] == 1
    assert "429" not in stats["statuses"]
    assert "async thread was blocked" not in running.log("triggerer")
