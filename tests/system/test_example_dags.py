"""Each example DAG, run as documented by a real Airflow, the oldest and the newest, with the built wheel."""

from __future__ import annotations

import ast
import gzip
import json
import re
import shlex
import sqlite3
import subprocess
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_minut.sandbox.config import SandboxConfig
from airflow_provider_minut.sandbox.sandbox import Sandbox
from tests.conftest import ROOT

EXAMPLES = sorted((ROOT / "dags").glob("*.py"))
TRY_IT = re.compile(r"Try it(?:[^`]|`[^`\n]+`)*:\n```bash\n(.*?)```", re.DOTALL)
MEANWHILE = re.compile(r"`minut-sandbox (emit [^`]+)`")
DATASETS = ("homes", "devices", "events", "readings")
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


@pytest.fixture
def fleet():
    with Sandbox(SandboxConfig(rate_limit=False, noisy_periods_per_day=4)) as running:
        yield running


@pytest.fixture
def run(installed, fleet, tmp_path):
    """Run a DAG to its end; all runs of a test share the places where the data goes."""
    environment = {
        "AIRFLOW_CONN_MINUT_DEFAULT": fleet.connection_json,
        "AIRFLOW_CONN_MINUT_WAREHOUSE": json.dumps(
            {"conn_type": "sqlite", "host": f"{tmp_path}/warehouse.db"}
        ),
        "AIRFLOW_VAR_MINUT_EXPORT_PATH": str(tmp_path / "export"),
    }

    def run(dag_id, *arguments):
        done = installed.airflow("dags", "test", dag_id, *arguments, **environment)
        assert done.returncode == 0, done.stdout
        return done.stdout

    return run


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_example_runs_as_documented(file, request, installed, sandbox, tmp_path, capsys):
    """The commands under "Try it"; what should happen meanwhile happens as soon as there is a run."""
    page = ast.get_docstring(ast.parse(file.read_text()))
    commands = TRY_IT.search(page)[1]
    assert f"airflow dags test {file.stem}" in commands
    if "localhost:8080" in commands:  # here another port is free
        commands = commands.replace("http://localhost:8080", request.getfixturevalue("origin"))
    meanwhile = MEANWHILE.search(page)
    environment = installed.environment | {"AIRFLOW_CONN_MINUT_DEFAULT": sandbox.connection_json}
    began = time.monotonic()
    with (tmp_path / "log.txt").open("w") as log:
        shell = subprocess.Popen(
            ["bash", "-ec", commands], env=environment, cwd=tmp_path, stdout=log, stderr=log
        )
        while shell.poll() is None:
            if meanwhile and is_running(installed, file.stem):
                command = [*shlex.split(meanwhile[1]), "--url", sandbox.base_url.removesuffix("/v8")]
                done = installed.run("minut-sandbox", *command)
                assert done.returncode == 0, done.stdout
                meanwhile = None
            time.sleep(0.1)
    with capsys.disabled():
        print(f"\n{file.stem}: {time.monotonic() - began:.0f} s")
    assert shell.returncode == 0, (tmp_path / "log.txt").read_text()[-10_000:]
    assert states(installed, file.stem) == {"success"}  # so nothing was skipped for want of work


def is_running(installed, dag_id):
    return query(installed, "select 1 from dag_run where dag_id = ? and state = 'running'", dag_id)


def states(installed, dag_id):
    """Return the states of the tasks in the last run of a DAG."""
    ((run_id,),) = query(
        installed, "select run_id from dag_run where dag_id = ? order by id desc limit 1", dag_id
    )
    return {
        state for (state,) in query(installed, "select state from task_instance where run_id = ?", run_id)
    }


def query(installed, sql, value):
    with closing(sqlite3.connect(installed.home / "airflow.db", timeout=60)) as database:
        return database.execute(sql, [value]).fetchall()


def read(path):
    with gzip.open(path, "rt") as lines:
        return [json.loads(line) for line in lines]


