"""Time and randomness as the package sees them, injected so that tests can replace them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

# Returns a random number between its two arguments: clients that share a rate limit or a token should not
# act at the same time.
Jitter = Callable[[float, float], float]


class Clock:
    """The system's clocks.

    Two, because neither is enough: processes share wall time only, and wall time can step.
    """

    def time(self) -> float:
        """Return wall time, in seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds on a clock that never steps and means nothing in another process."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait. Signals (Airflow's kill, its task timeout) end the wait by raising."""
        time.sleep(seconds)


SYSTEM_CLOCK = Clock()
RANDOM_JITTER: Jitter = random.uniform  # noqa: S311 - spreads load, guards nothing
