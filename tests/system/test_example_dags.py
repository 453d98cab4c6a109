"""Each example DAG, run as it is by a real Airflow with the built wheel. The oldest and the newest one."""

from __future__ import annotations

import gzip
import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_minut.sandbox.running import Sandbox
from airflow_provider_minut.sandbox.state import SandboxConfig

DATASETS = ("homes", "devices", "events", "readings")
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


@pytest.fixture
def fleet():
    with Sandbox(SandboxConfig(rate_limit=False, spells_per_day=4)) as running:
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


def read(path):
    with gzip.open(path, "rt") as lines:
        return [json.loads(line) for line in lines]


def test_export_and_the_report_made_of_it(run, fleet, tmp_path):
    yesterday = TODAY - timedelta(days=1)
    printed = run("minut_export", TODAY.isoformat())  # the run after the last hour of yesterday
    assert "a minute, for the readings of 3 devices" in printed
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


@pytest.mark.parametrize("dag_id", ["minut_battery_alert", "minut_remove_webhook"])
def test_what_waits_for_something_runs_green_by_hand_without_it(run, fleet, dag_id):
    run(dag_id)
    assert fleet.stats()["requests"] == {}
