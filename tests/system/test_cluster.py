"""A real cluster: CeleryExecutor, two workers, Redis, PostgreSQL. One token, one rate limit, 200 tasks.

Each worker has its own temporary directory, so that only Redis can be shared.
"""

from __future__ import annotations

import json
import time

import pytest

from tests.servers import RedisServer

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
def redis(tmp_path):
    server = RedisServer(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def started(deploy, redis, postgres):
    cluster, running = deploy(
        {"cluster": DAG},
        AIRFLOW__CELERY__BROKER_URL=f"redis://127.0.0.1:{redis.port}/0",
        AIRFLOW__CELERY__RESULT_BACKEND=f"db+postgresql+psycopg2://{postgres.address}",
        AIRFLOW__CELERY__WORKER_CONCURRENCY="4",
        AIRFLOW__CORE__EXECUTOR="CeleryExecutor",
        AIRFLOW__MINUT__SHARED_STATE=f"redis://127.0.0.1:{redis.port}/1",
    )
    running.start("api-server", "dag-processor", "scheduler", "worker-1", "worker-2")
    return cluster, running


@pytest.mark.timeout(1200)
def test_200_tasks_on_two_workers_make_one_token_request(started, sandbox, added_to, capsys):
    cluster, running = started
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
    assert (shown.returncode, "Shared state  Redis at 127.0.0.1" in shown.stdout) == (0, True), shown.stdout
    assert sandbox.stats()["token_requests"] == 1
