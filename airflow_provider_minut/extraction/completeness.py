"""Which readings of a time range are there, and which are missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta

from airflow_provider_minut.exceptions import MinutCoverageError
from airflow_provider_minut.extraction.datasets import READINGS, Dataset
from airflow_provider_minut.extraction.extractor import Row
from airflow_provider_minut.extraction.progress import GAP_FACTOR, Stored, StoredSeries, first_gap


@dataclass(frozen=True, slots=True)
class Completeness:
    """The readings of a time range next to those that were expected: one in each interval.

    :param series: Device ID and sensor of each series that the account has. A device that was offline is
        among them.
    :param stored: What there is of each series in the range.
    :param start_at: Start of the range, on the grid of the intervals.
    :param end_at: End of the range.
    :param interval: Length of an interval.
    """

    series: Collection[tuple[str, str]]
    stored: Stored
    start_at: datetime
    end_at: datetime
    interval: timedelta

    def coverage(self) -> dict[str, float]:
        """Return the share of expected readings that are there, from 0 to 1, by sensor."""
        expected: Counter[str] = Counter()
        found: Counter[str] = Counter()
        for device_id, sensor in self.series:
            expected[sensor] += (self.end_at - self.start_at) // self.interval
            stored = self.stored.get((device_id, sensor))
            found[sensor] += stored.count if stored else 0
        # Rounded down, so that 1 means that nothing is missing.
        return {
            sensor: min(found[sensor] * 10_000 // count, 10_000) / 10_000
            for sensor, count in expected.items()
            if count
        }

    def gaps(self) -> Iterator[str]:
        """Yield the first gap of each series that has one, as text."""
        for device_id, sensor in sorted(self.series):
            stored = self.stored.get((device_id, sensor))
            start = first_gap(stored, self.start_at, self.interval)
            if start < self.end_at:
                end = self._end_of_gap(stored, start)
                yield f"{device_id}/{sensor} from {start.isoformat()} to {end.isoformat()}"

    def _end_of_gap(self, stored: StoredSeries | None, start: datetime) -> datetime:
        if stored is None:
            return self.end_at
        return stored.first if start < stored.first else stored.after_gap or self.end_at


def check_coverage(coverage: Mapping[str, float], min_coverage: float) -> None:
    """Check that each sensor has a share of the expected readings.

    :param coverage: Share by sensor, from 0 to 1.
    :param min_coverage: Smallest share that is accepted.
    :raises MinutCoverageError: if a sensor has less.
    """
    low = {sensor: share for sensor, share in coverage.items() if share < min_coverage}
    if low:
        shares = ", ".join(f"{sensor} {share:.2%}" for sensor, share in low.items())
        raise MinutCoverageError(f"Coverage is below min_coverage, {min_coverage:.2%}: {shares}.")


class SeriesCounter:
    """Counts the readings of each series while they are written.

    :param interval: Length of an interval.
    """

    def __init__(self, interval: timedelta) -> None:
        self._gap = interval * GAP_FACTOR
        self._counted: dict[tuple[str, str], _Count] = {}

    @property
    def stored(self) -> Stored:
        """What there is of each series so far."""
        return {series: StoredSeries(*astuple(count)) for series, count in self._counted.items()}

    def counted(self, dataset: Dataset, rows: Iterator[Row]) -> Iterator[Row]:
        """Yield rows, and count them if they are readings."""
        return self._counted_readings(rows) if dataset.name == READINGS else rows

    def _counted_readings(self, readings: Iterable[Row]) -> Iterator[Row]:
        """Yield readings, which are in the order of time in each series."""
        for reading in readings:
            if reading.get("value") is not None:
                series, time = (reading["device_id"], reading["sensor"]), reading["time"]
                count = self._counted.setdefault(series, _Count(time, time))
                if time - count.last >= self._gap and count.before_gap is None:
                    count.before_gap, count.after_gap = count.last, time
                count.last = time
                count.count += 1
            yield reading


@dataclass(slots=True)
class _Count:
    """The fields of ``StoredSeries`` so far."""

    first: datetime
    last: datetime
    count: int = 0
    before_gap: datetime | None = None
    after_gap: datetime | None = None
