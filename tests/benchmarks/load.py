"""Loads into PostgreSQL, next to COPY and one upsert by hand: the same rows and tables, in the same process.

They take turns, into an empty table and then into a full one whose values changed. Memory is what the kernel
says of a fresh process that does nothing else.

Run it with:  uvx nox -s bench -- load            (ten minutes; fewer rows: -- load 40000)
"""

from __future__ import annotations

import csv
import io
import json
import logging
import multiprocessing
import os
import resource
import sys
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import islice

import psycopg2
from airflow.providers.postgres.hooks import postgres

from airflow_provider_minut.extraction.datasets import DATASETS
from airflow_provider_minut.loading.sql import SqlTable
from tests.benchmarks.processes import show
from tests.servers import PostgresServer

spawn = multiprocessing.get_context("spawn")
START = datetime(2026, 6, 1, tzinfo=UTC)
LOADED_AT = datetime(2026, 11, 1, tzinfo=UTC)
SENSORS = ("humidity", "motion_events", "sound_level", "temperature")
ROUNDS = 3
PIECE = 10_000  # rows
COLUMNS = ("device_id", "sensor", "time", "value", "additional_fields", "loaded_at")
UPSERT = (
    "INSERT INTO by_hand SELECT * FROM staged ON CONFLICT (device_id, sensor, time) DO UPDATE SET "  # noqa: S608 - of constants
    + ", ".join(f"{name} = excluded.{name}" for name in COLUMNS[3:])
)


def readings(count, offset):
    """Yield rows as the dataset does: device by device, sensor by sensor, 2,016 readings of each.

    :param offset: Added to all values.
    """
    for number in range(count):
        series, position = divmod(number, 2_016)
        device, sensor = divmod(series, len(SENSORS))
        yield {
            "device_id": f"64aa0000000000000000d{device:03x}",
            "sensor": SENSORS[sensor],
            "time": START + timedelta(minutes=5) * position,
            "value": offset + number % 500 / 10,
        }


def load_ours(rows):
    """Load with the provider."""
    hook = postgres.PostgresHook(postgres_conn_id="warehouse")
    table = SqlTable(hook, "ours", DATASETS["readings"], create=True, loaded_at=LOADED_AT)
    table.prepare()
    table.load(rows)


def load_by_hand(connection, rows):
    """Load as somebody would who knows the table, and the database."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE staged (LIKE by_hand) ON COMMIT DROP")
        iterator = iter(rows)
        while piece := list(islice(iterator, PIECE)):
            text = io.StringIO()
            csv.writer(text).writerows(
                (row["device_id"], row["sensor"], row["time"].isoformat(), row["value"], None, LOADED_AT)
                for row in piece
            )
            text.seek(0)
            cursor.copy_expert("COPY staged FROM STDIN (FORMAT csv)", text)
        cursor.execute(UPSERT)
    connection.commit()


def compare(connection, count, driver) -> None:
    best = {}
    for number in range(ROUNDS):
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE ours, by_hand")
        connection.commit()
        for offset, into in ((30.0, "empty"), (60.0, "full")):
            for name, load in (("ours", load_ours), ("by hand", lambda rows: load_by_hand(connection, rows))):
                began = time.perf_counter()
                load(readings(count, offset))
                taken = time.perf_counter() - began
                best[into, name] = min(taken, best.get((into, name), taken))
        assert contents(connection, "ours") == contents(connection, "by_hand"), number
    for into in ("empty", "full"):
        ours, by_hand = (count / best[into, name] for name in ("ours", "by hand"))
        what = f"{count:,} rows into the {into} table, {driver}, rows/s"
        show(f"{what}: by hand", f"{by_hand:,.0f}", "(compare)")
        show(f"{what}: ours", f"{ours:,.0f}", f">= {0.8 * by_hand:,.0f}")
        show("    ratio", f"{ours / by_hand:.2f}", ">= 0.80")


def contents(connection, table):
    with connection.cursor() as cursor:
        query = f"SELECT count(*), sum(value::numeric), min(time), max(time), max(loaded_at) FROM {table}"  # noqa: S608 - one of two
        cursor.execute(query)
        return cursor.fetchall()


def measured(pipe, count, has_psycopg3) -> None:
    logging.disable()
    postgres.USE_PSYCOPG3 = has_psycopg3
    load_ours(readings(count, 30.0))
    pipe.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def memory(connection, count, driver) -> None:
    found = []
    for rows in (10_000, count):
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE ours")
        connection.commit()
        ours, theirs = spawn.Pipe()
        process = spawn.Process(target=measured, args=(theirs, rows, postgres.USE_PSYCOPG3))
        process.start()
        found.append(ours.recv())
        process.join()
    small, large = found
    show(f"peak memory, MB: 10,000 rows, {driver}", f"{small:.0f}", "(compare)")
    show(f"peak memory, MB: {count:,} rows, {driver}", f"{large:.0f}", f"<= {small + 50:.0f}")


def main() -> None:
    logging.disable()
    server = PostgresServer()
    address = {"host": "127.0.0.1", "port": server.port, "login": "minut", "schema": "minut"}
    os.environ["AIRFLOW_CONN_WAREHOUSE"] = json.dumps({"conn_type": "postgres", **address})
    try:
        with closing(psycopg2.connect(f"postgresql://{server.address}")) as connection:
            load_ours([])
            with connection.cursor() as cursor:
                cursor.execute("CREATE TABLE by_hand (LIKE ours INCLUDING ALL)")
            connection.commit()
            for has_psycopg3, driver in ((True, "psycopg 3"), (False, "psycopg 2")):
                postgres.USE_PSYCOPG3 = has_psycopg3
                for count in map(int, sys.argv[1:] or (40_000, 1_000_000)):
                    compare(connection, count, driver)
                    memory(connection, count, driver)
    finally:
        server.stop()


if __name__ == "__main__":
    main()
