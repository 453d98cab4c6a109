"""The how-to guides of dbt and dlt, run with these tools in environments of their own, on DuckDB."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import duckdb
import pytest

from airflow_provider_minut.sandbox.config import SandboxConfig
from airflow_provider_minut.sandbox.sandbox import Sandbox
from airflow_provider_minut.transfers.minut_to_sql import MinutToSqlOperator
from tests.conftest import ROOT
from tests.system.conftest import clean_environment, uv

HOWTO = ROOT / "docs" / "howto"
# Neither is a dependency of this project: they ask for other releases of what Airflow asks for.
DBT = ["dbt-core==1.11.16", "dbt-duckdb==1.11.1", f"duckdb=={duckdb.__version__}"]
DLT = ["dlt[duckdb]==1.31.0"]
# The newest release of all that they bring, as of then.
PINNED = ["--no-config", "--exclude-newer", "2026-11-20"]
END = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)
START = END - timedelta(days=4)


def make_venv(folder, *packages):
    subprocess.run([uv(), "venv", "--quiet", "--python", sys.executable, folder / "venv"], check=True)
    install = [uv(), "pip", "install", "--quiet", "--python", folder / "venv" / "bin" / "python"]
    subprocess.run([*install, *packages], check=True, cwd=folder)
    return folder / "venv"


@pytest.fixture(scope="module")
def dbt_venv(tmp_path_factory):
    return make_venv(tmp_path_factory.mktemp("dbt"), *PINNED, *DBT)


@pytest.fixture(scope="module")
def dlt_venv(wheel, tmp_path_factory):
    constraints = ["--no-config", "--constraint", ROOT / "constraints.txt"]
    return make_venv(tmp_path_factory.mktemp("dlt"), *constraints, *DLT, wheel)


@pytest.fixture
def fleet(monkeypatch):
    with Sandbox(SandboxConfig(rate_limit=False, noisy_periods_per_day=6)) as running:
        monkeypatch.setenv("AIRFLOW_CONN_MINUT_DEFAULT", running.connection_json)
        monkeypatch.setenv("AIRFLOW__MINUT__SHARED_STATE", "memory")
        yield running


class DbtProject:
    """A copy of the project in the guide, and the database that it reads."""

    def __init__(self, folder, venv, monkeypatch):
        self.folder = folder / "project"
        shutil.copytree(HOWTO / "dbt", self.folder)
        self.path = folder / "warehouse.duckdb"
        self._venv = venv
        warehouse = {"conn_type": "duckdb", "host": str(self.path)}
        self.environment = {
            "AIRFLOW_CONN_MINUT_WAREHOUSE": json.dumps(warehouse),
            "MINUT_DUCKDB": str(self.path),
            "PATH": f"{os.environ['PATH']}:{venv / 'bin'}",
        }
        for name, value in self.environment.items():
            monkeypatch.setenv(name, value)

    def load(self, *datasets, **arguments):
        for dataset in datasets:
            MinutToSqlOperator(
                task_id="t",
                dataset=dataset,
                conn_id="minut_warehouse",
                table=f"minut_{dataset}",
                create_table=True,
                **{"start_at": START, "end_at": END, **arguments},
            ).execute({})

    def dbt(self, *arguments, code=0):
        """Run dbt and return what it prints."""
        done = subprocess.run(
            [self._venv / "bin" / "dbt", "--no-use-colors", *arguments],
            cwd=self.folder,
            env=clean_environment(self._venv) | self.environment | {"DBT_PROFILES_DIR": str(self.folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout
        return done.stdout

    def query(self, query):
        with closing(duckdb.connect(str(self.path))) as connection:
            return connection.execute(query).fetchall()

    def nights(self):
        columns = "home_id, night, readings, loudest_db, round(mean_db, 6), readings_above_limit, loaded_at"
        return self.query(f"SELECT {columns} FROM nightly_noise ORDER BY home_id, night")  # noqa: S608


@pytest.fixture
def project(tmp_path, dbt_venv, monkeypatch):
    return DbtProject(tmp_path, dbt_venv, monkeypatch)


def test_dbt_reads_the_tables(fleet, project):
    project.load("homes", "devices", "readings")
    assert project.dbt("source", "freshness").count("PASS freshness of minut.") == 3
    assert "PASS=5 WARN=0 ERROR=0" in project.dbt("build")
    nights = project.nights()
    assert {home_id for home_id, *_ in nights} == {"64aa0000000000000000b001", "64aa0000000000000000b002"}
    # Two devices in the first home, nine hours, every five minutes; the first and the last night are cut.
    whole = [night for night in nights if START.date() < night[1] < (END - timedelta(days=1)).date()]
    # At most one of them is an hour longer or shorter, when the clocks change.
    assert {2 * 9 * 12, 9 * 12} <= {count for _, _, count, *_ in whole}
    assert sum(above for *_, above, _ in nights) > 0
    assert all(40 < mean <= loudest < 120 for _, _, _, loudest, mean, *_ in nights)


def test_dbt_recalculates_the_nights_of_late_readings_only(fleet, project):
    """One of two devices of a home uploads only after the first build, since two o'clock in a night."""
    project.load("homes", "devices")
    query = (
        "SELECT max(device_id), home, any_value(timezone) FROM minut_devices "
        "JOIN minut_homes ON home = home_id GROUP BY home HAVING count(*) = 2"
    )
    ((late_id, home_id, zone),) = project.query(query)
    others = [row[0] for row in project.query("SELECT device_id FROM minut_devices") if row[0] != late_id]
    project.load("readings", device_ids=others)
    project.query(
        "UPDATE minut_readings SET loaded_at = loaded_at - INTERVAL 3 DAY "
        "WHERE time < (SELECT max(time) - INTERVAL 1 DAY FROM minut_readings)"  # by a run three days ago
    )
    project.dbt("build")
    before = {night[:2]: night for night in project.nights()}
    late = datetime.combine(END - timedelta(days=2), time(2), ZoneInfo(zone))
    project.load("readings", device_ids=[late_id], start_at=late, late_within=timedelta(0))
    project.dbt("build")
    after = {night[:2]: night for night in project.nights()}
    changed = {key for key in after if after[key] != before.get(key)}
    evening = (late - timedelta(days=1)).date()
    assert changed == {key for key in after if key[0] == home_id and key[1] >= evening}
    assert len(changed) >= 2
    project.dbt("build", "--full-refresh")
    assert {night[:2]: night for night in project.nights()} == after


