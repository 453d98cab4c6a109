"""What several tests of the sandbox need."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta

import requests

from airflow_provider_minut.sandbox.config import SandboxConfig
from airflow_provider_minut.sandbox.sandbox import Sandbox

HOME = "64aa0000000000000000b001"
DEVICE = "64aa0000000000000000d001"
HOUR = 3_600_000
DAY = 24 * HOUR
FORM = {"grant_type": "client_credentials", "response_type": "token"}


class StillClock:
    """Seconds since the epoch, which stand still: 2027-01-15 08:00 UTC."""

    now = 1_800_000_000.0

    def __call__(self):
        return self.now

    @property
    def ms(self):
        return int(self.now * 1000)


class Api:
    """A sandbox and a session with a valid token."""

    def __init__(self, sandbox, session):
        self.sandbox = sandbox
        self.session = session
        user = (sandbox.client_id, sandbox.client_secret)
        reply = session.post(f"{sandbox.base_url}/oauth/token", data=FORM, auth=user, timeout=5)
        session.headers["Authorization"] = f"Bearer {reply.json()['access_token']}"

    def ask(self, method, path, **kwargs):
        return self.session.request(method, self.sandbox.base_url + path, timeout=10, **kwargs)

    def get(self, path, **params):
        reply = self.ask("GET", path, params=params)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def error(self, method, path, status=400, **kwargs):
        reply = self.ask(method, path, **kwargs)
        body = reply.json()
        assert reply.status_code == body["status"] == status, reply.text
        assert body["error_key"]
        return body["message"]


def moment(ms):
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)


def iso(ms):
    return moment(ms).isoformat()


def to_ms(text):
    return round(datetime.fromisoformat(text).timestamp() * 1000)


@contextlib.contextmanager
def serve(clock, **config):
    """Run a sandbox without a rate limit, whose tokens last."""
    config = SandboxConfig(rate_limit=False, token_lifetime=10**7, **config)
    with Sandbox(config, clock=clock) as sandbox, requests.Session() as session:
        yield Api(sandbox, session)
