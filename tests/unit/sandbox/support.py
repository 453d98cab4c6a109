"""Helpers shared by the tests of the sandbox."""

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
    """A stopped clock, in seconds since the epoch: 2027-01-15 08:00 UTC."""

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
        response = session.post(f"{sandbox.base_url}/oauth/token", data=FORM, auth=user, timeout=5)
        session.headers["Authorization"] = f"Bearer {response.json()['access_token']}"

    def request(self, method, path, **kwargs):
        return self.session.request(method, self.sandbox.base_url + path, timeout=10, **kwargs)

    def get(self, path, **params):
        response = self.request("GET", path, params=params)
        assert response.status_code == 200, response.text
        return response.json()

    def error(self, method, path, status=400, **kwargs):
        response = self.request(method, path, **kwargs)
        body = response.json()
        assert response.status_code == body["status"] == status, response.text
        assert body["error_key"]
        return body["message"]


def from_ms(ms):
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)


def iso(ms):
    return from_ms(ms).isoformat()


def to_ms(text):
    return round(datetime.fromisoformat(text).timestamp() * 1000)


@contextlib.contextmanager
def serve(clock, **config):
    """Run a sandbox without a rate limit and with long-lived tokens."""
    config = SandboxConfig(rate_limit=False, token_lifetime=10**7, **config)
    with Sandbox(config, clock=clock) as sandbox, requests.Session() as session:
        yield Api(sandbox, session)
