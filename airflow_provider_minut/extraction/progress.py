"""What a destination already has of the readings, and from when on each series has to be read.

Devices upload late, and after an outage the newest readings may come before the older ones. So a series is
read again from its first gap, not from its last reading.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

# Times of readings may be some seconds off the grid. Two readings are further apart than this many intervals
# only if one is missing between them.
GAP_FACTOR = 1.5


@dataclass(frozen=True, slots=True)
class StoredSeries:
    """The readings with a value that a destination has of one sensor of a device in a time range.

    :param first: Time of the first reading.
    :param last: Time of the last reading.
    :param count: Number of readings.
    :param before_gap: Time of the reading before the first gap that is between two readings; ``None`` if no
        reading is missing between the first and the last.
    :param after_gap: Time of the reading after this gap.
    """

    first: datetime
    last: datetime
    count: int
    before_gap: datetime | None = None
    after_gap: datetime | None = None


# By device ID and sensor.
Stored = Mapping[tuple[str, str], StoredSeries]


def first_gap(series: StoredSeries | None, since: datetime, interval: timedelta) -> datetime:
    """Return the start of the first interval without a reading.

    :param series: What the destination has since ``since``; ``None`` for nothing.
    :param since: Start of the range, on the grid of the intervals.
    :param interval: Length of an interval.
    """
    if series is None or series.first - since >= interval:
        return since
    return (series.before_gap or series.last) + interval


def read_from(series: StoredSeries | None, since: datetime, interval: timedelta) -> datetime:
    """Return from when on a series has to be read: one interval before its first gap.

    The interval before a gap may have been incomplete when it was read, because the device checked in within
    it.

    :param series: What the destination has since ``since``; ``None`` for nothing.
    :param since: Start of the range, on the grid of the intervals.
    :param interval: Length of an interval.
    """
    return max(since, first_gap(series, since, interval) - interval)
