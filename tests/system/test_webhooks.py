"""Webhooks in a real Airflow: from the delivery to the run, through restarts, and against forgers."""

from __future__ import annotations

import random
import re
import statistics
import threading
import time
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from airflow_provider_minut.events import events_in
from airflow_provider_minut.sandbox.config import SandboxConfig
from airflow_provider_minut.sandbox.sandbox import Sandbox
from tests.conftest import ROOT
from tests.deliveries import (
    HOME,
    NOISE,
    Sender,
    an_event,
    bad_deliveries,
    delivery,
    registered,
    request_bytes,
)
from tests.system.browser import open_page, picture
from tests.system.components import wait_for

pytestmark = pytest.mark.measured
PATH = "/minut/webhooks/main"
NOISES = f"""
from airflow.sdk import Asset, dag, task


@dag(schedule=[Asset("minut://events/{NOISE}")], max_active_runs=200)
def noise():
    @task
    def nothing(): ...

    nothing()


noise()


@dag(schedule=[Asset("minut://homes/{HOME}/events/{NOISE}")])
def one_home():
    @task
    def nothing(): ...

    nothing()


one_home()
"""


@pytest.fixture
def recorded(db_query):
    """Count in how many asset events of an asset each event is."""

    def count(uri):
        query = "select e.extra from asset_event e join asset a on a.id = e.asset_id where a.uri = %s"
        rows = db_query(query, uri)
        return Counter(event["event_id"] for (extra,) in rows for event in events_in(extra))

    return count


def port_of(airflow):
    return int(airflow.environment["AIRFLOW__API__PORT"])


def is_up(airflow):
    with suppress(requests.RequestException):
        return requests.get(f"http://127.0.0.1:{port_of(airflow)}/api/v2/version", timeout=5).ok
    return False


# What the receiver is compared with, in the same process.
BARE = """
from airflow.plugins_manager import AirflowPlugin
from fastapi import FastAPI, Request, Response

app = FastAPI()


@app.post("/body")
async def read_body(request: Request) -> Response:
    await request.body()
    return Response(status_code=204)


class BarePlugin(AirflowPlugin):
    name = "bare"
    fastapi_apps = [{"app": app, "url_prefix": "/bare", "name": "bare"}]
"""


@pytest.fixture
def receiving(deploy):
    """An API server with a registered webhook, and DAGs that wait for its events."""
    airflow, running = deploy({"noises": NOISES}, AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION="False")
    parsed = airflow.airflow("dags", "reserialize")
    assert parsed.returncode == 0, parsed.stdout
    webhook = registered()
    airflow.airflow("variables", "set", "minut_webhook_secret_main", webhook.to_json())
    (airflow.home / "plugins").mkdir()
    (airflow.home / "plugins" / "bare.py").write_text(BARE)
    running.start("api-server")
    wait_for(lambda: is_up(airflow), 120, lambda: running.log("api-server"))
    return airflow, running, webhook


@pytest.mark.timeout(600)
def test_thousand_events_twice_over_five_restarts_are_recorded_once(receiving, recorded, capsys):
    airflow, running, webhook = receiving
    events = [an_event() for _ in range(1_000)]
    requests_ = [request_bytes(PATH, *delivery(webhook, event)) for event in events * 2]
    random.Random(7).shuffle(requests_)
    statuses = []
    sender = Sender(port_of(airflow), retry=True)
    sending = threading.Thread(target=lambda: statuses.extend(sender.send(requests_)))
    began = time.monotonic()
    sending.start()
    for number in range(1, 6):
        uri = f"minut://events/{NOISE}"
        wait_for(lambda: len(recorded(uri)) >= number * 150 or not sending.is_alive(), 120)  # noqa: B023
        running.kill("api-server")
        running.start("api-server")
    sending.join(300)
    seconds = time.monotonic() - began
    with capsys.disabled():
        print(f"\n2,000 deliveries over 5 restarts in {seconds:.0f} s: {Counter(statuses)}")
    assert len(statuses) == 2_000
    assert set(statuses) == {201, 204}
    expected = {event["id"]: 1 for event in events}
    assert recorded(f"minut://events/{NOISE}") == expected
    assert recorded(f"minut://homes/{HOME}/events/{NOISE}") == expected


