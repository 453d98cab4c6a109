"""Reads several things at once, in threads, and yields their rows in order.

Memory is bounded: a reader whose rows are not yet needed waits when :data:`MAX_ROWS_AHEAD` rows are ahead of
the consumer. When the consumer stops, or skips an item, the requests that have not been sent are not sent.
"""

from __future__ import annotations

import contextvars
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextvars import ContextVar
from typing import Any, Generic, Protocol, TypeVar

from airflow_provider_minut.exceptions import MinutConfigurationError

DEFAULT_MAX_IN_FLIGHT = 8
# Readings of a month at the default time resolution, twice: more would not make a transfer faster.
MAX_ROWS_AHEAD = 20_000
# Rows that a reader passes on at once.
CHUNK_ROWS = 500

Item = TypeVar("Item")
Row = TypeVar("Row")


class ReadCancelledError(Exception):
    """The result is no longer needed. Raised in a reader thread only; the consumer never receives it."""


class _Reading(Protocol):
    """What a request needs to know about the item for which it is sent."""

    @property
    def is_cancelled(self) -> bool:
        """Whether the consumer does not need the result any more."""

    @property
    def is_next(self) -> bool:
        """Whether the consumer waits for this item."""


_current: ContextVar[_Reading | None] = ContextVar("minut_reading", default=None)


def check_not_cancelled() -> None:
    """Check that the result of a request is still needed.

    :raises ReadCancelledError: if the calling thread is a reader whose result is not.
    """
    reading = _current.get()
    if reading and reading.is_cancelled:
        raise ReadCancelledError


def is_next() -> bool:
    """Return whether the consumer waits for what the calling thread reads; ``True`` outside of a reader."""
    reading = _current.get()
    return reading is None or reading.is_next


def checked_max_in_flight(value: Any) -> int:
    """Return a maximum number of requests in flight.

    :raises MinutConfigurationError: if it is not a whole number of at least 1.
    """
    if type(value) is not int or value < 1:
        raise MinutConfigurationError("max_in_flight", "must be a whole number of at least 1")
    return value


def read_ahead(
    items: Iterable[Item], read: Callable[[Item], Iterable[Row]], *, max_in_flight: int
) -> Generator[tuple[Item, Iterator[Row]]]:
    """Yield each item with its rows, in order; later items are read meanwhile.

    The rows of an item raise what reading it raised, after the rows before the error. An item whose rows are
    not exhausted when the next one is requested is abandoned. Closing the generator does not wait for
    requests in flight.

    :param items: What to read; consumed in the calling thread, at most twice ``max_in_flight`` ahead.
    :param read: Returns the rows of an item; called in other threads, with the caller's context variables.
    :param max_in_flight: Number of items to read at once. With 1 there are no threads.
    """
    if max_in_flight == 1:
        for item in items:
            yield item, _rows_of(read, item)
        return
    readers = _Readers(read, max_in_flight)
    try:
        yield from readers.results(iter(items))
    finally:
        readers.stop()


def _rows_of(read: Callable[[Item], Iterable[Row]], item: Item) -> Iterator[Row]:
    yield from read(item)


class _Task(Generic[Item, Row]):
    """An item, and its rows that the consumer has not received."""

    def __init__(self, item: Item, readers: _Readers[Item, Row], outer: _Reading | None) -> None:
        self.item = item
        self.chunks: deque[list[Row]] = deque()
        self.error: BaseException | None = None
        self.is_done = self.is_abandoned = False
        self._readers = readers
        self._outer = outer

    @property
    def is_cancelled(self) -> bool:
        outer = self._outer is not None and self._outer.is_cancelled
        return self.is_abandoned or self._readers.is_stopped or outer

    @property
    def is_next(self) -> bool:
        return self._readers.is_first(self)


