"""Where those who use the same credentials meet: one token for all of them.

A shared state keeps small named entries and named locks. What an entry means, and when it is
renewed, is decided in :mod:`~airflow_provider_minut.api.auth`; here is only the place.
"""

from __future__ import annotations

import functools
import os
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from airflow_provider_minut.exceptions import MinutConfigurationError


class SharedState(Protocol):
    """Entries and locks that everybody who opens the same place shares."""

    def read(self, name: str) -> bytes | None:
        """Return the entry, or ``None`` if there is none."""

    def write(self, name: str, entry: bytes) -> None:
        """Put ``entry`` in the place of what was there."""

    def update(self, name: str, change: Callable[[bytes], bytes]) -> None:
        """Replace the entry (empty if there is none) by what ``change`` makes of it, while nobody else can.

        What ``change`` raises is raised, and the entry stays as it was.
        """

    def lock(self, name: str, *, timeout: float) -> AbstractContextManager[bool]:
        """Hold the lock ``name``; gives whether it was had within ``timeout`` seconds."""


class MemoryState:
    """Shared by the threads of one process."""

    def __init__(self) -> None:
        self._entries: dict[str, bytes] = {}
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def read(self, name: str) -> bytes | None:
        """Return the entry, or ``None`` if there is none."""
        return self._entries.get(name)

    def write(self, name: str, entry: bytes) -> None:
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


@functools.cache
def open_shared_state(place: str) -> SharedState:
    """Return the shared state at ``place``; in one process always the same one.

    :param place: ``memory``, ``file`` (a directory of this user's below the temporary directory), or
        ``file:///path/of/a/directory``.
    :raises MinutConfigurationError: if it is anything else.
    """
    from airflow_provider_minut.api.file_state import FileState, default_directory

    if place == "memory":
        return PROCESS_STATE
    if place == "file":
        return FileState(default_directory())
    parts = urlsplit(place)
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
        return FileState(Path(unquote(parts.path)))
    raise MinutConfigurationError("shared_state", "must be memory, file, or file:///path/of/a/directory")
