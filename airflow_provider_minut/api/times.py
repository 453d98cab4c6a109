"""Times, as Minut writes them: ISO 8601 in UTC, with milliseconds or without."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from airflow_provider_minut.exceptions import MinutConfigurationError


def check_aware(name: str, moment: datetime) -> datetime:
    """Return ``moment`` if it says which time zone it is in.

    :param name: of the argument, for the error.
    :raises MinutConfigurationError: it is naive, no datetime, or at the very end of what a datetime can hold.
    """
    if not isinstance(moment, datetime):
        raise MinutConfigurationError(
            name, f"must be a datetime with a time zone, is {type(moment).__name__}"
        )
    if moment.utcoffset() is None:
        raise MinutConfigurationError(name, "has no time zone; give one, like tzinfo=datetime.UTC")
    if moment.year in {1, 9999}:  # in UTC it may be in no year at all
        raise MinutConfigurationError(name, f"must be in a year that can be, is in {moment.year}")
    return moment


def to_text(moment: datetime) -> str:
    """Return an aware time in Minut's notation, like ``2026-06-01T10:00:00.000Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_text(text: Any) -> datetime | None:
    """Return the time that Minut wrote, aware; ``None`` if it is no time."""
    try:
        moment = datetime.fromisoformat(text)
        # Documented: all times are UTC.
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (OverflowError, TypeError, ValueError):
        return None


def parse_fields(item: dict[str, Any], names: Iterable[str]) -> None:
    """Replace the text in these fields by datetimes. What is missing, or no time, stays as it came."""
    for name in names:
        moment = from_text(item.get(name))
        if moment:
            item[name] = moment
