"""The time of a transfer at the latency of a real API, next to what the rate limit allows.

The sandbox is a process of its own, behind a proxy that delays each response. Allowed is: 20 requests a
second, 120 in any minute, and the latency of the last one.

Run it with:  uvx nox -s bench -- latency            (six minutes)
"""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta

from airflow_provider_minut.api.client import MinutClient
from airflow_provider_minut.api.overlap import DEFAULT_MAX_IN_FLIGHT
from airflow_provider_minut.api.settings import ClientSettings
from airflow_provider_minut.api.shared_state.memory import MemoryState
from airflow_provider_minut.extraction.datasets import DATASETS
from airflow_provider_minut.extraction.extractor import Extractor, Selection
from tests.benchmarks.sandboxes import api, show
from tests.delays import DelayingProxy

PER_SECOND, PER_MINUTE = 20, 120


def allowed(requests, delay) -> float:
    """Return the seconds that this many requests need within the rate limit."""
    minutes, rest = divmod(requests - 1, PER_MINUTE)
    return minutes * 60 + (rest + 1) / PER_SECOND + delay


def transfer(requests, delay, *, max_in_flight=DEFAULT_MAX_IN_FLIGHT):
    """Read one sensor of as many devices as it takes; return the seconds, the requests and the counters."""
    # One request for the list of devices; the history is too short for the question whether it was cut.
    with (
        api(devices=requests - 1, homes=10, late_share=0) as (url, credentials, stats),
        DelayingProxy(url, delay) as proxy,
    ):
        now = datetime.now(UTC)
        client = MinutClient(
            credentials,
            ClientSettings(base_url=proxy.base_url),
            state=MemoryState(),
            max_in_flight=max_in_flight,
        )
        selection = Selection(start_at=now - timedelta(hours=2), end_at=now, sensors=["humidity"])
        started = time.monotonic()
        with client:
            for _ in DATASETS["readings"].rows(Extractor(client, selection)):
                pass
        seconds = time.monotonic() - started
        return seconds, client.request_count, stats()


def main() -> None:
    logging.getLogger("airflow_provider_minut").setLevel(logging.WARNING)
    for requests, delay, limit in ((117, 0.3, 1.3), (200, 0.8, 1.3), (400, 1.5, 1.05)):
        seconds, sent, stats = transfer(requests, delay)
        show(f"{requests} requests at {delay} s: seconds", f"{seconds:.2f}", "(compare)")
        show("  requests", sent, requests)
        show("  allowed", f"{allowed(requests, delay):.2f}", "(compare)")
        show("  ratio", f"{seconds / allowed(requests, delay):.3f}", f"<= {limit}")
        show("  429s", stats["statuses"].get("429", 0), "0")
        show("  most in a second / a minute", f"{stats['max_in_1s']} / {stats['max_in_60s']}", "20 / 120")


if __name__ == "__main__":
    main()
