"""A thousand deferred sensors in one real triggerer: one token, one budget, and its loop is never blocked."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_minut.sandbox.running import Sandbox
from airflow_provider_minut.sandbox.state import SandboxConfig

SENSORS, SECONDS = 1_000, 150
# They start in the triggerer: a thousand task processes that only defer would take long, and show nothing.
DAG = f"""
from datetime import UTC, datetime

from airflow.sdk import dag
from airflow.triggers.base import StartTriggerArgs

from airflow_provider_minut.sensors.minut import MinutHomeEventSensor


class Deferred(MinutHomeEventSensor):
    start_from_trigger = True


@dag(schedule=None)
def waiting():
    for number in range({SENSORS}):
        home_id = f"64aa0000000000000000{{0xb000 + number + 1:04x}}"
        sensor = Deferred(task_id=f"wait_{{number}}", home_ids=[home_id], since="SINCE")
        sensor.start_trigger_args = StartTriggerArgs(
            trigger_cls="airflow_provider_minut.triggers.sensors.MinutSensorTrigger",
            next_method="execute_complete",
            trigger_kwargs={{
                "condition": "home_event",
                "arguments": {{"home_ids": [home_id], "event_types": [], "since": "SINCE"}},
                "not_before": "SINCE",
                "deadline": "DEADLINE",
                "poke_interval": 60,
                "silent_fail": False,
                "minut_conn_id": "minut_default",
            }},
        )


waiting()
"""


def wait_for(condition, seconds, what):
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, f"not in {seconds} s: {what()}"
        time.sleep(0.5)


@pytest.mark.timeout(900)
def test_thousand_deferred_sensors(deploy, asked, capsys):
    now = datetime.now(UTC)
    code = DAG.replace("SINCE", now.isoformat()).replace("DEADLINE", (now + timedelta(hours=2)).isoformat())
    with Sandbox(SandboxConfig(homes=SENSORS, devices=SENSORS, spells_per_day=0)) as minut:
        airflow, running = deploy({"waiting": code}, AIRFLOW_CONN_MINUT_DEFAULT=minut.connection_json)
        parsed = airflow.airflow("dags", "reserialize")
        assert parsed.returncode == 0, parsed.stdout
        homes = [minut._state.world.home(number)["home_id"] for number in range(1, SENSORS + 1)]
        for home_id in homes[::10]:
            minut.add_event(home_id, datetime.now(UTC))
        airflow.airflow("dags", "unpause", "waiting")
        assert airflow.airflow("dags", "trigger", "waiting").returncode == 0
        running.start("api-server", "scheduler", "triggerer")
        deferred = "select count(*) from task_instance where state = 'deferred' and trigger_id is not null"
        wait_for(lambda: asked(deferred)[0][0] > 0.9 * SENSORS, 240, lambda: running.log("scheduler")[-3000:])
        wait_for(minut.stats, 60, lambda: running.log("triggerer")[-3000:])
        before = minut.stats()["requests"].get("GET /homes/{id}/events", 0)
        time.sleep(SECONDS)
        stats = minut.stats()
        looks = stats["requests"]["GET /homes/{id}/events"] - before
        states = dict(asked("select state, count(*) from task_instance group by state"))
        log = running.log("triggerer")
        with capsys.disabled():
            print(
                f"\\n{SENSORS} deferred sensors, {SECONDS} s: {looks} looks, {stats['token_requests']} token "
                f"requests, at most {stats['max_in_1s']} in a second and {stats['max_in_60s']} in a minute, "
                f"statuses {stats['statuses']}; tasks {states}; loop blocked {log.count('async thread was blocked')} times"
            )
    assert stats["token_requests"] == 1
    assert stats["statuses"].keys() == {"200"}
    assert stats["max_in_60s"] <= 120
    assert looks >= 0.9 * 2 * SECONDS
    assert SENSORS - states["deferred"] >= 10
    assert "failed" not in states
    assert "async thread was blocked" not in log
