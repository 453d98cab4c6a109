"""Links, lineage, metrics, retries and commands, in task runs of a real Airflow with its own database."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest
from werkzeug import Response

from airflow_provider_minut.sandbox.sandbox import Sandbox, connection_json
from tests.conftest import AIRFLOW_VERSION, CLIENT_ID, CLIENT_SECRET, DEPRECATIONS, ROOT

HOME = "64aa0000000000000000b001"
DAGS = """
from datetime import timedelta

from airflow.sdk import DAG, task

from airflow_provider_minut.hooks.minut import MinutHook
from airflow_provider_minut.operators.minut import MinutSetAlarmOperator
from airflow_provider_minut.transfers.minut_to_object_storage import MinutToObjectStorageOperator

with DAG("habits", schedule=None):
    MinutSetAlarmOperator(task_id="alarm", home_id="{{ params.home }}", alarm_status="on", params={"home": "HOME"})
    MinutToObjectStorageOperator(task_id="export", dataset="devices", path="FOLDER/devices.csv", format="csv")

try:
    from airflow_provider_minut.policies.retry import MinutRetryPolicy
except ImportError:
    policy = {}
else:
    policy = {"retry_policy": MinutRetryPolicy()}

with DAG("failing", schedule=None):

    @task(retries=1, retry_delay=timedelta(hours=1), **policy)
    def current_user():
        MinutHook().get_current_user()

    current_user()
