"""Times of Minut: ISO 8601 in UTC, with or without milliseconds; and whole seconds or milliseconds.

That all times are in UTC is documented (developer.minut.com, API information). Public clients of v8 and v1
have seen whole seconds since the epoch; milliseconds are an inference.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from airflow_provider_minut.exceptions import MinutConfigurationError

# A number of seconds from here on would be after the year 5000.
FIRST_MILLISECONDS = 10**11
# A number outside of these years is a count or an ID, not a time.
MIN_EPOCH_YEAR, MAX_EPOCH_YEAR = 2001, 2100
# Shorter text of digits is an ISO 8601 date, like 20260601.
MIN_EPOCH_DIGITS = 9


def check_aware(name: str, time: datetime) -> datetime:
    """Return ``time`` if it has a time zone.

    :param name: Name of the argument, for the error.
    :raises MinutConfigurationError: if it is naive, not a datetime, or in the first or last year of Python.
    """
    if not isinstance(time, datetime):
        raise MinutConfigurationError(name, f"must be a datetime, not {type(time).__name__}")
    if time.utcoffset() is None:
        raise MinutConfigurationError(name, "must have a time zone, like 2026-06-01T00:00:00+00:00")
    if time.year in {1, 9999}:  # in UTC, its year may be out of range
        raise MinutConfigurationError(name, f"must be between the years 2 and 9998, not in {time.year}")
    return time


def to_text(time: datetime) -> str:
    """Return an aware time in Minut's format, like ``2026-06-01T10:00:00.000Z``."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_text(text: Any) -> datetime | None:
    """Return the time that Minut sent, aware; ``None`` if it is not a time."""
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is UTC:
            return time
        # Minut documents that all times are in UTC.
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (OverflowError, TypeError, ValueError):
        return None


def parse_time(value: Any) -> datetime | None:
    """Return the time that Minut sent in any form, aware; ``None`` if it is not a time.

    :param value: ISO 8601 text, or seconds or milliseconds since the epoch as a number or text.
    """
    if isinstance(value, str):
        if not (value.isdecimal() and len(value) >= MIN_EPOCH_DIGITS):
            return from_text(value)
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        seconds = value / 1000 if value >= FIRST_MILLISECONDS else value
        time = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None
    return time if MIN_EPOCH_YEAR <= time.year <= MAX_EPOCH_YEAR else None


def parse_fields(item: dict[str, Any], names: Iterable[str]) -> None:
    """Replace these fields with datetimes. A value that is missing or not a time is unchanged."""
    for name in names:
        time = parse_time(item.get(name))
        if time:
            item[name] = time
