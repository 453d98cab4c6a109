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
        return "the memory of each process"

    def read(self, name: str) -> bytes | None:
        """Return the entry, or ``None`` if there is none."""
        return self._entries.get(name)

    def write(self, name: str, entry: bytes, *, lifetime: float) -> None:
        """Put ``entry`` in the place of what was there."""
        self._entries[name] = entry

    def update(self, name: str, change: Callable[[bytes], bytes]) -> None:
        """Replace the entry by what ``change`` makes of it, while nobody else can."""
        with self._locks[name]:
            self._entries[name] = change(self._entries.get(name, b""))

    @contextmanager
    def lock(self, name: str, *, timeout: float) -> Iterator[bool]:
        """Hold the lock ``name``; gives whether it was had within ``timeout`` seconds."""
        lock = self._locks[name]
        held = lock.acquire(timeout=timeout)
        try:
            yield held
        finally:
            if held:
                lock.release()

    def forget_locks(self) -> None:
        """Start with free locks: after a fork nobody is left to release those that were held."""
        self._locks.clear()


PROCESS_STATE = MemoryState()
os.register_at_fork(after_in_child=PROCESS_STATE.forget_locks)
