"""The delay of calls by token refreshes: many threads, short-lived tokens, and a slow token endpoint.

The sandbox runs in a process of its own and takes 200 ms for a token. A call that waited for one
would show it; a call that met a dead token would show a 401.

Run it with:  uvx nox -s bench -- refresh
"""

from __future__ import annotations

import asyncio
import multiprocessing
import threading
import time

from airflow_provider_minut.api.auth.credentials import ClientCredentials
from airflow_provider_minut.api.client import MinutClient
from airflow_provider_minut.api.settings import ClientSettings
from airflow_provider_minut.sandbox.config import SandboxConfig
from airflow_provider_minut.sandbox.sandbox import Sandbox
from airflow_provider_minut.sandbox.server import app as server

THREADS, SECONDS, LIFETIME, TOKEN_DELAY = 4, 30.0, 6, 0.2

NO_LIMIT = {"requests_per_second": 10**6, "requests_per_minute": 10**6}


def serve(pipe) -> None:
    answer = server._token

    async def slow_answer(state, request):
        await asyncio.sleep(TOKEN_DELAY)
        return await answer(state, request)

    server._token = slow_answer
    with Sandbox(SandboxConfig(token_lifetime=LIFETIME, rate_limit=False)) as sandbox:
        pipe.send((sandbox.base_url, sandbox.client_id, sandbox.client_secret))
        pipe.recv()
        pipe.send(sandbox.stats())


def main() -> None:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=serve, args=(theirs,))
    process.start()
    base_url, client_id, client_secret = ours.recv()
    client = MinutClient(
        ClientCredentials(client_id, client_secret), ClientSettings(base_url=base_url, **NO_LIMIT)
    )
    client.get_current_user()  # waits for the first token
    waits: list[float] = []
    failed: list[Exception] = []
    end = time.monotonic() + SECONDS

    def work() -> None:
        while time.monotonic() < end:
            started = time.perf_counter()
            client.get_access_token()
            waits.append(time.perf_counter() - started)
            try:
                client.get_current_user()
            except Exception as error:
                failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ours.send("stop")
    stats = ours.recv()
    process.join()
    delayed = sum(wait > TOKEN_DELAY / 2 for wait in waits)
    print(
        f"{THREADS} threads for {SECONDS:.0f} s, tokens of {LIFETIME} s, {TOKEN_DELAY * 1000:.0f} ms to get one"
    )
    print(f"calls {len(waits)}, failed {len(failed)}, delayed by a refresh {delayed}")
    print(f"longest wait for a token {max(waits) * 1000:.1f} ms")
    print(
        f"token requests {stats['token_requests']}, lifetimes {SECONDS / LIFETIME:.1f}, 401s {stats['statuses'].get('401', 0)}"
    )


if __name__ == "__main__":
    main()
