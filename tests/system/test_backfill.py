"""A year of a hundred devices, killed at ten random points: a restart asks for what is missing, not again."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from datetime import UTC, datetime

import psycopg2
import pytest

from airflow_provider_minut.sandbox.config import SandboxConfig
from airflow_provider_minut.sandbox.sandbox import Sandbox
from airflow_provider_minut.sandbox.simulation.readings import Readings
from tests.conftest import ROOT

DEVICES, SENSORS, MONTHS, KILLS = 100, 4, 12, 10
# Forty-two million readings of five minutes would take hours here: each of these stands for 24 of them.
SECONDS = 7200
NO_LIMIT = {"requests_per_second": 10**6, "requests_per_minute": 10**6}
END = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
START = END.replace(year=END.year - 1)
SUMMARY = (
    "SELECT count(*), count(DISTINCT (device_id, sensor, time)), sum(value), min(time), max(time) "
    "FROM minut_readings"
)


def quick_history(_readings, _sensor, device, query, uploaded):
    """Readings that cost the sandbox nothing, because it and the loads share the processors."""
    first = -(-query.start // query.resolution) * query.resolution
    until = min(query.end, uploaded[-1].stop)
    return [(begin, {"value": device}) for begin in range(first, until, query.resolution)]


@pytest.fixture
def api(monkeypatch):
    monkeypatch.setattr(Readings, "history", quick_history)
    with Sandbox(SandboxConfig(rate_limit=False, homes=50, devices=DEVICES)) as running:
        yield running


@pytest.fixture
def start(api, postgres, tmp_path):
    """Return a function that starts the backfill in a process of its own."""
    user, _, rest = postgres.address.partition("@")
    environment = os.environ | {
        "AIRFLOW_CONN_MINUT_DEFAULT": json.dumps({**json.loads(api.connection_json), "extra": NO_LIMIT}),
        "AIRFLOW_CONN_MINUT_WAREHOUSE": f"postgres://{user}@{rest}",
        "AIRFLOW__MINUT__SHARED_STATE": f"file://{tmp_path}/state",
    }

    @contextmanager
    def start(folder):
        arguments = [str(folder or "-"), START.isoformat(), END.isoformat(), str(SECONDS)]
        with (tmp_path / "log.txt").open("a") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.system.backfill_run", *arguments],
                cwd=ROOT,
                env=environment,
                stdout=log,
                stderr=log,
            )
            try:
                yield process
            finally:
                process.kill()
                process.wait()

    return start


@pytest.fixture
def summary(postgres):
    """Return a function that returns how many rows there are, and empties the table."""

    def summary():
        with closing(psycopg2.connect(f"postgresql://{postgres.address}")) as connection:
            cursor = connection.cursor()
            cursor.execute(SUMMARY)
            found = cursor.fetchone()
            cursor.execute("DROP TABLE minut_readings")
            connection.commit()
            return found

    return summary


def requests(api):
    return sum(api.stats()["requests"].values())


def finish(start, folder):
    with start(folder) as process:
        assert process.wait(1500) == 0


@pytest.mark.long
@pytest.mark.timeout(3000)
def test_killed_backfill_continues(api, start, summary, tmp_path, capsys):
    began = time.monotonic()
    finish(start, None)
    undisturbed, seconds = requests(api), time.monotonic() - began
    complete = summary()
    readings = DEVICES * SENSORS * int((END - START).total_seconds() // SECONDS)
    assert complete[:2] == (readings, readings)
    assert undisturbed == pytest.approx(DEVICES * SENSORS * MONTHS, rel=0.01)
    ratios = {}
    for name in ("without a state store", "with the state store of tasks"):
        folder = tmp_path / "store" if name.startswith("with the") else None
        if folder:
            folder.mkdir()
        before = requests(api)
        for number, point in enumerate(points(undisturbed)):
            with start(folder) as process:
                while requests(api) - before < point + number:
                    assert process.poll() is None, (tmp_path / "log.txt").read_text()[-5_000:]
                    time.sleep(0.002)
                process.send_signal(signal.SIGKILL)
                process.wait()
        finish(start, folder)
        ratios[name] = (requests(api) - before) / undisturbed
        assert summary() == complete
    with capsys.disabled():
        print(f"\n{readings:,} readings, {undisturbed} requests, {seconds:.0f} s undisturbed; {ratios}")
    assert max(ratios.values()) <= 1.1


def points(total):
    """Return the numbers of requests after which to kill it."""
    randomness = random.Random(14)
    return sorted(randomness.randrange(1, total) for _ in range(KILLS))
