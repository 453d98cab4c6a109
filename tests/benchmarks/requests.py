"""The cost of a request through the client, compared with a bare keep-alive requests.Session.

The server is a process of its own, answers in one segment and sets TCP_NODELAY (asyncio does): a
delayed acknowledgement would add 40 ms and drown what is measured. The two take turns, so that
whatever else the machine does meets both.

Run it with:  uvx nox -s bench -- requests
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import socket
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path

import requests

from airflow_provider_minut.api import rate_limiter
from airflow_provider_minut.api.auth.credentials import ClientCredentials
from airflow_provider_minut.api.client import MinutClient
from airflow_provider_minut.api.settings import ClientSettings
from airflow_provider_minut.api.shared_state.file import FileState
from airflow_provider_minut.api.shared_state.redis import RedisState
from airflow_provider_minut.utils.metrics import count
from tests.servers import RedisServer

ROUNDS, CALLS = 40, 50
USER = b'{"user_id": "64aa0000000000000000a001", "fullname": "Alex", "email": "alex@minut.example"}'
TOKEN = b'{"access_token": "token", "token_type": "Bearer", "expires_in": 3600}'

# The rate limiter has as many reservations as at Minut's limits, but no window is ever full.
NO_LIMIT = {"requests_per_second": 120, "requests_per_minute": 120}
rate_limiter.SECOND_WINDOW_SECONDS, rate_limiter.MINUTE_WINDOW_SECONDS = 0.0, 0.0


class Answer(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        body = TOKEN if data.startswith(b"POST") else USER
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        self.transport.write(head + body)


def serve(port) -> None:
    async def run():
        server = await asyncio.get_running_loop().create_server(Answer, "127.0.0.1", 0)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


def send_metrics_to(receiver) -> None:
    """Send Airflow's metrics to a socket, as in a task."""
    os.environ |= {
        "AIRFLOW__METRICS__STATSD_ON": "True",
        "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
        "AIRFLOW__METRICS__STATSD_PORT": str(receiver.getsockname()[1]),
    }
    import airflow.sdk.serde  # noqa: F401 - sets them up when it is imported


def microseconds(call) -> float:
    started = time.perf_counter()
    for _ in range(CALLS):
        call()
    return (time.perf_counter() - started) / CALLS * 1e6


def main() -> None:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=serve, args=(theirs,), daemon=True)
    process.start()
    base_url = f"http://127.0.0.1:{ours.recv()}/v8"
    bare = requests.Session()
    headers = {"Authorization": "Bearer token"}
    credentials, settings = ClientCredentials("id", "secret"), ClientSettings(base_url=base_url, **NO_LIMIT)
    folder = tempfile.TemporaryDirectory()
    alone = MinutClient(credentials, settings)
    shared = MinutClient(credentials, settings, state=FileState(Path(folder.name) / "state"))
    observed = MinutClient(
        credentials,
        settings,
        state=FileState(Path(folder.name) / "state"),
        observe=partial(count, "minut_default"),
    )
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind(("127.0.0.1", 0))
    send_metrics_to(receiver)
    redis = RedisServer(folder.name)
    cluster = MinutClient(
        credentials, settings, state=RedisState(redis.url, fallback=FileState(Path(folder.name) / "other"))
    )
    subjects = {
        "requests.Session": lambda: bare.get(f"{base_url}/users/me", headers=headers, timeout=30).json(),
        "MinutClient.request, memory": lambda: alone.request("GET", "/users/me"),
        "MinutClient.request, file": lambda: shared.request("GET", "/users/me"),
        "MinutClient.request, file, statsd": lambda: observed.request("GET", "/users/me"),
        "MinutClient.request, redis": lambda: cluster.request("GET", "/users/me"),
    }
    times: dict[str, list[float]] = {name: [] for name in subjects}
    for call in subjects.values():
        microseconds(call)  # warm up
    for _ in range(ROUNDS):
        for name, call in subjects.items():
            times[name].append(microseconds(call))
    first = statistics.median(times["requests.Session"])
    print(f"{'one GET on loopback, kept alive':34}{'median us':>12}{'ratio':>8}")
    for name, measured in times.items():
        median = statistics.median(measured)
        print(f"{name:34}{median:12.0f}{median / first:8.2f}")
    receiver.setblocking(False)
    print("metrics arrive:", any(b".minut." in receiver.recv(1024) for _ in range(10)))
    process.terminate()
    redis.stop()


if __name__ == "__main__":
    main()
