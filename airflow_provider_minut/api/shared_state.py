"""Where those who use the same credentials meet: one token for all of them.

A shared state keeps small named entries and named locks. What an entry means, and when it is
renewed, is decided in :mod:`~airflow_provider_minut.api.auth`; here is only the place.
"""

from __future__ import annotations

import functools
import os
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from airflow_provider_minut.api.slots import Rate, Slots, UpdatedSlots
from airflow_provider_minut.exceptions import MinutConfigurationError


class SharedState(Protocol):
    """Entries and locks that everybody who opens the same place shares."""

    def __str__(self) -> str:
        """Say where it is, for people, without a password."""

    def read(self, name: str) -> bytes | None:
        """Return the entry, or ``None`` if there is none."""

    def write(self, name: str, entry: bytes, *, lifetime: float) -> None:
        """Put ``entry`` in the place of what was there; after ``lifetime`` seconds nobody needs it."""

    def lock(self, name: str, *, timeout: float) -> AbstractContextManager[bool]:
        """Hold the lock ``name``; gives whether it was had within ``timeout`` seconds."""

    def take_slot(self, name: str, rates: Sequence[Rate], *, now: float, within: float) -> float:
        """Take the next free slot in the log ``name``; return the seconds until it.

        :param rates: all of them are kept.
        :param now: seconds since the epoch, for a place without a clock of its own.
        :param within: if the slot is more seconds away, it is not taken.
        """

    def pause(self, name: str, seconds: float, *, now: float) -> None:
        """Let nobody take a slot in the log ``name`` that is less than ``seconds`` away."""

    def slots(self, name: str, *, now: float) -> Slots:
        """Return what is in the log ``name``."""


class MemoryState(UpdatedSlots):
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


@functools.cache
def open_shared_state(place: str) -> SharedState:
    """Return the shared state at ``place``; in one process always the same one.

    :param place: ``memory``, ``file`` (a directory of this user's below the temporary directory),
        ``file:///path/of/a/directory``, or the URL of a Redis (``redis://``, ``rediss://``).
    :raises MinutConfigurationError: if it is anything else. The text does not repeat it, since a URL
        may hold a password.
    """
    from airflow_provider_minut.api.file_state import FileState, default_directory

    if place == "memory":
        return PROCESS_STATE
    if place == "file":
        return FileState(default_directory())
    parts = urlsplit(place)
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
        return FileState(Path(unquote(parts.path)))
    if parts.scheme in {"redis", "rediss"}:
        return _open_redis(place, FileState(default_directory()))
    reason = "must be memory, file, file:///path/of/a/directory, or redis://host:port/database"
    raise MinutConfigurationError("shared_state", reason)


def _open_redis(url: str, fallback: SharedState) -> SharedState:
    try:
        from airflow_provider_minut.api.redis_state import RedisState
    except ImportError:
        reason = "needs the redis library: pip install 'airflow-provider-minut[redis]'"
        raise MinutConfigurationError("shared_state", reason) from None
    return RedisState(url, fallback=fallback)
