"""Things that are read at once come in order, whatever finishes first. Nothing here sleeps."""

from __future__ import annotations

import gc
import threading
import weakref
from contextvars import ContextVar
from itertools import count

import pytest

from airflow_provider_minut.api import overlap
from airflow_provider_minut.api.overlap import (
    ReadCancelledError,
    check_not_cancelled,
    checked_max_in_flight,
    is_next,
    read_ahead,
)
from airflow_provider_minut.exceptions import MinutConfigurationError, MinutServerError

SECONDS = 30  # a wait that ends only if something is broken


class Gate:
    """Readers that begin, and end only when they are let go."""

    def __init__(self):
        self.began = []
        self._changed = threading.Condition()
        self._open = set()

    def read(self, item):
        with self._changed:
            self.began.append(item)
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: item in self._open, SECONDS)
        check_not_cancelled()
        yield item

    def let_go(self, *items):
        with self._changed:
            self._open |= set(items)
            self._changed.notify_all()

    def wait_until_begun(self, *items):
        with self._changed:
            assert self._changed.wait_for(lambda: set(items) <= set(self.began), SECONDS)


def flat(results):
    return [(item, list(rows)) for item, rows in results]


def wait_for_threads_to_end():
    for thread in threading.enumerate():
        if thread.name == "minut-reader":
            thread.join(SECONDS)
            assert not thread.is_alive()


@pytest.mark.parametrize("at_once", [1, 2, 8])
def test_rows_come_in_the_order_of_their_items(at_once):
    results = read_ahead(range(100), lambda item: [item] * (item % 3), max_in_flight=at_once)
    assert flat(results) == [(item, [item] * (item % 3)) for item in range(100)]


def test_item_that_is_slow_holds_nothing_up_but_the_order():
    gate = Gate()
    results = read_ahead(range(4), gate.read, max_in_flight=2)
    gate.let_go(1, 2, 3)
    first, rows = next(results)
    gate.wait_until_begun(0, 1, 2, 3)  # while the consumer waits for the first
    gate.let_go(0)
    assert (first, list(rows)) == (0, [0])
    assert flat(results) == [(1, [1]), (2, [2]), (3, [3])]


def test_as_many_are_read_at_once_as_asked_for_and_not_more():
    barrier, lock = threading.Barrier(3), threading.Lock()
    running, most = 0, 0

    def read(item):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        barrier.wait(SECONDS)  # all three have to be here
        with lock:
            running -= 1
        barrier.wait(SECONDS)
        return [item]

    assert len(flat(read_ahead(range(9), read, max_in_flight=3))) == 9
    assert most == 3


def test_items_are_taken_no_further_ahead_than_needed():
    taken = []
    gate = Gate()
    results = read_ahead((taken.append(item) or item for item in count()), gate.read, max_in_flight=3)
    gate.let_go(*range(50))
    for number in range(5):
        assert next(results)[0] == number
    assert len(taken) <= 5 + 2 * 3
    results.close()


def test_one_at_a_time_needs_no_thread():
    threads = set()

    def read(item):
        threads.add(threading.current_thread())
        yield item

    results = read_ahead(range(3), read, max_in_flight=1)
    assert flat(results) == [(0, [0]), (1, [1]), (2, [2])]
    assert threads == {threading.current_thread()}


@pytest.mark.parametrize("at_once", [1, 4])
def test_error_comes_after_the_rows_before_it_and_the_others_go_on(at_once):
    def read(item):
        yield item
        if item == 2:
            raise MinutServerError("GET /x failed.")

    found = []
    for item, rows in read_ahead(range(5), read, max_in_flight=at_once):
        try:
            found += rows
        except MinutServerError:
            found.append(f"error of {item}")
    assert found == [0, 1, 2, "error of 2", 3, 4]


@pytest.mark.parametrize("at_once", [1, 4])
def test_error_of_the_items_comes_after_the_rows_of_those_before(at_once):
    def items():
        yield from range(3)
        raise MinutServerError("no more items")

    found = []
    with pytest.raises(MinutServerError, match="no more items"):
        found.extend(
            row for _, rows in read_ahead(items(), lambda n: [n], max_in_flight=at_once) for row in rows
        )
    assert found == [0, 1, 2]


def test_consumer_that_stops_waits_for_nothing_and_starts_nothing_more():
    gate = Gate()
    results = read_ahead(range(100), gate.read, max_in_flight=4)
    next(results)
    gate.wait_until_begun(0, 1, 2, 3)
    results.close()  # nobody has let them go
    gate.let_go(*range(100))
    wait_for_threads_to_end()
    assert sorted(gate.began) == [0, 1, 2, 3]


