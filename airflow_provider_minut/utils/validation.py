"""Validation of rendered arguments of operators and sensors."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from airflow_provider_minut.api.times import check_aware
from airflow_provider_minut.exceptions import MinutConfigurationError


def checked_time(name: str, value: Any) -> datetime:
    """Return an aware datetime, given as a datetime or ISO 8601 text.

    :param name: Name of the argument, for the error.
    :raises MinutConfigurationError: if it is not a time, or has no time zone.
    """
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        raise MinutConfigurationError(
            name, "must be a datetime or ISO 8601 text, like 2026-06-01T00:00:00Z"
        ) from None
    return check_aware(name, time)


def checked_share(name: str, value: Any) -> float | None:
    """Return a share, or ``None`` if there is none.

    :param name: Name of the argument, for the error.
    :raises MinutConfigurationError: if it is not a number from 0 to 1.
    """
    if value is not None and not (isinstance(value, int | float) and 0 <= value <= 1):
        raise MinutConfigurationError(name, "must be a number from 0 to 1")
    return value


def checked_names(name: str, values: Any) -> tuple[str, ...]:
    """Return IDs or names as a tuple, which is empty for ``None``.

    :param name: Name of the argument, for the error.
    :raises MinutConfigurationError: if it is not a list of strings.
    """
    if isinstance(values, str) or not all(isinstance(value, str) for value in values or ()):
        raise MinutConfigurationError(name, f"must be a list of strings, not {type(values).__name__}")
    return tuple(values or ())
