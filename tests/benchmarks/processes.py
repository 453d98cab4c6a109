"""What many processes of one user cost Minut: token requests, requests in a window, and who gets a turn.

Children are forked, as Airflow's task processes are. The sandbox is a process of its own, and its
counters are the proof.

Run it with:  uv run python -m tests.benchmarks.processes            (five minutes)
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import statistics
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from airflow_provider_minut.api.auth import ClientCredentials
from airflow_provider_minut.api.client import MinutClient
from airflow_provider_minut.api.file_state import FileState
from airflow_provider_minut.api.settings import ClientSettings
from airflow_provider_minut.sandbox.running import Sandbox
from airflow_provider_minut.sandbox.state import SandboxConfig

fork = multiprocessing.get_context("fork")
NO_LIMIT = {"requests_per_second": 10**4, "requests_per_minute": 10**4}


def serve(pipe, config) -> None:
    with Sandbox(config) as sandbox:
        pipe.send((sandbox.base_url, sandbox.client_id, sandbox.client_secret))
        while pipe.recv() == "stats":
            pipe.send(sandbox.stats())


@contextmanager
def api(**config):
    """Run a sandbox and an empty state directory; give a way to make clients, and to read the counters."""
    ours, theirs = fork.Pipe()
    process = fork.Process(target=serve, args=(theirs, SandboxConfig(**config)))
    process.start()
    base_url, client_id, client_secret = ours.recv()

    def stats():
        ours.send("stats")
        return ours.recv()

    with tempfile.TemporaryDirectory() as folder:

        def client(**settings):
            place = FileState(Path(folder) / "state")
            credentials = ClientCredentials(client_id, client_secret)
            return MinutClient(credentials, ClientSettings(base_url=base_url, **settings), state=place)

        yield client, stats
    ours.send("stop")
    process.join()


def run(target, *args):
    process = fork.Process(target=target, args=args)
    process.start()
    return process


def one_lifetime(processes=1000, at_once=64) -> None:
    with api(rate_limit=False) as (client, stats):

        def task():
            client(**NO_LIMIT).get_current_user()

        running, failed = [], 0
        for number in range(processes + at_once):
            if len(running) == at_once or number >= processes:
                running[0].join()
                failed += running.pop(0).exitcode != 0
            if number < processes:
                running.append(run(task))
        show(f"token requests of {processes} processes, {at_once} at a time", stats()["token_requests"], "1")
        show("  of which failed", failed, "0")


def short_tokens(processes=8, seconds=60, lifetime=6) -> None:
    results = fork.SimpleQueue()
    with api(rate_limit=False, token_lifetime=lifetime) as (client, stats):

        def task():
            mine, end, failed, longest = client(**NO_LIMIT), time.monotonic() + seconds, 0, 0.0
            mine.get_access_token()
            while time.monotonic() < end:
                started = time.perf_counter()
                mine.get_access_token()
                longest = max(longest, time.perf_counter() - started)
                try:
                    mine.get_current_user()
                except Exception:
                    failed += 1
                time.sleep(0.05)
            results.put((failed, longest))

        running = [run(task) for _ in range(processes)]
        outcomes = [results.get() for _ in running]
        for process in running:
            process.join()
        lifetimes = seconds / lifetime
        show(
            f"token requests of {processes} processes in {lifetimes:.0f} lifetimes",
            stats()["token_requests"],
            f"<= {lifetimes + 1:.0f}",
        )
        show("  calls that failed", sum(failed for failed, _ in outcomes), "0")
        show(
            "  longest wait for a token, ms",
            f"{max(longest for _, longest in outcomes) * 1000:.0f}",
            "no renewal",
        )


def full_speed(processes=8, seconds=180) -> None:
    results = fork.SimpleQueue()
    with api() as (client, stats):

        def task():
            mine, end, calls = client(deadline=120.0), time.monotonic() + seconds, 0
            while time.monotonic() < end:
                mine.get_current_user()
                calls += time.monotonic() < end
            results.put(calls)

        running = [run(task) for _ in range(processes)]
        calls = [results.get() for _ in running]
        for process in running:
            process.join()
        counted = stats()
        show(
            f"429s for {processes} processes at full speed, {seconds} s",
            counted["statuses"].get("429", 0),
            "0",
        )
        show("  most in a second / a minute", f"{counted['max_in_1s']} / {counted['max_in_60s']}", "20 / 120")
        show("  share of the permitted requests", f"{sum(calls) / (seconds / 60 * 120):.1%}", ">= 97 %")
        show("  slowest process against the mean", f"{min(calls) / statistics.mean(calls):.2f}", ">= 0.5")


def killed_renewers(times=50) -> None:
    longest, failed = 0.0, 0
    for _ in range(times):
        with api(rate_limit=False) as (client, _stats):

            def task(client=client):
                client(**NO_LIMIT).get_current_user()

            victim = run(task)
            time.sleep(random.uniform(0, 0.03))
            others = [run(task) for _ in range(4)]
            time.sleep(random.uniform(0, 0.03))
            os.kill(victim.pid, signal.SIGKILL)
            killed = time.monotonic()
            for process in others:
                process.join(30)
                failed += process.exitcode != 0
            longest = max(longest, time.monotonic() - killed)
            victim.join()
    show(f"longest stop after SIGKILL of the first, {times} times, s", f"{longest:.2f}", "<= 5")
    show("  others that failed", failed, "0")


def show(what, measured, asked) -> None:
    print(f"{what:62}{measured!s:>12}   asked: {asked}", flush=True)


def main() -> None:
    one_lifetime()
    short_tokens()
    killed_renewers()
    full_speed()


if __name__ == "__main__":
    main()