def resident_mb(airflow_process):
    """Return the memory of a process and its children, in MB."""
    import psutil

    process = psutil.Process(airflow_process)
    return sum(p.memory_info().rss for p in [process, *process.children(recursive=True)]) / 2**20


@pytest.mark.timeout(600)
def test_ten_thousand_bad_deliveries_change_nothing(receiving, db_query, capsys):
    airflow, running, webhook = receiving
    sender = Sender(port_of(airflow))
    first = Counter(sender.send(bad_deliveries(webhook, 2_000, PATH)))
    before = resident_mb(running.process_id("api-server"))
    statuses = first + Counter(sender.send(bad_deliveries(webhook, 10_000, PATH)))
    growth = resident_mb(running.process_id("api-server")) - before
    with capsys.disabled():
        print(f"\n12,000 bad deliveries: {dict(statuses)}; memory grew by {growth:.1f} of {before:.0f} MB")
    assert db_query("select count(*) from asset_event") == [(0,)]
    assert set(statuses) <= {204, 400, 401, 404, 408, 413, 429}
    assert statuses[204] == 1_090  # those of a month ago, which are ignored
    assert growth < 0.05 * before
    log = running.log("api-server")
    assert webhook.hook_secret not in log
    assert "Traceback" not in log
    good = request_bytes(PATH, *delivery(webhook, an_event()))
    assert sorted(sender.send([good] * 3)) == [201, 204, 204]
    assert db_query("select count(*) from asset_event") == [(2,)]


@pytest.mark.timeout(600)
def test_deliveries_a_second_next_to_a_route_that_only_reads_the_body(receiving, recorded, capsys):
    airflow, _, webhook = receiving
    sender, number, rounds = Sender(port_of(airflow), connections=32), 1_000, 5
    rates = {"bare": [], "receiver": []}
    for _ in range(rounds + 1):
        deliveries = [delivery(webhook, an_event()) for _ in range(number)]
        for name, path, status in (("bare", "/bare/body", 204), ("receiver", PATH, 201)):
            requests_ = [request_bytes(path, body, headers) for body, headers in deliveries]
            began = time.perf_counter()
            assert set(sender.send(requests_)) == {status}
            rates[name].append(number / (time.perf_counter() - began))
    bare, receiver = (statistics.median(rates[name][1:]) for name in rates)  # the first round warms up
    with capsys.disabled():
        print(
            f"\nDeliveries a second: {receiver:.0f} recorded, {bare:.0f} only read, {receiver / bare:.2f} x"
        )
    assert len(recorded(f"minut://events/{NOISE}")) == number * (rounds + 1)
    assert receiver >= 0.3 * bare


@pytest.mark.timeout(900)
def test_from_delivery_to_queued_run(receiving, db_query, capsys):
    airflow, running, webhook = receiving
    running.start("scheduler", "dag-processor")
    wait_for(lambda: "Starting the scheduler" in running.log("scheduler"), 120)
    time.sleep(20)  # until it is idle
    sender = Sender(port_of(airflow), connections=1)
    waits = []
    for number in range(1, 101):
        sent_at = datetime.now(UTC)
        assert sender.send([request_bytes(PATH, *delivery(webhook, an_event()))]) == [201]
        query = "select queued_at from dag_run where dag_id = 'noise' order by queued_at desc"
        rows = wait_for(
            lambda: len(rows := db_query(query)) == number and rows,  # noqa: B023
            60,
            lambda: running.log("scheduler")[-3000:],
        )
        waits.append((rows[0][0] - sent_at).total_seconds())
        time.sleep(random.random())  # not in step with the scheduler's loop
    waits.sort()
    with capsys.disabled():
        print(f"\nDelivery to queued run: median {statistics.median(waits):.2f} s, p95 {waits[94]:.2f} s")
    assert statistics.median(waits) <= 1.2
    assert waits[94] <= 2