def test_export_and_the_report_made_of_it(run, fleet, tmp_path):
    yesterday = TODAY - timedelta(days=1)
    printed = run("minut_export", TODAY.isoformat())  # the run after the last hour of yesterday
    assert "requests/min, for the readings of 3 devices" in printed
    files = {
        dataset: tmp_path / "export" / dataset / f"{yesterday:%Y-%m-%d}.jsonl.gz" for dataset in DATASETS
    }
    rows = {dataset: read(path) for dataset, path in files.items()}
    assert (len(rows["homes"]), len(rows["devices"])) == (2, 3)
    ids = ["64aa0000000000000000b001", "64aa0000000000000000b002"]
    known = {e["event_id"] for i in ids for e in fleet.events(i, yesterday - timedelta(hours=2), TODAY)}
    assert {event["event_id"] for event in rows["events"]} == known != set()
    # Two hours of lookback and the day, every five minutes, four sensors of three devices.
    assert len(rows["readings"]) == pytest.approx(26 * 12 * 4 * 3, rel=0.02)
    run("minut_noise_report", TODAY.isoformat())
    for home_id, name in zip(ids, ("Harbour Loft", "Garden Studio"), strict=True):
        page = (tmp_path / "export" / "reports" / home_id / f"{yesterday:%Y-%m-%d}.html").read_text()
        assert name in page
        assert "<svg" in page


def test_a_range_goes_into_files_of_its_own(run, fleet, tmp_path):
    conf = {
        "start_at": (TODAY - timedelta(days=9)).isoformat(),
        "end_at": (TODAY - timedelta(days=2)).isoformat(),
    }
    run("minut_export", "--conf", json.dumps(conf))
    name = f"{conf['start_at'][:10]}_{conf['end_at'][:10]}.jsonl.gz"
    days = {row["time"][:10] for row in read(tmp_path / "export" / "readings" / name)}
    assert len(days) == 8  # and two hours of the day before


def test_warehouse_has_each_row_once_after_every_run(run, tmp_path):
    counts = []
    for _ in range(2):
        run("minut_to_warehouse", TODAY.isoformat())
        with closing(sqlite3.connect(tmp_path / "warehouse.db")) as connection:
            tables = [f"minut_{dataset}" for dataset in DATASETS]
            counts.append([connection.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in tables])  # noqa: S608
    assert counts[0] == counts[1]
    assert counts[0][:2] == [2, 3]
    assert min(counts[0][2:]) > 10


def test_backfill_is_a_task_per_month_and_repeated_at_the_cost_of_a_list(run, fleet, tmp_path):
    first = TODAY.replace(day=1)
    conf = {"start_at": (first - timedelta(days=40)).isoformat(), "end_at": first.isoformat()}
    months = len({(first - timedelta(days=days)).month for days in range(1, 41)})
    printed = run("minut_backfill", "--conf", json.dumps(conf))
    assert f"{months} months, at most 3 devices: about {months * 13} requests" in printed
    with closing(sqlite3.connect(tmp_path / "warehouse.db")) as connection:
        count = connection.execute("SELECT count(*) FROM minut_readings").fetchone()[0]
    assert count == pytest.approx(40 * 288 * 4 * 3, rel=0.02)
    readings = fleet.stats()["requests"]["GET /devices/{id}/sound_level"]
    assert readings == months * 3
    run("minut_backfill", "--conf", json.dumps(conf))
    assert fleet.stats()["requests"]["GET /devices/{id}/sound_level"] == readings


def test_house_rules_say_what_they_would_change_and_change_nothing(run, fleet):
    printed = run("minut_house_rules", "--conf", json.dumps({"limit": 60, "alarm_status": "on"}))
    assert printed.count("would change (dry run): sound_level_high_quiet_hours.value: not set -> 60") >= 3
    assert printed.count("would change (dry run): alarm_status: off -> on") >= 2
    requests = fleet.stats()["requests"]
    assert {what for what in requests if not what.startswith("GET")} == {"POST /oauth/token"}


def test_night_is_looked_at_once_the_devices_have_reported_it(run, fleet):
    morning = TODAY - timedelta(days=1) + timedelta(hours=7)
    printed = run("minut_night", "--conf", json.dumps({"morning": morning.isoformat()}))
    assert f"night before {morning:%Y-%m-%d}: at most " in printed
    assert fleet.stats()["requests"]["GET /devices/{id}/sound_level"] == 3
