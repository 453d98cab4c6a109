from __future__ import annotations

import contextlib

import pytest

from tests.unit.sandbox.support import StillClock, serve


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
    with serve(StillClock(), noisy_periods_per_day=3) as asked:
        yield asked