@pytest.mark.timeout(900)
def test_a_noise_becomes_an_alert_and_its_end_is_waited_for(deploy, db_query, tmp_path, capsys):
    """The example DAGs as they are, with the sandbox as Minut: registered, delivered, confirmed, waited for."""
    names = ("minut_webhooks", "minut_noise_alert", "minut_wait_for_quiet")
    other = HOME.replace("b001", "b002")
    with Sandbox(SandboxConfig(noisy_periods_per_day=0)) as minut:
        airflow, running = deploy(
            {name: (ROOT / "dags" / f"{name}.py").read_text() for name in names},
            AIRFLOW_CONN_MINUT_DEFAULT=minut.connection_json,
            AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION="False",
        )
        url = f"http://127.0.0.1:{port_of(airflow)}{PATH}"
        airflow.airflow("variables", "set", "minut_webhook_url", url)
        missed = minut.emit(NOISE, HOME)  # before the receiver runs
        running.start("api-server", "scheduler", "dag-processor", "triggerer")

        def scheduler():
            return running.log("scheduler")[-5000:]

        states = "select dag_id, state from dag_run"
        wait_for(lambda: ("minut_webhooks", "success") in db_query(states), 180, scheduler)
        # Airflow ignores events of an asset from before it parsed the asset's DAG, so new ones are delivered.
        noises = [minut.emit(NOISE, HOME, copies=2), minut.emit(NOISE, other)]
        results = "select count(*) from xcom where dag_id = %s and task_id = %s"
        wait_for(lambda: db_query(results, "minut_noise_alert", "confirm")[0][0] >= 2, 120, scheduler)
        deferred = (
            "select count(*) from task_instance where task_id = 'wait_for_quiet' and state = 'deferred'"
        )
        wait_for(lambda: db_query(deferred)[0][0] >= 2, 120, scheduler)
        for home_id in (HOME, other):
            minut.emit("noise_quieted", home_id)
        wait_for(lambda: db_query(results, "minut_wait_for_quiet", "tell")[0][0] >= 2, 180, scheduler)
        picture_of_the_asset(airflow, db_query, tmp_path)
        logs = [p.read_text() for p in Path(airflow.environment["AIRFLOW_HOME"], "logs").rglob("*.log")]
        alerts = Counter(re.findall(r"Noise in ([\w ]+) since", "\n".join(logs)))
        with capsys.disabled():
            print(f"\nAlerts: {dict(alerts)}")
        secret = minut._state.deliveries._hooks[minut.deliveries()[0].hook_id]["hook_secret"]
        components = ("api-server", "scheduler", "dag-processor", "triggerer")
        assert not [text for text in [*logs, *map(running.log, components)] if secret in text]
        known = Counter(
            e["event_id"] for (x,) in db_query("select extra from asset_event") for e in events_in(x)
        )
        assert {known[event_id] for event_id in noises} == {1}
        assert known[missed] <= 1
        assert {delivery_.status for delivery_ in minut.deliveries()} <= {201, 204}


def picture_of_the_asset(airflow, db_query, folder):
    """Take a screenshot of the asset in the UI: its DAGs, and its events."""
    uri = f"minut://events/{NOISE}"
    ((number,),) = db_query("select id from asset where uri = %s", uri)
    origin = airflow.environment["AIRFLOW__API__BASE_URL"]
    with open_page(f"{origin}/assets/{number}") as page:
        page.get_by_text("minut_wait_for_quiet").first.wait_for(timeout=60_000)
        page.get_by_text(uri).first.wait_for()
        page.wait_for_load_state("networkidle")
        page.screenshot(path=picture("assets.png", folder))
