"""The load of many processes of one user: token requests, requests in a window, and fairness.

Children are forked, as Airflow's task processes are. The sandbox is a process of its own, and its
counters are the proof. What is shared is in a directory, or in a real Redis; authlib shares nothing.

Run it with:  uvx nox -s bench -- processes            (six minutes)
"""

from __future__ import annotations

import multiprocessing
import random
import statistics
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from authlib.integrations.requests_client import OAuth2Session

from airflow_provider_minut.api.client import MinutClient
from airflow_provider_minut.api.settings import ClientSettings
from airflow_provider_minut.api.shared_state.file import FileState
from airflow_provider_minut.api.shared_state.redis import RedisState
from tests.benchmarks.sandboxes import api, show
from tests.servers import RedisServer

fork = multiprocessing.get_context("fork")
NO_LIMIT = {"requests_per_second": 10**4, "requests_per_minute": 10**4}


@contextmanager
def home(kind):
    """Give a way to open an empty shared state of this kind in each process."""
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder) / "state"
        if kind == "file":
            yield lambda: FileState(files)
            return
        server = RedisServer(folder)
        yield lambda: RedisState(server.url, fallback=FileState(files))
        server.stop()
        assert not files.exists(), "Redis failed, and files took over"


@contextmanager
def clients(kind, **config):
    """Run a sandbox and an empty shared state; give a way to make clients, and to read the counters."""
    with home(kind) as open_state, api(**config) as (base_url, credentials, stats):

        def client(**settings):
            return MinutClient(credentials, ClientSettings(base_url=base_url, **settings), state=open_state())

        yield client, stats


def run(target, *args):
    process = fork.Process(target=target, args=args)
    process.start()
    return process


def one_lifetime(kind, processes=1000, at_once=64) -> None:
    with clients(kind, rate_limit=False) as (client, stats):

        def task():
            client(**NO_LIMIT).get_current_user()

        failed = run_many(task, processes, at_once)
        show(f"{kind}: token requests of {processes} processes", stats()["token_requests"], "1")
        show("  of which failed", failed, "0")


def one_lifetime_with_authlib(processes=1000, at_once=64) -> None:
    with api(rate_limit=False) as (base_url, credentials, stats):

        def task():
            session = OAuth2Session(credentials.client_id, credentials.client_secret)
            session.fetch_token(
                f"{base_url}/oauth/token", grant_type="client_credentials", response_type="token"
            )
            session.get(f"{base_url}/users/me").raise_for_status()

        failed = run_many(task, processes, at_once)
        show(f"authlib: token requests of {processes} processes", stats()["token_requests"], "(compare)")
        show("  of which failed", failed, "(compare)")


def run_many(task, processes, at_once) -> int:
    running, failed = [], 0
    for number in range(processes + at_once):
        if len(running) == at_once or number >= processes:
            running[0].join()
            failed += running.pop(0).exitcode != 0
        if number < processes:
            running.append(run(task))
    return failed


def short_tokens(processes=8, seconds=60, lifetime=6) -> None:
    results = fork.SimpleQueue()
    with clients("file", rate_limit=False, token_lifetime=lifetime) as (client, stats):

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
            "no refresh",
        )


def full_speed(kind, processes=8, seconds=180) -> None:
    results = fork.SimpleQueue()
    with clients(kind) as (client, stats):

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
            f"{kind}: 429s for {processes} processes at full speed, {seconds} s",
            counted["statuses"].get("429", 0),
            "0",
        )
        show("  most in a second / a minute", f"{counted['max_in_1s']} / {counted['max_in_60s']}", "20 / 120")
        show("  share of the permitted requests", f"{sum(calls) / (seconds / 60 * 120):.1%}", ">= 97 %")
        show("  slowest process against the mean", f"{min(calls) / statistics.mean(calls):.2f}", ">= 0.5")


def killed_renewers(kind, times=50) -> None:
    longest, failed = 0.0, 0
    for _ in range(times):
        with clients(kind, rate_limit=False) as (client, _stats):

            def task(client=client):
                client(**NO_LIMIT).get_current_user()

            victim = run(task)
            time.sleep(random.uniform(0, 0.03))
            others = [run(task) for _ in range(4)]
            time.sleep(random.uniform(0, 0.03))
            victim.kill()
            killed = time.monotonic()
            for process in others:
                process.join(30)
                failed += process.exitcode != 0
            longest = max(longest, time.monotonic() - killed)
            victim.join()
    show(f"{kind}: longest stop after SIGKILL of the first, {times} times, s", f"{longest:.2f}", "<= 5")
    show("  others that failed", failed, "0")


def damaged_files(times=10_000) -> None:
    """Random bytes, a cut, or the content of another file, in any file of the directory."""
    rng, failed, longest = random.Random(1), 0, 0.0
    with api(rate_limit=False) as (base_url, credentials, stats), tempfile.TemporaryDirectory() as folder:
        settings = ClientSettings(base_url=base_url, **NO_LIMIT)
        state = FileState(Path(folder) / "state")
        for _ in range(times):
            started = time.perf_counter()
            with MinutClient(credentials, settings, state=state) as client:
                try:
                    client.get_current_user()
                except Exception:
                    failed += 1
            longest = max(longest, time.perf_counter() - started)
            files = [path for path in (Path(folder) / "state").iterdir() if path.stat().st_size]
            victim, other = rng.choice(files), rng.choice(files).read_bytes()
            old = victim.read_bytes()
            damages = [rng.randbytes(rng.randrange(400)), old[: rng.randrange(len(old))], other]
            victim.write_bytes(rng.choice(damages))
        show(f"calls that failed over {times} damaged files", failed, "0")
        show("  longest call, ms", f"{longest * 1000:.0f}", "no wait")
        show("  new tokens", stats()["token_requests"], "at most one each")


def main() -> None:
    for kind in ("file", "redis"):
        one_lifetime(kind)
    one_lifetime_with_authlib()
    short_tokens()
    for kind in ("file", "redis"):
        killed_renewers(kind)
    damaged_files()
    # Nearly all of it is waiting, so both at once.
    both = [run(full_speed, kind) for kind in ("file", "redis")]
    for process in both:
        process.join()


if __name__ == "__main__":
    main()
