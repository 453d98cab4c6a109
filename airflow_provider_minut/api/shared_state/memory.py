"""A shared state in memory: for the threads of one process."""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from airflow_provider_minut.api.shared_state.reservations import ReservationLog


class MemoryState(ReservationLog):
    """Shared by the threads of one process."""

    def __init__(self) -> None:
        self._entries: dict[str, bytes] = {}
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def __str__(self) -> str:
        return "process memory"

    def read(self, name: str) -> bytes | None:
        """Return an entry; ``None`` if it is missing."""
        return self._entries.get(name)

    def write(self, name: str, entry: bytes, *, lifetime: float) -> None:
        """Replace an entry."""
        self._entries[name] = entry

    def update(self, name: str, change: Callable[[bytes], bytes]) -> None:
        """Replace an entry (empty if missing) by the result of ``change``, under a lock."""
        with self._locks[name]:
            self._entries[name] = change(self._entries.get(name, b""))

    @contextmanager
    def lock(self, name: str, *, timeout: float) -> Iterator[bool]:
        """Hold a lock; the context is ``False`` if it was not acquired within ``timeout`` seconds."""
        lock = self._locks[name]
        held = lock.acquire(timeout=timeout)
        try:
            yield held
        finally:
            if held:
                lock.release()

    def forget_locks(self) -> None:
        """Release all locks: after a fork, the threads that held them do not exist in the child."""
        self._locks.clear()


PROCESS_STATE = MemoryState()
os.register_at_fork(after_in_child=PROCESS_STATE.forget_locks)
