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
            config = SandboxConfig(rate_limit=False, **config)
            sandbox = stack.enter_context(Sandbox(config, clock=clock))
            return Api(sandbox, stack.enter_context(requests.Session()))

        yield start