def test_dbt_reports_a_stale_source(fleet, project):
    project.load("homes", "devices", "readings")
    project.query("UPDATE minut_readings SET loaded_at = loaded_at - INTERVAL 27 HOUR")
    printed = project.dbt("source", "freshness", code=1)
    assert "ERROR STALE freshness of minut.readings" in printed
    assert printed.count("PASS freshness of minut.") == 2


@pytest.fixture
def run_dag(project, tmp_path):
    """Run the DAG of the guide in a real Airflow; return the states of its tasks and the log."""
    environment = {name: text for name, text in os.environ.items() if not name.startswith("AIRFLOW_")}
    environment |= project.environment | {
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__MINUT__SHARED_STATE": "memory",
        "MINUT_DBT_PROJECT": str(project.folder),
    }
    (tmp_path / "dags").mkdir()
    code = (HOWTO / "dbt" / "minut_dbt.py").read_text()
    assert '"retries": 3, ' in code
    (tmp_path / "dags" / "minut_dbt.py").write_text(code.replace('"retries": 3, ', '"retries": 0, '))

    def airflow(*arguments):
        command = [sys.executable, "-m", "airflow", *arguments]
        return subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
        )

    def run(sandbox):
        environment["AIRFLOW_CONN_MINUT_DEFAULT"] = sandbox.connection_json
        migrated = airflow("db", "migrate")
        assert migrated.returncode == 0, migrated.stderr
        date = f"{END - timedelta(days=1):%Y-%m-%dT%H:%M:%S+00:00}"
        tested = airflow("dags", "test", "minut_dbt", date)
        with closing(sqlite3.connect(tmp_path / "airflow" / "airflow.db")) as database:
            states = dict(database.execute("SELECT task_id, state FROM task_instance").fetchall())
        return states, tested.stdout + tested.stderr

    return run


def test_dag_loads_checks_and_builds(fleet, project, run_dag):
    states, log = run_dag(fleet)
    assert set(states.values()) == {"success"}, log
    assert set(states) >= {"load_readings", "check_result", "dbt_freshness", "dbt_build"}
    assert project.nights()


def test_dag_does_not_build_with_too_few_readings(project, run_dag):
    with Sandbox(SandboxConfig(rate_limit=False, silent_share=0.5)) as half_silent:
        states, log = run_dag(half_silent)
    assert "Coverage is below min_coverage, 90.00%: sound_level " in log
    assert states["load_readings"] == "failed"
    assert {states[name] for name in ("check_result", "dbt_freshness", "dbt_build")} == {"upstream_failed"}
    assert project.query("SELECT count(*) FROM minut_readings")[0][0] > 0


def test_dlt_merges_the_readings(fleet, dlt_venv, tmp_path):
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "secrets.toml").write_text(
        "[sources.minut_readings]\n"
        f'client_id = "{fleet.client_id}"\nclient_secret = "{fleet.client_secret}"\nbase_url = "{fleet.base_url}"\n'
    )
    environment = clean_environment(dlt_venv) | {
        "DLT_DATA_DIR": str(tmp_path / "state"),
        "RUNTIME__DLTHUB_TELEMETRY": "false",
    }
    counts = []
    for _ in range(2):
        done = subprocess.run(
            [dlt_venv / "bin" / "python", HOWTO / "dlt" / "minut_readings.py"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert fleet.client_secret not in done.stdout + done.stderr
        with closing(duckdb.connect(str(tmp_path / "warehouse.duckdb"))) as database:
            query = "SELECT count(*), count(DISTINCT (device_id, sensor, time)) FROM warehouse.minut.minut_readings"
            counts.append(database.execute(query).fetchone())
    for count, distinct in counts:
        assert count == distinct
        assert count == pytest.approx(14 * 24 * 12 * 3, rel=0.02)
    # Each run reads the same two weeks; a check-in between them uploads an hour.
    assert 0 <= counts[1][0] - counts[0][0] <= 2 * 12 * 3
