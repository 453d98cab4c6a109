"""A thousand deferred sensors in one real triggerer: one token, one rate limit, and its loop is never blocked."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_minut.sandbox.config import SandboxConfig
from airflow_provider_minut.sandbox.sandbox import Sandbox
from airflow_provider_minut.sandbox.simulation.fleet import home_id
from tests.system.components import wait_for

pytestmark = pytest.mark.measured
SENSORS, SECONDS = 1_000, 90
DAG = f"""
from airflow.sdk import dag

from airflow_provider_minut.sensors.minut import MinutHomeEventSensor


@dag(schedule=None)
def waiting():
    sensors = MinutHomeEventSensor.partial(task_id="wait", deferrable=True)
    sensors.expand(home_ids=[["any"]] * {SENSORS})


waiting()
"""
# Create the database rows of a thousand deferred tasks, without a thousand worker processes.
DEFER = """
import json, sys
from airflow.models.taskinstance import TaskInstance
from airflow.models.trigger import Trigger
from airflow.utils.session import create_session
from airflow_provider_minut.triggers.minut import MinutSensorTrigger

since, deadline, homes = json.loads(sys.argv[1])
with create_session() as session:
    for task, home_id in zip(session.query(TaskInstance), homes, strict=True):
        trigger = MinutSensorTrigger(
            condition="home_event",
            arguments={"home_ids": [home_id], "event_types": [], "since": since},
            not_before=since,
            deadline=deadline,
            poke_interval=60,
            silent_fail=False,
            minut_conn_id="minut_default",
        )
        row = Trigger.from_object(trigger)
        session.add(row)
        session.flush()
        task.state, task.trigger_id, task.next_method, task.next_kwargs = "deferred", row.id, "execute_complete", {}
"""


@pytest.mark.timeout(900)
def test_thousand_deferred_sensors(deploy, db_query, capsys):
    now = datetime.now(UTC)
    with Sandbox(SandboxConfig(homes=SENSORS, devices=SENSORS, noisy_periods_per_day=0)) as minut:
        airflow, running = deploy({"waiting": DAG}, AIRFLOW_CONN_MINUT_DEFAULT=minut.connection_json)
        for command in (["reserialize"], ["unpause", "waiting"], ["trigger", "waiting"]):
            done = airflow.airflow("dags", *command)
            assert done.returncode == 0, done.stdout
        homes = [home_id(number) for number in range(1, SENSORS + 1)]
        for noisy in homes[::10]:
            minut.add_event(noisy, now)
        given = json.dumps(
            [(now - timedelta(minutes=1)).isoformat(), (now + timedelta(hours=2)).isoformat(), homes]
        )
        done = airflow.run("python", "-c", DEFER, given)
        assert done.returncode == 0, done.stdout
        running.start("api-server", "scheduler", "triggerer")

        def polls():
            return minut.stats()["requests"].get("GET /homes/{id}/events", 0)

        wait_for(polls, 240, lambda: running.log("triggerer")[-3000:])
        # To start a thousand triggers blocks the loop for seconds, whatever they do: Airflow's own
        # DateTimeTrigger, which only sleeps, did so for 3.5 s on the same machine.
        time.sleep(20)
        started, before = len(running.log("triggerer")), polls()
        time.sleep(SECONDS)
        polled, stats = polls() - before, minut.stats()
        states = dict(db_query("select state, count(*) from task_instance group by state"))
        log = running.log("triggerer")[started:]
        with capsys.disabled():
            print(
                f"\n{SENSORS} deferred sensors, {SECONDS} s: {polled} polls, {stats['token_requests']} token "
                f"requests, at most {stats['max_in_1s']} in a second and {stats['max_in_60s']} in a minute, "
                f"statuses {stats['statuses']}; tasks {states}; loop blocked {log.count('async thread was blocked')} times"
            )
    assert stats["token_requests"] == 1
    assert stats["statuses"].keys() == {"200"}
    assert stats["max_in_60s"] <= 120
    assert polled >= 100  # requests come in bursts of a minute's limit, and the minute may begin at any time
    assert SENSORS - states["deferred"] >= 10
    assert "failed" not in states
    assert "async thread was blocked" not in log
