"""Bulk extraction: memory, speed compared with a bare loop, and use of the permitted rate limit.

The sandbox is a process of its own. Memory is what the kernel says of a fresh process that does nothing
else.

Run it with:  uvx nox -s bench -- extraction            (five minutes)
"""

from __future__ import annotations

import gzip
import json
import logging
import multiprocessing
import resource
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import requests

from airflow_provider_minut.api.auth.credentials import ClientCredentials
from airflow_provider_minut.api.client import MinutClient
from airflow_provider_minut.api.settings import ClientSettings
from airflow_provider_minut.extraction.datasets import DATASETS
from airflow_provider_minut.extraction.extractor import Extractor, Selection
from airflow_provider_minut.extraction.formats import COMPRESSION_LEVEL, FORMATS
from airflow_provider_minut.loading.files import replaced
from tests.benchmarks.sandboxes import api, show

spawn = multiprocessing.get_context("spawn")
END = datetime(2026, 11, 1, tzinfo=UTC)
HOME = "64aa0000000000000000b001"
PER_DAY = 1_000  # events
NO_LIMIT = {"requests_per_second": 10**6, "requests_per_minute": 10**6}


def extract(base_url, client_id, client_secret, days, path, settings=NO_LIMIT) -> tuple[int, int]:
    """Write the home's events of this many days; return the rows and the requests."""
    from airflow.sdk import ObjectStoragePath

    logging.getLogger("airflow_provider_minut").setLevel(logging.WARNING)
    client = MinutClient(
        ClientCredentials(client_id, client_secret), ClientSettings(base_url=base_url, **settings)
    )
    selection = Selection(start_at=END - timedelta(days=days), end_at=END, home_ids=[HOME])
    with client, replaced(ObjectStoragePath(path)) as file:
        extraction = Extractor(client, selection)
        dataset = DATASETS["events"]
        FORMATS["jsonl.gz"](dataset, dataset.rows(extraction), file)
    return extraction.row_count, extraction.request_count


def measured(pipe, *args) -> None:
    rows, _ = extract(*args)
    pipe.send((rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def memory(folder) -> None:
    found = []
    with api(rate_limit=False, homes=1, devices=1, noisy_periods_per_day=PER_DAY / 2, late_share=0) as (
        url,
        who,
        _,
    ):
        for days in (10_000 // PER_DAY, 1_000_000 // PER_DAY):
            ours, theirs = spawn.Pipe()
            arguments = (theirs, url, who.client_id, who.client_secret, days, str(folder / "events.gz"))
            process = spawn.Process(target=measured, args=arguments)
            process.start()
            found.append(ours.recv())
            process.join()
    (few, small), (many, large) = found
    show(f"peak memory, MB: {few:,} events", f"{small:.0f}", "(compare)")
    show(f"peak memory, MB: {many:,} events", f"{large:.0f}", f"<= {small + 30:.0f}")


def bare_loop(base_url, token, days, path) -> int:
    """The same extraction without this package, as a careful developer would write it."""
    rows, offset = 0, 0
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token}"
    times = {"start_at": (END - timedelta(days=days)).isoformat(), "end_at": END.isoformat()}
    with gzip.open(path, "wt", compresslevel=COMPRESSION_LEVEL) as file:
        while True:
            params = {**times, "limit": 100, "offset": offset}
            reply = session.get(f"{base_url}/homes/{HOME}/events", params=params, timeout=30)
            reply.raise_for_status()
            answer = json.loads(reply.content)
            for event in answer["home_events"]:
                file.write(json.dumps(event) + "\n")
                rows += 1
            offset += len(answer["home_events"])
            if offset >= answer["paging"]["total_count"]:
                return rows


def speed(folder, rounds=5, days=10) -> None:
    ours, bare = [], []
    with api(rate_limit=False, homes=1, devices=1, noisy_periods_per_day=PER_DAY / 2, late_share=0) as (
        url,
        who,
        _,
    ):
        client = MinutClient(who, ClientSettings(base_url=url, **NO_LIMIT))
        token = client.get_access_token()
        for _ in range(rounds):
            started = time.perf_counter()
            rows = bare_loop(url, token, days, folder / "bare.gz")
            middle = time.perf_counter()
            same, _ = extract(url, who.client_id, who.client_secret, days, str(folder / "events.gz"))
            ended = time.perf_counter()
            assert rows == same
            bare.append(rows / (middle - started))
            ours.append(rows / (ended - middle))
    first, second = statistics.median(bare), statistics.median(ours)
    show("events a second, bare requests + json + gzip", f"{first:.0f}", "(compare)")
    show("events a second into JSON Lines", f"{second:.0f}", ">= 0.8 x")
    show("  ratio", f"{second / first:.2f}", ">= 0.8")


def rate_limit_use(folder, seconds=180) -> None:
    with api(homes=1, devices=1, noisy_periods_per_day=PER_DAY / 2, late_share=0) as (url, who, stats):
        arguments = (url, who.client_id, who.client_secret, 365, str(folder / "year.gz"), {})
        process = spawn.Process(target=extract, args=arguments)
        process.start()
        while not stats()["requests"].get("GET /homes/{id}/events"):
            time.sleep(0.05)
        time.sleep(seconds)
        counted = stats()
        process.kill()
        process.join()
    share = sum(n for what, n in counted["requests"].items() if what.startswith("GET ")) / (
        seconds / 60 * 120
    )
    show(f"share of the permitted requests in a backfill, {seconds} s", f"{share:.1%}", ">= 97 %")
    show("  429s", counted["statuses"].get("429", 0), "0")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        speed(folder)
        memory(folder)
        rate_limit_use(folder)


if __name__ == "__main__":
    main()