class _Readers(Generic[Item, Row]):
    """The threads that read the items of one consumer."""

    def __init__(self, read: Callable[[Item], Iterable[Row]], max_in_flight: int) -> None:
        self.is_stopped = False
        self._read = read
        self._max_in_flight = max_in_flight
        self._changed = threading.Condition()
        self._tasks: deque[_Task[Item, Row]] = deque()  # in order, from the one that the consumer reads
        self._new: deque[_Task[Item, Row]] = deque()  # those of them that no thread has started
        self._threads = self._rows_ahead = 0
        self._problem: Exception | None = None  # raised by the items, after the rows of those before

    def results(self, items: Iterator[Item]) -> Iterator[tuple[Item, Iterator[Row]]]:
        """Yield each item with its rows."""
        has_more = True
        while True:
            while has_more and len(self._tasks) < 2 * self._max_in_flight:
                has_more = self._add_next(items)
            if not self._tasks:
                break
            task = self._tasks[0]
            yield task.item, self._rows(task)
            self._finish(task)
        if self._problem:
            raise self._problem

    def is_first(self, task: _Task[Item, Row]) -> bool:
        """Return whether the consumer reads this task."""
        return bool(self._tasks) and self._tasks[0] is task

    def stop(self) -> None:
        """End the threads as soon as they notice it."""
        with self._changed:
            self.is_stopped = True
            self._changed.notify_all()

    def _add_next(self, items: Iterator[Item]) -> bool:
        """Add the next item; return whether there was one."""
        try:
            item = next(items)
        except StopIteration:
            return False
        except Exception as error:
            self._problem = error
            return False
        task = _Task(item, self, _current.get())
        with self._changed:
            self._tasks.append(task)
            self._new.append(task)
            self._changed.notify_all()
        if self._threads < self._max_in_flight:
            self._threads += 1
            run = contextvars.copy_context().run
            # A daemon thread does not keep the process alive.
            threading.Thread(target=run, args=(self._work,), name="minut-reader", daemon=True).start()
        return True

    def _rows(self, task: _Task[Item, Row]) -> Iterator[Row]:
        while chunk := self._next_chunk(task):
            yield from chunk
        if task.error:
            raise task.error

    def _next_chunk(self, task: _Task[Item, Row]) -> list[Row] | None:
        with self._changed:
            self._changed.wait_for(lambda: task.chunks or task.is_done or task.is_abandoned)
            if not task.chunks:
                return None
            chunk = task.chunks.popleft()
            self._rows_ahead -= len(chunk)
            self._changed.notify_all()
            return chunk

    def _finish(self, task: _Task[Item, Row]) -> None:
        """Continue with the next task; whatever is left of this one is dropped."""
        with self._changed:
            task.is_abandoned = True
            self._tasks.popleft()
            if self._new and self._new[0] is task:
                self._new.popleft()
            self._rows_ahead -= sum(map(len, task.chunks))
            task.chunks.clear()
            self._changed.notify_all()

    def _work(self) -> None:
        """Read tasks until the consumer stops."""
        while task := self._next_task():
            _current.set(task)
            self._run(task)

    def _next_task(self) -> _Task[Item, Row] | None:
        with self._changed:
            self._changed.wait_for(lambda: self.is_stopped or (self._new and self._has_room(self._new[0])))
            return None if self.is_stopped else self._new.popleft()

    def _run(self, task: _Task[Item, Row]) -> None:
        rows: list[Row] = []
        try:
            for row in self._read(task.item):
                rows.append(row)
                if len(rows) == CHUNK_ROWS:
                    self._pass_on(task, rows)
                    rows = []
        except BaseException as error:  # raised again where the consumer reads the rows
            task.error = error
        with self._changed:
            if not task.is_abandoned and rows:
                self._add_chunk(task, rows)
            task.is_done = True
            self._changed.notify_all()

    def _pass_on(self, task: _Task[Item, Row], rows: list[Row]) -> None:
        """Pass rows on to the consumer as soon as there is room for them."""
        with self._changed:
            self._changed.wait_for(lambda: task.is_cancelled or self._has_room(task))
            if task.is_cancelled:
                raise ReadCancelledError
            self._add_chunk(task, rows)
            self._changed.notify_all()

    def _add_chunk(self, task: _Task[Item, Row], rows: list[Row]) -> None:
        task.chunks.append(rows)
        self._rows_ahead += len(rows)

    def _has_room(self, task: _Task[Item, Row]) -> bool:
        """Return whether more rows may be read; always for those that the consumer waits for."""
        return self._rows_ahead < MAX_ROWS_AHEAD or (self.is_first(task) and not task.chunks)
