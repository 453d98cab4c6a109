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

    Both are needed: processes share only wall time, and wall time can be set back or forward.
    """

    def time(self) -> float:
        """Return the wall time, in seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds of a clock that is never set; not comparable between processes."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Sleep. A signal handler that raises (Airflow's SIGTERM and task timeout) ends it."""
        time.sleep(seconds)


SYSTEM_CLOCK = Clock()
RANDOM_JITTER: Jitter = random.uniform  # noqa: S311 - only spreads load; nothing depends on that it cannot be guessed
