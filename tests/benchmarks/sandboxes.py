"""A sandbox in a process of its own, for the benchmarks, and how they print."""

from __future__ import annotations

import multiprocessing
from contextlib import contextmanager

from airflow_provider_minut.api.auth.credentials import ClientCredentials
from airflow_provider_minut.sandbox.config import SandboxConfig
from airflow_provider_minut.sandbox.sandbox import Sandbox

fork = multiprocessing.get_context("fork")


def serve(pipe, config) -> None:
    with Sandbox(config) as sandbox:
        pipe.send((sandbox.base_url, sandbox.client_id, sandbox.client_secret))
        while pipe.recv() == "stats":
            pipe.send(sandbox.stats())


@contextmanager
def api(**config):
    """Run a sandbox; give its URL and credentials, and a way to read its counters."""
    ours, theirs = fork.Pipe()
    process = fork.Process(target=serve, args=(theirs, SandboxConfig(**config)))
    process.start()
    base_url, client_id, client_secret = ours.recv()

    def stats():
        ours.send("stats")
        return ours.recv()

    try:
        yield base_url, ClientCredentials(client_id, client_secret), stats
    finally:
        ours.send("stop")
        process.join()


def show(what, measured, asked) -> None:
    print(f"{what:62}{measured!s:>12}   asked: {asked}", flush=True)
