"""The interface of a shared state, through which clients with the same credentials share an access token.

A shared state stores small named entries and provides named locks. It does not interpret entries: when a
token is refreshed is decided in ``airflow_provider_minut.api.auth.provider``.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from airflow_provider_minut.api.shared_state.reservations import Rate, Reservations


class SharedState(Protocol):
    """Entries and locks, shared by all clients that open the same backend."""

    def __str__(self) -> str:
        """Return a description of the backend, without a password."""

    def read(self, name: str) -> bytes | None:
        """Return an entry; ``None`` if it is missing."""

    def write(self, name: str, entry: bytes, *, lifetime: float) -> None:
        """Replace an entry; it may be deleted after ``lifetime`` seconds."""

    def lock(self, name: str, *, timeout: float) -> AbstractContextManager[bool]:
        """Hold a lock; the context is ``False`` if it was not acquired within ``timeout`` seconds."""

    def reserve(self, name: str, rates: Sequence[Rate], *, now: float, within: float) -> float:
        """Reserve the next free time in a reservation log; return the seconds until it.

        :param name: Name of the log.
        :param rates: Rate limits; all of them apply.
        :param now: Seconds since the epoch, for a backend without its own clock.
        :param within: Maximum delay in seconds; nothing is reserved if the next free time is later.
        """

    def pause(self, name: str, seconds: float, *, now: float) -> None:
        """Allow no reservation in a log that is less than ``seconds`` ahead."""

    def postpone(self, name: str, seconds: float, *, age: float, now: float) -> None:
        """Move a reservation of the past to a later time of the past, because its request arrived late.

        :param name: Name of the log.
        :param seconds: How much later; less than ``age``.
        :param age: Seconds since the reserved time.
        :param now: Seconds since the epoch, for a backend without its own clock.
        """

    def reservations(self, name: str, *, now: float) -> Reservations:
        """Return the content of a reservation log."""
