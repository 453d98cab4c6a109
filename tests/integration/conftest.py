from __future__ import annotations

import os

import pytest

from tests.databases import database, mariadb, postgres  # noqa: F401 - fixtures
from tests.made_up import MadeUpAccount
from tests.replay import ReplyServer
from tests.servers import RedisServer


@pytest.fixture
def redis_server(tmp_path):
    if not RedisServer.find():
        assert not os.environ.get("CI"), "CI has to have Redis"
        pytest.skip("Redis is not installed (Debian: apt install redis-server)")
    server = RedisServer(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def account(monkeypatch, tmp_path):
    """An empty account, which the connection minut_default points at."""
    account = MadeUpAccount()
    with ReplyServer(account.answer) as server:
        monkeypatch.setenv("AIRFLOW__MINUT__SHARED_STATE", f"file://{tmp_path}/state")
        monkeypatch.setenv("AIRFLOW_CONN_MINUT_DEFAULT", server.connection)
        yield account
