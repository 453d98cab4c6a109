"""A real cluster: CeleryExecutor, two workers, Redis, PostgreSQL. One token, one budget, 200 tasks.

Each worker has a temporary directory of its own, so that what they share can only be in Redis.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest

from tests.conftest import ROOT
from tests.servers import PostgresServer, RedisServer
from tests.system import components
from tests.system.conftest import Installation, clean_environment, uv

TASKS = 200
DAG = f"""
import tempfile
from pathlib import Path

from airflow.sdk import dag, task

from airflow_provider_minut.hooks.minut import MinutHook


@dag(schedule=None, max_active_tasks={TASKS})
def cluster():
    @task
    def who_am_i(number):
        with MinutHook("minut_default").get_conn() as minut:
            minut.get_current_user()
        Path(tempfile.gettempdir(), f"done-{{number}}").touch()

    who_am_i.expand(number=list(range({TASKS})))


cluster()
"""


@pytest.fixture
def servers(tmp_path):
    if not PostgresServer.find("initdb"):
        assert not os.environ.get("CI"), "CI has to have PostgreSQL"
        pytest.skip("PostgreSQL is not installed (Debian: apt install postgresql)")
    running = [RedisServer(tmp_path), PostgresServer()]
    yield running
    for server in running:
        server.stop()


@pytest.fixture
def cluster(wheel, servers, tmp_path):
    """An Airflow with the wheel and Celery in a clean environment, its database migrated."""
    venv = tmp_path / "venv"
    subprocess.run([uv(), "venv", "--quiet", "--python", sys.executable, venv], check=True)
    install = [uv(), "pip", "install", "--quiet", "--python", venv / "bin" / "python"]
    packages = [f"{wheel}[redis]", "apache-airflow-providers-celery", "asyncpg", "psycopg2-binary"]
    subprocess.run([*install, *packages, "-c", ROOT / "constraints.txt"], check=True, cwd=tmp_path)
    for folder in ("home", "dags"):
        (tmp_path / folder).mkdir()
    (tmp_path / "dags" / "cluster.py").write_text(DAG)
    redis, postgres = servers
    database = f"postgresql+psycopg2://{postgres.address}"
    environment = {
        **clean_environment(venv),
        **components.environment(tmp_path / "home", tmp_path / "dags", database),
        "AIRFLOW__CELERY__BROKER_URL": f"redis://127.0.0.1:{redis.port}/0",
        "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{database}",
        "AIRFLOW__CELERY__WORKER_CONCURRENCY": "4",
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW__MINUT__SHARED_STATE": f"redis://127.0.0.1:{redis.port}/1",
    }
    installation = Installation(venv / "bin", tmp_path / "home", environment)
    migrated = installation.airflow("db", "migrate")
    assert migrated.returncode == 0, migrated.stdout
    return installation


@pytest.fixture
def running(cluster, tmp_path):
    parts = components.Components(cluster, tmp_path)
    parts.start("api-server", "dag-processor", "scheduler", "worker-1", "worker-2")
    yield parts
    parts.stop()


@pytest.mark.timeout(1200)
def test_200_tasks_on_two_workers_make_one_token_request(cluster, running, sandbox, added_to, capsys):
    added_to(cluster)
    workers = [running.folder("worker-1"), running.folder("worker-2")]

    def done():
        return [len(list(worker.glob("done-*"))) for worker in workers]

    give_up = time.monotonic() + 120
    while cluster.airflow("dags", "trigger", "cluster").returncode:
        assert time.monotonic() < give_up, running.log("dag-processor")
    cluster.airflow("dags", "unpause", "cluster")
    give_up = time.monotonic() + 900
    while sum(done()) < TASKS:
        assert time.monotonic() < give_up, f"done: {done()}\n{running.log('scheduler')[-5000:]}"
        time.sleep(1)
    while True:
        listed = cluster.run("airflow", "dags", "list-runs", "cluster", "-o", "json").stdout
        states = [run["state"] for run in json.loads(listed[listed.index("[{") :])]
        if states == ["success"]:
            break
        assert time.monotonic() < give_up, states
    stats = sandbox.stats()
    with capsys.disabled():
        print(f"\nTasks of each worker: {done()}; the API counted {stats}")
    assert min(done()) > TASKS / 10, "both workers had their share"
    assert stats["token_requests"] == 1
    assert stats["statuses"] == {"200": TASKS + 1}
    assert stats["max_in_1s"] <= 20
    assert stats["max_in_60s"] <= 120
    assert not [path for worker in workers for path in worker.glob("airflow-provider-minut-*")]
    shown = cluster.run("minut-status")
    assert (shown.returncode, "Shared in   Redis at 127.0.0.1" in shown.stdout) == (0, True), shown.stdout
    assert sandbox.stats()["token_requests"] == 1
