from __future__ import annotations

import contextlib

import pytest
import requests

from airflow_provider_minut.sandbox.running import Sandbox
from airflow_provider_minut.sandbox.state import SandboxConfig
from tests.unit.sandbox.support import Api, StillClock


@pytest.fixture
def clock():
    return StillClock()


@pytest.fixture
def api(clock):
    """Start sandboxes whose clock stands still, and return what asks them."""
    with contextlib.ExitStack() as stack:

        def start(**config):
            return stack.enter_context(serve(clock, **config))

        yield start


@pytest.fixture(scope="module")
def quiet():
    """One sandbox for all tests of a module that leave it as it was."""
    with serve(StillClock(), spells_per_day=3) as asked:
        yield asked


@contextlib.contextmanager
def serve(clock, **config):
    config = SandboxConfig(rate_limit=False, token_lifetime=10**7, **config)
    with Sandbox(config, clock=clock) as sandbox, requests.Session() as session:
        yield Api(sandbox, session)
