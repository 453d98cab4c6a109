"""Time as the package sees it, in one object, so that tests can own it."""

from __future__ import annotations

import time


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
