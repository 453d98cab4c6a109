"""Moments as the sandbox counts them, whole milliseconds since the epoch, and as the API writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def to_iso(moment: int) -> str:
    """Return ``moment`` as Minut writes it: ISO 8601 in UTC with milliseconds and Z."""
    return (_EPOCH + timedelta(milliseconds=moment)).isoformat(timespec="milliseconds")[:-6] + "Z"


def from_datetime(moment: datetime) -> int:
    """Return an aware ``datetime``, rounded up, so that comparing whole milliseconds with it stays right.

    :raises ValueError: it has no time zone.
    """
    if moment.utcoffset() is None:
        text = f"a time without a time zone: {moment}"
        raise ValueError(text)
    return -((_EPOCH - moment) // _MILLISECOND)


HISTORY_START = from_datetime(datetime(2020, 1, 1, tzinfo=UTC))  # a sandbox choice
