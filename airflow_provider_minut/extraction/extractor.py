"""An extraction: what to read, with which client, and its plan and progress in the log."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_minut.api.overlap import read_ahead
from airflow_provider_minut.exceptions import (
    MinutConfigurationError,
    MinutError,
    MinutNotFoundError,
    MinutPermissionError,
    MinutRequestError,
    MinutResponseError,
    MinutServerError,
)
from airflow_provider_minut.extraction.progress import Stored

if TYPE_CHECKING:
    from airflow_provider_minut.api.client import MinutClient

log = logging.getLogger(__name__)

Row = dict[str, Any]
# Reads a part of a unit, and returns its rows.
Part = Callable[[], Iterable[Row]]
# Every generation of devices has these, as far as is known.
DEFAULT_SENSORS = ("sound_level", "temperature", "humidity", "motion_events")
DEFAULT_TIME_RESOLUTION = 300
# Interval of progress messages in the log.
PROGRESS_SECONDS = 15.0
# Not one after the other: each takes all of its retries to fail.
MAX_FAILURES_IN_A_ROW = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """The part of a dataset to extract.

    :param start_at: Start of the time range, aware and included. Homes and devices have no time range.
    :param end_at: End of the time range, aware and excluded.
    :param home_ids: Only these homes, their devices and events; all if empty.
    :param device_ids: Only these devices and their readings; all if empty.
    :param event_types: Only home events of these types; all if empty.
    :param sensors: Only readings of these sensors.
    :param time_resolution: Seconds that one reading covers; it is assumed to start at a multiple of this
        since the epoch.
    :param include_min_max: Whether to add the minimum and maximum of each reading's interval.
    :param null_fill: Whether to add the intervals without a value.
    :param late_within: How long before the start readings may be missing in a destination that knows what it
        has: they are read again from the first gap.
    :param only_missing: Whether to read only from the first gap of what the destination has, even within the
        time range.
    :raises MinutConfigurationError: if the time range is empty.
    """

    start_at: datetime
    end_at: datetime
    home_ids: Collection[str] = ()
    device_ids: Collection[str] = ()
    event_types: Collection[str] = ()
    sensors: Collection[str] = DEFAULT_SENSORS
    time_resolution: int = DEFAULT_TIME_RESOLUTION
    include_min_max: bool = False
    null_fill: bool = False
    late_within: timedelta = timedelta(0)
    only_missing: bool = False

    def __post_init__(self) -> None:
        if type(self.time_resolution) is not int or self.time_resolution < 1:
            raise MinutConfigurationError("time_resolution", "must be a whole number of seconds, at least 1")
        if self.late_within < timedelta(0):
            raise MinutConfigurationError("late_within", "must not be negative")
        if self.start_at >= self.end_at:
            raise MinutConfigurationError(
                "start_at", "must be before end_at; a run without a data interval has an empty range"
            )

    @property
    def interval(self) -> timedelta:
        """The length of the interval of a reading."""
        return timedelta(seconds=self.time_resolution)

    @property
    def readings_range(self) -> tuple[datetime, datetime]:
        """The time range in whole intervals, so that an interval has the same time in every extraction.

        That intervals start at multiples of ``time_resolution`` since the epoch is inferred. An incomplete
        last interval is left to the next extraction.
        """
        return self.floor(self.start_at), self.floor(self.end_at)

    def missing_since(self, earliest: datetime | None) -> datetime:
        """Return since when readings that a destination does not have are missing.

        :param earliest: The earliest reading of all that it has; what is older was never requested.
        """
        start, _ = self.readings_range
        late = self.floor(self.start_at - self.late_within)
        return start if earliest is None else min(start, max(late, self.floor(earliest)))

    def floor(self, time: datetime) -> datetime:
        """Return the start of the interval of a reading."""
        seconds = self.time_resolution
        return datetime.fromtimestamp(time.timestamp() // seconds * seconds, UTC)


class _UnitPart(NamedTuple):
    """A part of a unit.

    :param number: Number of the unit.
    :param unit: The unit.
    :param position: Position of the part in the unit.
    :param read: Reads the part.
    """

    number: int
    unit: Any
    position: int
    read: Part


@dataclass(frozen=True, slots=True)
class Done:
    """The units that have been read.

    :param position: Position of the last one in the list of all units.
    :param unit: Text of the last one.
    :param failed: Those up to the last one that failed or were skipped, as text.
    """

    position: int
    unit: str
    failed: tuple[str, ...] = ()

    def among(self, units: Sequence[Any]) -> set[str]:
        """Return which of the units have been read; none if these are other units."""
        if self.position >= len(units) or str(units[self.position]) != self.unit:
            return set()
        return {str(unit) for unit in units[: self.position + 1]} - set(self.failed)


class Extractor:
    """Counts the rows and requests of an extraction, and logs its plan, progress and failures.

    :param client: Client to read with.
    :param selection: What to read.
    :param monotonic: Returns seconds, for durations in the log.
    """

    def __init__(
        self, client: MinutClient, selection: Selection, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.client = client
        self.selection = selection
        self.row_count = 0
        self.left_out: list[str] = []
        """IDs of what the account cannot read (403 or 404), and is skipped."""
        self.stored: Stored | None = None
        """What the destination has of the readings; ``None`` if it does not know."""
        self.stored_since = selection.start_at
        """Since when readings that the destination does not have are missing."""
        self.done: Done | None = None
        """Which homes or sensors have been read; those of an earlier attempt are not read again."""
        self.series: Collection[tuple[str, str]] = ()
        """Device ID and sensor of all readings that the account may have."""
        self._failure: MinutError | None = None
        self._monotonic = monotonic
        self._requests_before = client.request_count
        self._rejected_before = client.rejected_count
        self._started = monotonic()

    @property
    def request_count(self) -> int:
        """Requests sent so far, retries included."""
        return self.client.request_count - self._requests_before

    @property
    def rejected_count(self) -> int:
        """Items that Minut returned and that could not be read so far."""
        return self.client.rejected_count - self._rejected_before

    @property
    def cost(self) -> str:
        """Requests and seconds so far, as text."""
        return f"requests: {self.request_count}; {self._monotonic() - self._started:.1f} s"

    def counted(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield the rows and count them."""
        for row in rows:
            self.row_count += 1
            yield row

    def tolerant(
        self,
        units: Collection[Any],
        name: str,
        parts: Callable[[Any], Iterable[Part]],
        *,
        of: Sequence[Any],
    ) -> Iterator[Row]:
        """Yield the rows of all units, in order; one that fails does not affect the others.

        As many parts are read at once as the client may have requests in flight. If a part fails, so does its
        unit, and the parts after it are dropped.

        A unit that the account cannot read (403 or 404), or whose ID no path can contain, is skipped, unless
        that is all of them. Another error of the API is kept until the others are read, see
        :meth:`raise_failure`; not if several units in a row fail, because then all of them do.

        :param units: What is read; the text of each is its ID.
        :param name: Name of the units, plural.
        :param parts: Returns the parts of a unit in order, without a request; none if there is nothing to
            read. Each is called in a thread of its own, and returns its rows.
        :param of: All units, of which these are some, in the same order.
        :raises MinutError: if all units return 403 or 404, and for errors that concern all units.
        """
        done = self.done.among(of) if self.done else set()
        if not done:
            self.done = None
        missing = [unit for unit in units if str(unit) not in done]
        with closing(self._rows_of_units(missing, parts)) as results:
            progress = self._log_progress(results, len(missing), name)
            yield from self._tolerated(progress, len(missing), name, [str(unit) for unit in of])

    def _tolerated(
        self, results: Iterable[tuple[Any, Iterator[Row]]], count: int, name: str, of: Sequence[str]
    ) -> Iterator[Row]:
        """Yield the rows of all units as :meth:`tolerant`.

        :param results: Each unit and its rows.
        :param count: Number of units.
        :param of: All units, of which these are some, as text.
        """
        positions = {unit: position for position, unit in enumerate(of)}
        failed = set(self.done.failed) if self.done else set()
        last = self.done.position if self.done else 0
        skipped = failures_in_a_row = 0
        for unit, rows in results:
            failed.add(str(unit))
            try:
                yield from rows
            except (MinutNotFoundError, MinutPermissionError, MinutConfigurationError) as error:
                skipped += 1
                if skipped == count:
                    raise
                self.skip(str(unit), str(error))
            except (MinutServerError, MinutRequestError, MinutResponseError) as error:
                failures_in_a_row += 1
                if failures_in_a_row == MAX_FAILURES_IN_A_ROW:
                    raise
                log.warning("Failed to read %s; continuing with the other %s. %s", unit, name, error)
                self._failure = self._failure or error
            else:
                failures_in_a_row = 0
                failed.remove(str(unit))
            last = max(last, positions[str(unit)])
            self.done = Done(last, of[last], tuple(sorted(failed)))

    def _rows_of_units(
        self, units: Collection[Any], parts: Callable[[Any], Iterable[Part]]
    ) -> Generator[tuple[int, Any, Iterator[Row]]]:
        """Yield the number of each unit, the unit, and its rows; later units are read meanwhile."""
        failed: dict[int, int] = {}  # position of the first part that failed, by the number of its unit

        def every_part() -> Iterator[_UnitPart]:
            for number, unit in enumerate(units):
                for position, part in enumerate(parts(unit)):
                    if number in failed:
                        break
                    yield _UnitPart(number, unit, position, part)

        def read(one: _UnitPart) -> Iterator[Row]:
            if one.position > failed.get(one.number, one.position):
                return
            try:
                yield from one.read()
            except MinutError:
                failed[one.number] = min(one.position, failed.get(one.number, one.position))
                raise

        with closing(read_ahead(every_part(), read, max_in_flight=self.client.max_in_flight)) as results:
            for (number, unit), of_unit in groupby(results, key=lambda result: result[0][:2]):
                yield number, unit, (row for _, rows in of_unit for row in rows)

    def skip(self, identity: str, reason: str) -> None:
        """Record that something that the account cannot read is skipped."""
        self.left_out.append(identity)
        log.warning("Skipping %s: %s", identity, reason)

    def raise_failure(self) -> None:
        """Raise the first failure of a unit, if there was one.

        :raises MinutError: the error of the unit.
        """
        if self._failure:
            raise self._failure

    def log_plan(self, target: str, requests: int, *, at_least: bool = False) -> None:
        """Log what the extraction is about to cost.

        :param target: What is read, as text.
        :param requests: Number of requests.
        :param at_least: Whether more requests may be needed.
        """
        rate = self.client.settings.requests_per_minute
        count = ("at least " if at_least else "") + count_of(requests, "request")
        # The rate limit permits a burst of one minute's requests.
        duration = _duration((requests / rate - 1) * 60) if requests > rate else "no delay"
        range_of = self.selection.start_at, self.selection.end_at
        start, end = (edge.isoformat(sep=" ", timespec="seconds") for edge in range_of)
        text = "Plan: %s, %s at %d requests/min, for %s from %s to %s."
        log.info(text, count, duration, rate, target, start, end)

    def _log_progress(
        self, results: Iterable[tuple[int, Any, Iterator[Row]]], count: int, name: str
    ) -> Iterator[tuple[Any, Iterator[Row]]]:
        """Yield the units and their rows; periodically log how many are done and how much time is left.

        :param results: Number of each unit, the unit, and its rows.
        :param count: Number of units.
        :param name: Name of the units, plural.
        """
        started = logged = self._monotonic()
        for number, unit, of_unit in results:
            now = self._monotonic()
            if number and now - logged >= PROGRESS_SECONDS:
                logged = now
                left = _duration((now - started) / number * (count - number))
                rows, requests = count_of(self.row_count, "row"), count_of(self.request_count, "request")
                text = "Progress: %d of %d %s, %s, %s; %s left."
                log.info(text, number, count, name, rows, requests, left)
            yield unit, of_unit


def count_of(number: int, noun: str) -> str:
    """Return a number and its noun: ``1 row``, ``2 rows``."""
    return f"{number} {noun}{'s' * (number != 1)}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"about {seconds:.0f} s"
    return f"about {seconds / 60:.0f} min" if seconds < 5400 else f"about {seconds / 3600:.1f} h"
