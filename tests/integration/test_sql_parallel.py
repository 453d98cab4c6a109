"""Loads at the same time, each in a process of its own, as Airflow runs mapped tasks: all succeed."""

from __future__ import annotations

import multiprocessing
import traceback
from contextlib import ExitStack

import pytest

from tests.databases import load, on, use_psycopg2
from tests.made_up import event

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

spawn = multiprocessing.get_context("spawn")
PROCESSES = 4
EVENTS = 1_000  # of each home
ROUNDS = {"psycopg2": 20, "psycopg3": 20, "mariadb": 20, "duckdb": 5, "sqlite": 5}


def work(pipe, barrier, psycopg2):
    """Load what the pipe says, at the same time as the other processes; answer with what went wrong."""
    with ExitStack() as stack:
        if psycopg2:
            use_psycopg2(stack.enter_context(pytest.MonkeyPatch.context()))
        while (arguments := pipe.recv()) is not None:
            barrier.wait(60)
            try:
                load("events", **arguments)
            except Exception:
                pipe.send(traceback.format_exc())
            else:
                pipe.send(None)


@pytest.fixture
def run_together(account, database, request):
    """Return a function that loads once in each process; it returns the errors."""
    barrier = spawn.Barrier(PROCESSES)
    is_psycopg2 = "psycopg2" in request.node.callspec.id
    pipes, processes = [], []
    for _ in range(PROCESSES):
        ours, theirs = spawn.Pipe()
        process = spawn.Process(target=work, args=(theirs, barrier, is_psycopg2))
        process.start()
        pipes.append(ours)
        processes.append(process)

    def run(arguments):
        for pipe, each in zip(pipes, arguments, strict=True):
            pipe.send(each)
        answers = [pipe.recv() for pipe in pipes]
        return [answer for answer in answers if answer]

    yield run
    for pipe in pipes:
        pipe.send(None)
    for process in processes:
        process.join(30)
        process.kill()


@pytest.fixture
def rounds(account, request):
    """Yield the number of each round; the type of all events is new in each."""
    account.add_homes(PROCESSES)

    def each():
        for number in range(ROUNDS[request.node.callspec.id.split("-")[0]]):
            for home in account.homes:
                account.events[home["home_id"]] = [
                    event(
                        f"{home['home_id']}-{n:04}",
                        home["home_id"],
                        f"2026-06-01T{n // 60:02}:{n % 60:02}:00Z",
                    )
                    | {"event_type": f"type-{number}"}
                    for n in range(EVENTS)
                ]
            yield number

    return each


def counts(database):
    return database.rows(
        "SELECT event_type, count(*), count(DISTINCT event_id) FROM minut_events GROUP BY event_type"
    )


def test_loads_of_different_homes_all_succeed(account, database, run_together, rounds):
    load("events", create_table=True)
    for number in rounds():
        assert run_together([{"home_ids": [home["home_id"]]} for home in account.homes]) == []
        assert counts(database) == [(f"type-{number}", PROCESSES * EVENTS, PROCESSES * EVENTS)]


def test_loads_of_the_same_homes_all_succeed(account, database, run_together, rounds):
    load("events", create_table=True)
    for number in rounds():
        assert run_together([{}] * PROCESSES) == []
        assert counts(database) == [(f"type-{number}", PROCESSES * EVENTS, PROCESSES * EVENTS)]


def test_first_runs_all_succeed(account, database, run_together, rounds):
    for number in rounds():
        database.execute("DROP TABLE IF EXISTS minut_events")
        assert run_together([{"create_table": True}] * PROCESSES) == []
        assert counts(database) == [(f"type-{number}", PROCESSES * EVENTS, PROCESSES * EVENTS)]
        assert database.tables() == ["minut_events"]


@on("psycopg3", "mariadb")
def test_runs_that_add_the_same_columns_all_succeed(account, database, run_together, rounds):
    kind = "VARCHAR(100)"
    for number in rounds():
        database.execute("DROP TABLE IF EXISTS minut_events")
        database.execute(f"CREATE TABLE minut_events (event_id {kind} PRIMARY KEY, home_id {kind})")
        assert run_together([{"create_table": True}] * PROCESSES) == []
        assert counts(database) == [(f"type-{number}", PROCESSES * EVENTS, PROCESSES * EVENTS)]
