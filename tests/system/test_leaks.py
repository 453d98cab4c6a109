"""No secret in anything that Airflow keeps: logs at debug, the whole database, the shared state."""

from __future__ import annotations

import base64
import json
import re
import secrets
import sqlite3
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import psycopg2
import pytest
import redis
import requests
from cryptography.fernet import Fernet

from airflow_provider_minut.webhooks.registration import RegisteredWebhook, variable_name
from tests.deliveries import HOME, NOISE, Sender, an_event, bad_deliveries, registered, signed
from tests.servers import RedisServer
from tests.system import leaks
from tests.system.accounts import FAILURES, accounts, watch_tokens
from tests.system.components import wait_for
from tests.system.leaks import Detector
from tests.system.leaky import DAGS

WATCHED = "pir_motion"
COMPONENTS = ("api-server", "dag-processor", "scheduler", "triggerer")
EXPECTED_LOGS = {
    "hook": r"the token is (eyJ)?\*\*\*",
    "validate": r"are valid\. Authenticated as Alex Sandbox",
    "api": r"GET /homes returned homes",
    "device": r"Device \w+, changed: ",
    "alarm": r"Home \w+, changed: ",
    "create": r"Registered webhook \w+ for \*",
    "reconcile": r"Events: \d+; missed by the webhook: \d+",
    "delete": r"DELETE /v8/webhooks/\w+ HTTP/1\.1\\?\" 404",  # it does not exist there
    "file": r"2 homes in ",
    "sql": r"3 devices in table ",
    "event": r"[1-3] events? in 1 home since ",
    "heartbeat": r"latest measurement at 20",
}
TASKS = (
    *[task for task in EXPECTED_LOGS if task not in {"event", "heartbeat"}],
    *[f"{what}_{mode}" for what in ("event", "heartbeat") for mode in ("poke", "reschedule", "deferred")],
)
EXPECTED = {(conn_id, task): "failed" for conn_id in FAILURES for task in TASKS}
EXPECTED |= {("minut_good", task): "success" for task in TASKS}
EXPECTED["minut_good", "heartbeat_deferred"] = "deferred"  # so that there is a row of its trigger


@pytest.fixture
def detector():
    return Detector()


def test_detector_finds_secrets_whole_and_in_part(sandbox, detector):
    fields, token = json.loads(sandbox.connection_json), sandbox._state.issue_token()
    secret = fields["password"]
    basic = base64.b64encode(f"{fields['login']}:{secret}".encode()).decode()
    detector.add_credentials("it", fields["login"], secret)
    detector.add("a token", token)
    clean = f"{fields['login']} {token.split('.')[0]} {secret[:15]} {secrets.token_hex(99)}"
    assert detector.find(f"{clean}\nMaskSecret(value='{token}')") == []
    for text, name in [
        (secret, "client secret of it"),
        (f"{{'password':'{secret}-more'}}", "client secret of it"),
        (f"Basic {basic}", "Basic value of it"),
        (f"xyz{secret[4:28]}", "client secret of it"),
        (f"Bearer {token}", "a token"),
        (token[60:84], "a token"),
    ]:
        assert {name for name, _ in detector.find(f"{clean}\n{clean}={text} {clean}")} == {name}


def test_detector_looks_into_what_airflow_encrypted(postgres, detector):
    key, secret = Fernet.generate_key(), secrets.token_hex(16)
    detector.add("it", secret)
    encrypted = Fernet(key).encrypt(f'{{"a": "{secret}"}}'.encode()).decode()
    with psycopg2.connect(f"postgresql://{postgres.address}") as connection, connection.cursor() as cursor:
        for table, kind, value in [
            ("trigger", "text", encrypted),
            ("connection", "text", encrypted),
            ("blob", "bytea", secret.encode()),
            ("plain", "text", secret),
        ]:
            cursor.execute(f"create table {table} as select 'x' as a, %s::{kind} as b", [value])
    tables = leaks.database(postgres, key)
    assert {name for name, text in tables.items() if detector.find(text)} == {"trigger", "blob", "plain"}


