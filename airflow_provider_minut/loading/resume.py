"""Where a load goes on after a failure: a retry reads only what is missing.

Needs the state store of tasks, which Airflow has since 3.3. On older versions a retry reads everything again,
unless the table knows what is missing.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import asdict
from typing import Any, Protocol

from airflow_provider_minut.extraction.extractor import Done, Extractor

log = logging.getLogger(__name__)

KEY = "minut_progress"


class Store(Protocol):
    """The state store of a task, as ``context["task_state_store"]`` in Airflow 3.3."""

    def get(self, key: str) -> Any:
        """Return a value; ``None`` if there is none."""

    def set(self, key: str, value: Any) -> None:
        """Store a JSON value."""

    def delete(self, key: str) -> None:
        """Delete a value."""


class Resume:
    """Stores which homes or sensors are loaded, for the next attempt of the task.

    :param store: State store of the task; ``None`` if Airflow has none.
    :param extractor: The extraction; if an earlier attempt of the same one stored something, it continues
        there.
    """

    def __init__(self, store: Store | None, extractor: Extractor) -> None:
        self._store, self._extractor = store, extractor
        # Another time range, or other homes, are another extraction.
        self._selection = hashlib.sha256(repr(extractor.selection).encode()).hexdigest()[:16]
        stored = store.get(KEY) if store else None
        if isinstance(stored, dict) and stored.get("selection") == self._selection:
            extractor.done = Done(stored["position"], stored["unit"], tuple(stored["failed"]))
            log.info("Continuing after %s, which an earlier attempt of this task loaded.", stored["unit"])

    def save(self) -> None:
        """Store what is loaded. If that fails, the next attempt only reads more than it has to."""
        done = self._extractor.done
        if self._store is None or done is None:
            return
        try:
            self._store.set(KEY, {"selection": self._selection, **asdict(done), "failed": list(done.failed)})
        except Exception:
            log.warning("Failed to store the progress of this task in Airflow.", exc_info=True)

    def clear(self) -> None:
        """Forget the progress, because everything is loaded: a task that is cleared reads everything."""
        if self._store is not None and self._extractor.done is not None:
            self._store.delete(KEY)
