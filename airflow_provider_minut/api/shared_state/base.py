"""Where those who use the same credentials meet: one token for all of them.

A shared state keeps small named entries and named locks. What an entry means, and when it is
renewed, is decided in :mod:`~airflow_provider_minut.api.auth.provider`; here is only the place.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from airflow_provider_minut.api.shared_state.reservations import Rate, Reservations


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

    def reserve(self, name: str, rates: Sequence[Rate], *, now: float, within: float) -> float:
        """Take the next free slot in the log ``name``; return the seconds until it.

        :param rates: all of them are kept.
        :param now: seconds since the epoch, for a place without a clock of its own.
        :param within: if the slot is more seconds away, it is not taken.
        """

    def pause(self, name: str, seconds: float, *, now: float) -> None:
        """Let nobody take a slot in the log ``name`` that is less than ``seconds`` away."""

    def reservations(self, name: str, *, now: float) -> Reservations:
        """Return what is in the log ``name``."""
