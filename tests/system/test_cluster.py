"""A real cluster: CeleryExecutor, two workers, Redis, PostgreSQL. One token, one budget, 200 tasks.

Each worker has a temporary directory of its own, so that what they share can only be in Redis.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time

import pytest
from cryptography.fernet import Fernet

from tests.conftest import ROOT
from tests.servers import PostgresServer, RedisServer, free_port
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
    api = free_port()
    environment = clean_environment(venv) | {
        "AIRFLOW_HOME": str(tmp_path / "home"),
        "AIRFLOW__API__PORT": str(api),
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{api}",
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
        "AIRFLOW__CELERY__BROKER_URL": f"redis://127.0.0.1:{redis.port}/0",
        "AIRFLOW__CELERY__RESULT_BACKEND": f"db+postgresql+psycopg2://{postgres.address}",
        "AIRFLOW__CELERY__WORKER_CONCURRENCY": "4",
        "AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path / "dags"),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{api}/execution/",
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW__CORE__FERNET_KEY": Fernet.generate_key().decode(),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{postgres.address}",
        "AIRFLOW__MINUT__SHARED_STATE": f"redis://127.0.0.1:{redis.port}/1",
    }
    installation = Installation(venv / "bin", tmp_path / "home", environment)
    migrated = installation.airflow("db", "migrate")
    assert migrated.returncode == 0, migrated.stdout
    return installation


@pytest.fixture
def workers(cluster, tmp_path):
    """Start everything; give the temporary directories of the two workers."""
    commands = {
        "api-server": ["api-server", "--host", "127.0.0.1"],
        "dag-processor": ["dag-processor"],
        "scheduler": ["scheduler", "--skip-serve-logs"],
        "worker-1": ["celery", "worker", "--skip-serve-logs", "--celery-hostname", "one@%h"],
        "worker-2": ["celery", "worker", "--skip-serve-logs", "--celery-hostname", "two@%h"],
    }
    processes = []
    for name, command in commands.items():
        folder = tmp_path / name
        folder.mkdir()
        with (tmp_path / f"{name}.log").open("w") as log:
            processes.append(
                subprocess.Popen(
                    [cluster.bin / "airflow", *command],
                    env={**cluster.environment, "TMPDIR": str(folder)},
                    cwd=folder,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )
    yield [tmp_path / "worker-1", tmp_path / "worker-2"]
    for process in processes:
        os.killpg(process.pid, signal.SIGTERM)
    for process in processes:
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.timeout(1200)
def test_200_tasks_on_two_workers_make_one_token_request(
    cluster, workers, sandbox, added_to, tmp_path, capsys
):
    added_to(cluster)

    def done():
        return [len(list(worker.glob("done-*"))) for worker in workers]

    give_up = time.monotonic() + 120
    while cluster.airflow("dags", "trigger", "cluster").returncode:
        assert time.monotonic() < give_up, (tmp_path / "dag-processor.log").read_text()
    cluster.airflow("dags", "unpause", "cluster")
    give_up = time.monotonic() + 900
    while sum(done()) < TASKS:
        assert time.monotonic() < give_up, (
            f"done: {done()}\n{(tmp_path / 'scheduler.log').read_text()[-5000:]}"
        )
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