"""


class Airflow:
    """A real Airflow with SQLite, whose metrics and lineage come here."""

    def __init__(self, folder):
        self.folder = folder
        self.metrics = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.metrics.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 2**20)
        self.metrics.bind(("127.0.0.1", 0))
        self.metrics.setblocking(False)
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("AIRFLOW_")} | {
            "AIRFLOW_HOME": str(folder),
            "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__METRICS__STATSD_ON": "True",
            "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
            "AIRFLOW__METRICS__STATSD_PORT": str(self.metrics.getsockname()[1]),
            "AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED": "True",  # plain StatsD has no tags
            "AIRFLOW__MINUT__SHARED_STATE": "memory",
            "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(
                {"type": "file", "log_file_path": f"{folder}/lineage.json", "append": True}
            ),
        }
        (folder / "dags").mkdir()
        (folder / "dags" / "habits.py").write_text(DAGS.replace("FOLDER", str(folder)).replace("HOME", HOME))
        self.run("db", "migrate")

    def run(self, *arguments, code=0, **environment):
        done = subprocess.run(
            [sys.executable, "-m", "airflow", *arguments],
            env=self.environment | environment,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=100,
            check=False,
        )
        assert code is None or done.returncode == code, done.stdout
        return done.stdout

    def received(self):
        """Return the metrics received since the last call, as lines."""
        lines = []
        while True:
            try:
                lines += self.metrics.recv(65536).decode().splitlines()
            except BlockingIOError:
                return lines

    def query(self, sql, *arguments):
        with closing(sqlite3.connect(self.folder / "airflow.db")) as database:
            return database.execute(sql, arguments).fetchall()

    def lineage(self):
        """Return the events of successful tasks, by task."""
        events = [
            json.loads(line)
            for file in self.folder.glob("lineage.json*")
            for line in file.read_text().splitlines()
        ]
        return {e["job"]["name"]: e for e in events if e["eventType"] == "COMPLETE"}


@pytest.fixture(scope="module")
def airflow(tmp_path_factory):
    airflow = Airflow(tmp_path_factory.mktemp("airflow"))
    yield airflow
    airflow.metrics.close()


def test_run_leaves_lineage_and_metrics(airflow):
    with Sandbox() as minut:
        printed = airflow.run("dags", "test", "habits", AIRFLOW_CONN_MINUT_DEFAULT=minut.connection_json)
        counted = minut.stats()["requests"]
    lines = [line for line in airflow.received() if ".minut." in line]
    tags = "conn_id=minut_default,method=GET,status=200"
    assert lines.count(f"airflow.minut.requests,{tags}:1|c") == sum(
        number for what, number in counted.items() if what.startswith("GET")
    )
    token = "airflow.minut.token_requests,conn_id=minut_default,method=POST,status=200:1|c"
    assert lines.count(token) == counted["POST /oauth/token"]
    assert minut.client_secret not in "".join(lines)

    event = airflow.lineage()["habits.export"]
    (read,), (written,) = event["inputs"], event["outputs"]
    assert (read["namespace"], read["name"]) == (f"minut://{minut.base_url.split('/')[2]}", "devices")
    assert (written["namespace"], written["name"]) == ("file", f"{airflow.folder}/devices.csv")
    assert written["outputFacets"]["outputStatistics"]["rowCount"] == 3
    fields = {f["name"]: f["type"] for f in written["facets"]["schema"]["fields"]}
    assert fields["device_id"] == "string"
    assert fields["last_heard_from_at"] == "timestamp"
    assert "additional_fields" in fields
    for category in DEPRECATIONS:
        assert category.rpartition(".")[2] not in printed


@pytest.fixture
def rate_limited(httpserver, token_endpoint):
    """A server that answers 429 once, and then 200; and the connection to it."""
    answers = iter([Response("{}", status=429, headers={"Retry-After": "2"})])
    at = []

    def answer(_):
        at.append(time.monotonic())
        user = Response('{"user_id": "64aa0000000000000000a001"}', content_type="application/json")
        return next(answers, user)

    httpserver.expect_request("/v8/users/me").respond_with_handler(answer)
    connection = json.loads(connection_json(httpserver.url_for("/v8"), CLIENT_ID, CLIENT_SECRET))
    return json.dumps(connection | {"extra": {"max_attempts": 1}}), at


@pytest.mark.skipif(AIRFLOW_VERSION < (3, 3), reason="retry policies came with Airflow 3.3")
def test_task_is_retried_after_the_delay_that_minut_requests(airflow, rate_limited):
    connection, at = rate_limited
    airflow.run("dags", "test", "failing", AIRFLOW_CONN_MINUT_DEFAULT=connection)
    assert len(at) == 2
    assert at[1] - at[0] >= 2
    assert airflow.query("SELECT state, try_number FROM task_instance WHERE dag_id = 'failing'") == [
        ("success", 2)
    ]
    assert "airflow.minut.rate_limited,conn_id=minut_default:1|c" in airflow.received()


@pytest.mark.skipif(AIRFLOW_VERSION < (3, 3), reason="retry policies came with Airflow 3.3")
def test_taskflow_task_with_rejected_credentials_is_not_retried(airflow):
    with Sandbox() as minut:
        rejected = json.dumps(json.loads(minut.connection_json) | {"password": "not-the-secret"})
        airflow.run("dags", "test", "failing", code=None, AIRFLOW_CONN_MINUT_DEFAULT=rejected)
        assert minut.stats()["token_requests"] == 1
    assert ("failed", 1) in airflow.query(
        "SELECT state, try_number FROM task_instance WHERE dag_id = 'failing'"
    )


@pytest.mark.skipif(AIRFLOW_VERSION < (3, 2), reason="commands of providers came with Airflow 3.2")
def test_command_shows_the_status_of_a_connection(airflow):
    with Sandbox() as minut:
        environment = {"AIRFLOW_CONN_MINUT_DEFAULT": minut.connection_json}
        assert "User          Alex Sandbox" in airflow.run("minut", "status", **environment)
        assert "Error " in airflow.run("minut", "status", "no_such", code=1, **environment)


@pytest.mark.skipif(AIRFLOW_VERSION < (3, 2), reason="commands of providers came with Airflow 3.2")
def test_command_finds_a_connection_that_is_in_the_database(airflow):
    with Sandbox() as minut:
        fields = json.loads(minut.connection_json)
        words = ("--conn-type", "minut", "--conn-login", fields["login"], "--conn-host", fields["host"])
        airflow.run("connections", "add", "stored", *words, "--conn-password", fields["password"])
        assert "User          Alex Sandbox" in airflow.run("minut", "status", "stored")


@pytest.mark.skipif(AIRFLOW_VERSION >= (3, 2), reason="Airflow 3.2 has commands of providers")
def test_airflow_without_commands_of_providers_is_not_disturbed(airflow):
    assert "airflow-provider-minut" in airflow.run("providers", "list")
    assert "invalid choice: 'minut'" in airflow.run("minut", "status", code=2)
