"""Pages that are requested ahead lose nothing, and are not requested in vain."""

from __future__ import annotations

import logging
import random
import threading
from contextlib import closing

import pytest

from airflow_provider_minut.api.overlap import read_ahead
from airflow_provider_minut.api.resources.pagination import Page, iterate
from airflow_provider_minut.api.resources.prefetch import PageReader

SECONDS = 30  # a wait that ends only if something is broken


class ListApi:
    """A list that is served in pages, and may change before each of them; thread-safe."""

    def __init__(self, ids, *, limit=10, tells_total=True, before=lambda _: None):
        self.ids = list(ids)
        self.limit, self.tells_total, self.before = limit, tells_total, before
        self.asked = []
        self._lock = threading.Lock()

    def page(self, offset):
        with self._lock:
            self.asked.append(offset)
            self.before(self)
            items = [i if i is None else {"id": i} for i in self.ids[offset : offset + self.limit]]
            return Page(items, len(self.ids) if self.tells_total else None, self.limit)

    def read(self, at_once=4, first=None):
        with closing(PageReader(self.page, "id", max_in_flight=at_once, first=first)) as pages:
            return [item["id"] for item in iterate(pages, "id", first=first)]


@pytest.mark.parametrize("at_once", [1, 2, 8])
@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 19, 20, 95])
@pytest.mark.parametrize("given", [True, False])
def test_every_item_comes_once_in_order_and_no_page_is_requested_twice(at_once, count, given):
    api = ListApi(range(count))
    first = api.page(0) if given else None
    assert api.read(at_once, first) == list(range(count))
    one_by_one = ListApi(range(count))
    one_by_one.read(1)
    assert sorted(api.asked) == one_by_one.asked


def test_pages_are_requested_at_once():
    barrier = threading.Barrier(4)
    api = ListApi(range(10 + 9 * 8))  # the first page, and twice four

    def page(offset):
        if offset:
            barrier.wait(SECONDS)
        return api.page(offset)

    pages = PageReader(page, "id", max_in_flight=4)
    assert [item["id"] for item in iterate(pages, "id")] == list(range(82))


def test_list_without_a_length_is_read_page_by_page():
    api = ListApi(range(50), tells_total=False)
    assert api.read() == list(range(50))
    assert api.asked == sorted(api.asked)


def test_reader_that_stops_early_requests_at_most_the_pages_in_flight():
    api = ListApi(range(10_000))
    with closing(PageReader(api.page, "id", max_in_flight=4)) as pages:
        assert next(iterate(pages, "id"))["id"] == 0
    for thread in threading.enumerate():
        if thread.name == "minut-reader":
            thread.join(SECONDS)
    assert len(api.asked) <= 1 + 2 * 4


def test_error_of_a_page_comes_in_its_turn_and_that_of_a_dropped_page_never():
    api = ListApi(range(100))

    def page(offset):
        if offset >= 45:
            raise ValueError(f"page at {offset}")
        return api.page(offset)

    found = []
    with (
        closing(PageReader(page, "id", max_in_flight=4)) as pages,
        pytest.raises(ValueError, match="page at 45"),
    ):
        found.extend(item["id"] for item in iterate(pages, "id"))
    assert found == list(range(46))


def test_items_that_cannot_be_read_cost_at_most_the_pages_in_flight():
    """The next page begins with the last readable item, so it is at another offset than predicted."""
    api = ListApi([number if number % 10 < 8 else None for number in range(200)])
    assert api.read() == [number for number in range(200) if number % 10 < 8]
    one_by_one = ListApi(api.ids)
    one_by_one.read(1)
    assert len(api.asked) <= len(one_by_one.asked) + 2 * 4


@pytest.mark.parametrize("seed", range(100))
def test_no_change_while_pages_are_in_flight_loses_or_repeats_what_stays(seed, caplog):
    caplog.set_level(logging.WARNING)
    rng, fresh = random.Random(seed), iter(range(1000, 2000))

    def change(api):
        if len(api.asked) < 10 and rng.random() < 0.5:
            where = rng.randrange(len(api.ids) + 1)
            if rng.random() < 0.6:
                api.ids.insert(where, next(fresh))
            elif api.ids:
                api.ids.pop(where - 1)

    api = ListApi(range(60), before=change)
    found = api.read()
    assert len(found) == len(set(found))
    assert {identity for identity in api.ids if identity < 1000} <= set(found)


def test_only_the_list_that_is_waited_for_is_read_ahead():
    """Others are read beside it anyway, and would multiply the threads."""
    apis = [ListApi(range(100)) for _ in range(3)]
    others_done = threading.Event()
    threads = [set() for _ in apis]

    def read(number):
        def page(offset):
            threads[number].add(threading.current_thread())
            return apis[number].page(offset)

        if number == 0:
            assert others_done.wait(SECONDS)
        yield from (item["id"] for item in iterate(PageReader(page, "id", max_in_flight=4), "id"))
        if number == 2:
            others_done.set()

    results = read_ahead(range(3), read, max_in_flight=3)
    assert [list(rows) for _, rows in results] == [list(range(100))] * 3
    assert len(threads[0]) > 1
    assert len(threads[2]) == 1
