from __future__ import annotations

import os

import pytest

from tests.servers import RedisServer


@pytest.fixture
def redis_server(tmp_path):
    if not RedisServer.find():
        assert not os.environ.get("CI"), "CI has to have Redis"
        pytest.skip("Redis is not installed (Debian: apt install redis-server)")
    server = RedisServer(tmp_path)
    yield server
    server.stop()
