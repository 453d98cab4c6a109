from __future__ import annotations

import contextlib

import pytest

from tests.unit.sandbox.support import StillClock, serve


@pytest.fixture
def clock():
    return StillClock()


@pytest.fixture
def api(clock):
    """Return a function that starts a sandbox with a stopped clock and returns an API session."""
    with contextlib.ExitStack() as stack:

        def start(**config):
            return stack.enter_context(serve(clock, **config))

        yield start


@pytest.fixture(scope="module")
def quiet():
    """One sandbox for all tests of a module that do not change it."""
    with serve(StillClock(), noisy_periods_per_day=3) as client:
        yield client