@pytest.fixture
def shared(tmp_path_factory, detector):
    """A Redis with a password."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    password = secrets.token_hex(16)
    detector.add("password of Redis", password)
    server.admin.config_set("requirepass", password)
    server.url = server.url.replace("://", f"://:{password}@")
    server.admin = redis.Redis.from_url(server.url)
    yield server
    server.stop()


@pytest.fixture
def leaky(deploy, httpserver, detector, shared, tmp_path, tmp_path_factory):
    """An Airflow at work with all connections; its tasks share in Redis, its triggers in files."""
    now = datetime.now(UTC)
    folder = tmp_path_factory.mktemp("planted")
    with accounts(detector, httpserver) as (connections, good):
        values = {
            "/FOLDER": str(tmp_path),
            "/SINCE": now.isoformat(),
            "/TOMORROW": (now + timedelta(days=1)).isoformat(),
            "/AFTER": (now - timedelta(days=2)).isoformat(),
            "/WATCHED": WATCHED,
            "/NOISE": NOISE,
            "/CONNECTIONS": repr(list(FAILURES)),
        }
        code = DAGS
        for name, value in values.items():
            code = code.replace(name, value)
        in_environment = {
            f"AIRFLOW_CONN_{conn_id.upper()}": json.dumps(fields)
            for conn_id, fields in connections.items()
            if conn_id != "minut_good"
        }
        airflow, running = deploy(
            {},
            **in_environment,
            AIRFLOW_CONN_WAREHOUSE=json.dumps({"conn_type": "sqlite", "host": f"{tmp_path}/warehouse.db"}),
            AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION="False",
            AIRFLOW__CORE__PARALLELISM="4",
            AIRFLOW__CORE__TEST_CONNECTION="Enabled",
            AIRFLOW__LOGGING__LOGGING_LEVEL="DEBUG",
            AIRFLOW__MINUT__EVENT_POLL_INTERVAL="5",
            # On a loaded machine five seconds are too short for tasks that start together.
            AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT="60",
        )
        receiver = f"{airflow.environment['AIRFLOW__API__BASE_URL']}/minut/webhooks"
        (tmp_path / "dags" / "leaky.py").write_text(code.replace("/RECEIVER", receiver))
        variables = {}
        for conn_id in FAILURES:
            for kind in ("old", "kept"):
                name = f"{conn_id}_{kind}"
                webhook = registered(url=f"{receiver}/{name}", token=secrets.token_urlsafe(24))
                detector.add(f"secret of webhook {name}", webhook.hook_secret)
                detector.add(f"token of webhook {name}", webhook.token)
                variables[variable_name(name)] = webhook.to_json()
        (folder / "variables.json").write_text(json.dumps(variables))
        fields = connections["minut_good"]
        for command in (
            ["variables", "import", str(folder / "variables.json")],
            # As the README shows it.
            [
                *("connections", "add", "minut_good", "--conn-type", "minut", "--conn-host", fields["host"]),
                *("--conn-login", fields["login"], "--conn-password", fields["password"]),
            ],
        ):
            done = airflow.airflow(*command)
            assert done.returncode == 0, done.stdout
            (tmp_path / f"{command[0]}.txt").write_text(done.stdout)
        for component in COMPONENTS:
            shared_state = {"AIRFLOW__MINUT__SHARED_STATE": shared.url} if component == "scheduler" else {}
            running.start(component, **shared_state)
        yield airflow, running, connections, good


def states_in(db_query):
    rows = db_query("select dag_id, task_id, state from task_instance where dag_id like 'minut_%'")
    return {(dag_id, task_id): state for dag_id, task_id, state in rows}


@pytest.mark.timeout(600)
def test_nothing_that_airflow_keeps_holds_a_secret(
    leaky, db_query, postgres, shared, detector, tmp_path, capsys
):
    airflow, running, connections, good = leaky
    began = time.monotonic()
    for conn_id in FAILURES:
        shown = airflow.run("minut-status", conn_id, AIRFLOW__LOGGING__LOGGING_LEVEL="DEBUG")
        assert shown.returncode == (conn_id != "minut_good"), shown.stdout
        assert re.search(FAILURES[conn_id] or "User          Alex Sandbox", shown.stdout), shown.stdout
        (tmp_path / f"status_{conn_id}.txt").write_text(shown.stdout)
    for conn_id, fields in connections.items():
        message = press_test(airflow, conn_id, fields)
        assert re.search(FAILURES[conn_id] or "Authenticated as Alex Sandbox", message), message
        (tmp_path / f"tested_{conn_id}.txt").write_text(message)
    waiting = {("minut_good", f"event_{mode}") for mode in ("poke", "reschedule", "deferred")}
    others = {task: state for task, state in EXPECTED.items() if task not in waiting}

    def differences(expected):
        assert db_query("select stacktrace from import_error") == []
        states = states_in(db_query)
        differing = {t: states.get(t) for t in expected if states.get(t) != expected[t]}
        assert not {"success", "failed"} & {*differing.values()}, differing
        return differing

    wait_for(lambda: not differences(others), 300, lambda: differences(others))
    deferred = {("minut_good", "event_deferred"): "deferred", ("minut_good", "event_poke"): "running"}
    assert not differences(deferred)
    statuses = deliver(airflow, good, detector)
    good.add_event(HOME, datetime.now(UTC))
    wait_for(lambda: not differences(EXPECTED), 120, lambda: differences(EXPECTED))
    runs = "select dag_id from dag_run where dag_id in ('polled', 'pushed') and state = 'success'"
    wait_for(lambda: {("polled",), ("pushed",)} == set(db_query(runs)), 120, lambda: db_query(runs))
    wait_for(lambda: save_the_page(airflow, tmp_path), 60)
    running.stop()

    everything_happened(tmp_path, running, statuses, db_query)
    places = leaks.files(tmp_path) | leaks.redis_entries(shared.admin)
    tables = leaks.database(postgres, airflow.environment["AIRFLOW__CORE__FERNET_KEY"])
    for table in ("xcom", "rendered_task_instance_fields", "trigger", "asset_event", "log", "variable"):
        assert tables[table].count("\n") > 2, f"nothing in {table}"
    places |= {f"table {name}": text for name, text in tables.items()}
    found = [(place, *leak) for place, text in places.items() for leak in detector.find(text)]
    with capsys.disabled():
        size = sum(map(len, places.values())) / 2**20
        print(
            f"\n{len(EXPECTED)} tasks, {detector.count} secrets, {len(places)} places, {size:.0f} MiB, "
            f"{time.monotonic() - began:.0f} s: {len(found)} leaks"
        )
        for (place, name), number in Counter(leak[:2] for leak in found).items():
            print(f"  {name} {number} times in {place}")
    assert found == []


def call_airflow(airflow, method, path, **arguments):
    """Send a request to the API server as a logged-in user."""
    origin = airflow.environment["AIRFLOW__API__BASE_URL"]
    token = requests.get(f"{origin}/auth/token", timeout=30).json()["access_token"]
    header = {"Authorization": f"Bearer {token}"}
    return requests.request(method, f"{origin}{path}", headers=header, timeout=60, **arguments)


def save_the_page(airflow, folder):
    """Save the data of the page in the UI; return whether it includes devices, problems and deliveries."""
    text = call_airflow(airflow, "GET", "/minut/status/data").text
    (folder / "page.json").write_text(text)
    return all(
        part in text for part in ("Harbour Loft", "rejected the client credentials", "wrong signature")
    )


def press_test(airflow, conn_id, fields):
    """Press the Test button; return its message."""
    body = {**fields, "connection_id": f"{conn_id}_tested", "extra": json.dumps(fields.get("extra", {}))}
    reply = call_airflow(airflow, "POST", "/api/v2/connections/test", json=body)
    assert reply.status_code == 200, reply.text
    return reply.json()["message"]


def deliver(airflow, good, detector):
    """Deliver genuine and forged events; return the number of responses by status."""
    hook = next(iter(good._state.deliveries._hooks.values()))
    detector.add("secret of the new webhook", hook["hook_secret"])
    detector.add("token of the new webhook", hook["token"])
    path = "/minut/webhooks/minut_good_new"
    webhook = RegisteredWebhook(
        hook_id=hook["hook_id"],
        url=hook["url"],
        events=("*",),
        hook_secret=hook["hook_secret"],
        token=hook["token"],
    )
    good.emit(NOISE, HOME, copies=2)
    good.emit(WATCHED, HOME, signed=False)
    contents = [
        {"hook_id": webhook.hook_id, "event": an_event(), "token": webhook.token},
        {**an_event(), "token": webhook.token},
        {"event": an_event(), "token": webhook.token[::-1]},
        {"token": webhook.token},
        {"event": webhook.token, "token": webhook.token},
        {"event": an_event(created_at=webhook.hook_secret), "token": webhook.token},
        {"event": an_event(id=webhook.hook_secret + "/"), "token": webhook.token},
        {"event": an_event(type=webhook.token + "/"), "token": webhook.token},
    ]
    sent = [signed(webhook, json.dumps(content).encode(), path) for content in contents]
    sent += bad_deliveries(webhook, 22, path)
    sent += [sent[0], *bad_deliveries(webhook, 22, path)]
    port = int(airflow.environment["AIRFLOW__API__PORT"])
    return Counter(Sender(port, connections=1).send(sent))


def everything_happened(folder, running, statuses, db_query):
    """Check that the runs whose output is searched had the expected results."""
    for (conn_id, task), state in EXPECTED.items():
        paths = folder.glob(f"home/logs/dag_id={conn_id}/*/task_id={task}/attempt=1.log*")
        log = "".join(path.read_text() for path in paths)
        expected = FAILURES[conn_id] if state == "failed" else EXPECTED_LOGS[task.partition("_")[0]]
        assert re.search(expected, log), (conn_id, task, log[-3000:])
        assert '"debug"' in log
    for conn_id in [*FAILURES][1:]:
        message = rf"Failed to poll the events of connection '{conn_id}' .*{FAILURES[conn_id]}"
        assert re.search(message, running.log("triggerer")), conn_id
    assert "Rejected a webhook delivery" in running.log("api-server")
    assert set(statuses) == {201, 204, 400, 401, 404, 413}
    assert db_query("select count(*) from asset_event")[0][0] >= 3
    for component in COMPONENTS:
        assert re.search(r"\bdebug\b", running.log(component), re.IGNORECASE), component
    assert list((folder / "state").iterdir())


@pytest.mark.parametrize("failure", ["none", "wrong secret", "token revoked", "server gone", "bad setting"])
def test_nothing_of_airflow_dags_test_holds_a_secret(installed, sandbox, detector, failure):
    fields = json.loads(sandbox.connection_json)
    detector.add_credentials("it", fields["login"], fields["password"])
    watch_tokens(sandbox, lambda token: detector.add("a token", token))
    if failure == "wrong secret":
        sandbox.rotate_secret()
    elif failure == "token revoked":
        sandbox.set_token_lifetime(0.000001)  # each token expires before it is used
    elif failure == "server gone":
        fields |= {"host": "http://127.0.0.1:9/v8", "extra": {"max_attempts": 1}}
    elif failure == "bad setting":
        fields["extra"] = {"timeout": -1, "api_secret": fields["password"] + "-more"}
    # Permanent errors end the DAG with retries; the other failures run in the DAG without.
    dag_id = "minut_validate_credentials" if failure in {"wrong secret", "bad setting"} else "minut_taskflow"
    done = installed.airflow(
        *("dags", "test", dag_id),
        AIRFLOW_CONN_MINUT_DEFAULT=json.dumps(fields),
        AIRFLOW__LOGGING__LOGGING_LEVEL="DEBUG",
    )
    with sqlite3.connect(installed.home / "airflow.db") as database:
        dump = "\n".join(database.iterdump())
    assert sandbox.stats()["token_requests"] or failure in {"server gone", "bad setting"}
    assert "minut" in done.stdout
    state = leaks.files(installed.home.parent / "state")
    assert state or failure == "bad setting"
    shared = "".join(state.values())
    assert detector.find(done.stdout + dump + shared) == []
    assert fields["login"] not in shared
