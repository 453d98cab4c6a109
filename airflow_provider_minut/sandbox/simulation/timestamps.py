"""Times in the sandbox, as whole milliseconds since the epoch, and their format in the API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def to_iso(time_ms: int) -> str:
    """Return ``time_ms`` in the format of Minut: ISO 8601 in UTC with milliseconds and Z."""
    return to_datetime(time_ms).isoformat(timespec="milliseconds")[:-6] + "Z"


def to_datetime(time_ms: int) -> datetime:
    """Return ``time_ms`` as a ``datetime`` in UTC."""
    return _EPOCH + timedelta(milliseconds=time_ms)


def from_datetime(time: datetime) -> int:
    """Return milliseconds since the epoch, rounded up, so that comparisons with whole milliseconds are exact.

    :param time: an aware ``datetime``.
    :raises ValueError: if it has no time zone.
    """
    if time.utcoffset() is None:
        raise ValueError(f"time zone is missing: {time}")
    return -((_EPOCH - time) // _MILLISECOND)


HISTORY_START = from_datetime(datetime(2020, 1, 1, tzinfo=UTC))  # an assumption
