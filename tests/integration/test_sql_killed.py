"""A load that is killed leaves whole transactions behind and no staging table; the next one completes it."""

from __future__ import annotations

import multiprocessing
import random
import time
from contextlib import ExitStack

import pytest

from airflow_provider_minut.loading.sql import CHUNK_ROWS
from tests.databases import SERVERS, load, on, use_psycopg2

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

spawn = multiprocessing.get_context("spawn")
DEVICES = 30
ROWS = DEVICES * 1_500
OLD, NEW = 1.0, 2.0
UPSERTS = ("ON CONFLICT", "ON DUPLICATE KEY")
# Each row takes a while longer to be inserted or updated.
SLOW = {
    "postgresql": (
        "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS "  # noqa: ISC004 - one of two statements
        "'BEGIN PERFORM pg_sleep(0.0001); RETURN NEW; END'",
        "CREATE TRIGGER slow BEFORE INSERT ON minut_latest FOR EACH ROW EXECUTE FUNCTION wait()",
    ),
    "mysql": ("CREATE TRIGGER slow BEFORE INSERT ON minut_latest FOR EACH ROW SET @waited = SLEEP(0.0001)",),
}


def load_latest(psycopg2):
    with ExitStack() as stack:
        if psycopg2:
            use_psycopg2(stack.enter_context(pytest.MonkeyPatch.context()))
        load("latest")


@pytest.fixture
def start_load(account, database, request):
    """Return a function that starts a load in a process of its own, after a first one and with new values."""
    set_value(account, OLD)
    load("latest", create_table=True)

    def start():
        account.requests.clear()
        is_psycopg2 = "psycopg2" in request.node.callspec.id
        process = spawn.Process(target=load_latest, args=(is_psycopg2,))
        process.start()
        return process

    return start


def set_value(account, value):
    """Let each sensor of each device have this latest value."""
    latest = {
        f"sensor-{n:04}": {"time": "2026-06-01T00:00:00Z", "value": value} for n in range(ROWS // DEVICES)
    }
    account.devices = [
        {"device_id": f"device-{n:02}", "latest_sensor_values": latest} for n in range(DEVICES)
    ]


def wait_for_request(account, process):
    while not account.requests:
        assert process.is_alive()
        time.sleep(0.01)


def counts(database):
    return dict(database.rows("SELECT value, count(*) FROM minut_latest GROUP BY value"))


def is_staging(sessions):
    return any(
        "STAGE" in text and not text.startswith(("CREATE", "DROP")) for text in sessions
    ) and not is_upsert(sessions)


def is_upsert(sessions):
    return any(name in text for text in sessions for name in UPSERTS)


@on(*SERVERS)
@pytest.mark.parametrize("is_time", [is_staging, is_upsert], ids=["staging", "upsert"])
def test_killed_load_is_a_whole_number_of_transactions(account, database, start_load, is_time):
    set_value(account, NEW)
    if is_time is is_upsert:
        database.execute(*SLOW[database.dialect])
    process = start_load()
    # Before the first request, it tries both too.
    while not (account.requests and is_time([text.upper() for text in database.sessions()])):
        assert process.is_alive()
    process.kill()
    process.join()
    while database.sessions():  # the server finishes a statement before it finds out
        time.sleep(0.05)
    if is_time is is_upsert:
        database.execute("DROP TRIGGER slow" + " ON minut_latest" * (database.dialect == "postgresql"))
    found = counts(database)
    assert sum(found.values()) == ROWS
    assert found.get(NEW, 0) % CHUNK_ROWS == 0
    assert found[OLD]
    assert database.tables() == ["minut_latest"]
    process = start_load()
    process.join()
    assert process.exitcode == 0
    assert counts(database) == {NEW: ROWS}
    assert database.tables() == ["minut_latest"]


@on("duckdb", "sqlite")
def test_load_killed_at_any_time_is_a_whole_number_of_transactions(account, database, start_load):
    process = start_load()
    wait_for_request(account, process)
    began = time.monotonic()
    process.join()
    assert process.exitcode == 0
    length = time.monotonic() - began
    randomness = random.Random(3)
    set_value(account, NEW)
    for _ in range(5):
        process = start_load()
        wait_for_request(account, process)
        time.sleep(length * randomness.uniform(0.1, 0.95))
        process.kill()
        process.join()
        found = counts(database)
        assert sum(found.values()) == ROWS
        assert found.get(NEW, 0) % CHUNK_ROWS == 0 or found == {NEW: ROWS}
        assert database.tables() == ["minut_latest"]
    process = start_load()
    process.join()
    assert process.exitcode == 0
    assert counts(database) == {NEW: ROWS}
