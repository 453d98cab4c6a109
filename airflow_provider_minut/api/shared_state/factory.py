"""Opens the shared state that the option ``[minut] shared_state`` names."""

from __future__ import annotations

import functools
from pathlib import Path
from urllib.parse import unquote, urlsplit

from airflow_provider_minut.api.shared_state.base import SharedState
from airflow_provider_minut.api.shared_state.file import FileState, default_directory
from airflow_provider_minut.api.shared_state.memory import PROCESS_STATE
from airflow_provider_minut.exceptions import MinutConfigurationError


@functools.cache
def open_shared_state(backend: str) -> SharedState:
    """Return a shared state; within a process always the same object for the same backend.

    :param backend: ``memory``, ``file`` (a private directory below the temporary directory),
        ``file:///path/of/a/directory``, or the URL of a Redis server (``redis://``, ``rediss://``).
    :raises MinutConfigurationError: if it is none of these. The message does not repeat it, because a URL
        may contain a password.
    """
    if backend == "memory":
        return PROCESS_STATE
    if backend == "file":
        return FileState(default_directory())
    parts = urlsplit(backend)
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
        return FileState(Path(unquote(parts.path)))
    if parts.scheme in {"redis", "rediss"}:
        return _open_redis(backend, FileState(default_directory()))
    raise MinutConfigurationError(
        "shared_state", "must be memory, file, file:///path/of/a/directory, or redis://host:port/database"
    )


def _open_redis(url: str, fallback: SharedState) -> SharedState:
    try:
        from airflow_provider_minut.api.shared_state.redis import RedisState
    except ImportError:
        raise MinutConfigurationError(
            "shared_state", "requires the redis library: pip install 'airflow-provider-minut[redis]'"
        ) from None
    return RedisState(url, fallback=fallback)