def test_consumer_that_is_dropped_ends_the_threads():
    gate = Gate()
    results = read_ahead(range(100), gate.read, max_in_flight=4)
    next(results)
    gate.wait_until_begun(0, 1, 2, 3)
    del results
    gc.collect()
    gate.let_go(*range(100))
    wait_for_threads_to_end()
    assert len(gate.began) == 4


@pytest.mark.parametrize("begun", [True, False])
def test_item_that_is_passed_over_is_cancelled(begun):
    gate, cancelled = Gate(), []

    def read(item):
        try:
            yield from gate.read(item)
        except ReadCancelledError:
            cancelled.append(item)
            raise

    results = read_ahead(range(8), read, max_in_flight=2)
    passed_over = 1 if begun else 3  # the first two begin at once
    for _ in range(passed_over + 1):
        item, _ = next(results)
    gate.wait_until_begun(0, 1)
    following, rows = next(results)
    gate.let_go(*range(8))
    assert [*rows, *(row for _, more in results for row in more)] == list(range(following, 8))
    wait_for_threads_to_end()
    assert item in cancelled or item not in gate.began


def test_rows_ahead_are_limited_whatever_the_size_of_an_item(monkeypatch):
    monkeypatch.setattr(overlap, "MAX_ROWS_AHEAD", 50)
    monkeypatch.setattr(overlap, "CHUNK_ROWS", 10)
    lock, made, used, most = threading.Lock(), 0, 0, 0

    def read(item):
        nonlocal made, most
        for number in range(1000):
            with lock:
                made += 1
                most = max(most, made - used)
            yield item, number

    for item, rows in read_ahead(range(6), read, max_in_flight=4):
        for number, row in enumerate(rows):
            assert row == (item, number)
            with lock:
                used += 1
    assert used == 6000
    # Beyond the limit: the chunk that each reader builds, the last one of each, and the consumer's.
    assert most <= 50 + 10 * (4 + 4 + 1 + 1)


def test_large_item_in_front_passes_full_buffers_of_others(monkeypatch):
    """Otherwise the first would wait for room that only its own end can make."""
    monkeypatch.setattr(overlap, "MAX_ROWS_AHEAD", 2)
    monkeypatch.setattr(overlap, "CHUNK_ROWS", 1)
    others = threading.Barrier(3)

    def read(item):
        if item in {1, 2}:
            yield item
            others.wait(SECONDS)
        elif item == 0:
            others.wait(SECONDS)
        yield from [item] * 20

    assert [len(list(rows)) for _, rows in read_ahead(range(5), read, max_in_flight=3)] == [
        20,
        21,
        21,
        20,
        20,
    ]


def test_readers_have_the_context_of_the_consumer():
    variable = ContextVar("variable", default="none")
    variable.set("task")
    results = read_ahead(range(3), lambda _: [variable.get()], max_in_flight=3)
    assert [list(rows) for _, rows in results] == [["task"]] * 3


def test_reader_within_a_reader_is_cancelled_with_it():
    inner, outcome = Gate(), threading.Event()

    def read(item):
        def read_inner(number):
            try:
                yield from inner.read((item, number))
            except ReadCancelledError:
                outcome.set()
                raise

        for _, rows in read_ahead(range(2), read_inner, max_in_flight=2):
            yield from rows

    results = read_ahead(range(2), read, max_in_flight=2)
    next(results)
    inner.wait_until_begun((0, 0), (1, 1))
    results.close()
    inner.let_go((0, 0), (0, 1), (1, 0), (1, 1))
    assert outcome.wait(SECONDS)
    wait_for_threads_to_end()


def test_reader_knows_whether_it_is_waited_for():
    assert is_next()
    asked, answers = threading.Event(), {}

    def read(item):
        if item == 1:
            answers["while it is second"] = is_next()
            asked.set()
        assert asked.wait(SECONDS)
        yield item
        if item == 0:
            answers["while it is first"] = is_next()

    assert flat(read_ahead(range(2), read, max_in_flight=2)) == [(0, [0]), (1, [1])]
    assert answers == {"while it is second": False, "while it is first": True}


def test_rows_that_were_used_are_not_kept():
    class Row:
        pass

    results = read_ahead(range(3), lambda _: [Row()], max_in_flight=2)
    kept = [weakref.ref(row) for _, rows in results for row in rows]
    wait_for_threads_to_end()
    gc.collect()
    assert [reference() for reference in kept] == [None] * 3


def test_outside_of_a_reader_nothing_is_cancelled():
    check_not_cancelled()


@pytest.mark.parametrize("value", [0, -1, 1.5, "8", True, None])
def test_number_in_flight_is_a_whole_number(value):
    with pytest.raises(MinutConfigurationError, match="^max_in_flight: must be a whole number of at least 1"):
        checked_max_in_flight(value)
    assert checked_max_in_flight(1) == 1
