"""The options of the section ``[minut]`` in Airflow's configuration, each read here and nowhere else.

Their descriptions, which Airflow shows, are in :mod:`~airflow_provider_minut.get_provider_info`.
"""

from __future__ import annotations

from airflow.providers.common.compat.sdk import conf

SECTION = "minut"
DEFAULT_EVENT_POLL_SECONDS = 30.0  # seconds
MIN_EVENT_POLL_SECONDS = 1.0  # seconds


def shared_state() -> str:
    """Return the option ``shared_state``, the argument of :func:`open_shared_state`."""
    return conf.get(SECTION, "shared_state", fallback=None) or "file"


def event_poll_interval() -> float:
    """Return the seconds between two polls for events, at least 1."""
    interval: float = conf.getfloat(SECTION, "event_poll_interval", fallback=DEFAULT_EVENT_POLL_SECONDS)
    return max(interval, MIN_EVENT_POLL_SECONDS)
