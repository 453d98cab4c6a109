"""Arguments of operators and sensors as templates leave them, checked."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from airflow_provider_minut.exceptions import MinutConfigurationError


def checked_moment(name: str, value: Any) -> datetime:
    """Return an aware time, given as such or as text in ISO 8601.

    :param name: of the argument, for the error.
    :raises MinutConfigurationError: it is no time, or has no time zone.
    """
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    except (TypeError, ValueError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise MinutConfigurationError(name, "must be a time with a time zone, like 2026-06-01T00:00:00Z")
    return moment


def checked_names(name: str, values: Any) -> tuple[str, ...]:
    """Return a list of ids or names; none is an empty one.

    :param name: of the argument, for the error.
    :raises MinutConfigurationError: it is something else.
    """
    if isinstance(values, str) or not all(isinstance(value, str) for value in values or ()):
        raise MinutConfigurationError(name, f"must be a list of strings, is {type(values).__name__}")
    return tuple(values or ())
