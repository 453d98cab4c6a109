from __future__ import annotations

import logging
import random

import pytest

from airflow_provider_minut.api.resources.pagination import MAX_PASSES, Page, iterate


class Api:
    """A list that is served in pages, and may change between them."""

    def __init__(self, ids, *, limit=10, tells_total=True, cap=None, between=lambda _: None, ignores=()):
        self.ids = list(ids)
        self.limit, self.cap, self.tells_total = limit, cap, tells_total
        self.between, self.ignores = between, ignores
        self.asked = []

    def page(self, offset):
        self.asked.append(offset)
        self.between(self)
        start = 0 if "offset" in self.ignores else offset
        count = len(self.ids) if "limit" in self.ignores else min(self.limit, self.cap or self.limit)
        items = [{"id": identity} for identity in self.ids[start : start + count]]
        total = len(self.ids) if self.tells_total else None
        return Page(items, total, self.limit)

    def read(self):
        return [item["id"] for item in iterate(self.page, "id")]


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 95])
@pytest.mark.parametrize("tells_total", [True, False])
def test_every_item_comes_once_and_in_order(count, tells_total):
    assert Api(range(count), tells_total=tells_total).read() == list(range(count))


def test_pages_overlap_by_one_item_and_the_length_that_a_list_says_ends_it():
    api = Api(range(28))
    api.read()
    assert api.asked == [0, 9, 18]


def test_edge_that_moved_leads_to_another_reading_although_the_length_is_the_same(caplog):
    def replace(api):
        if len(api.asked) == 2:
            api.ids = [*api.ids[1:], 99]

    api = Api(range(20), between=replace)
    assert set(api.read()) == {*range(20), 99}
    assert sum(offset == 0 for offset in api.asked) == 2
    assert caplog.records == []


def test_api_that_takes_whole_pages_only_loses_nothing():
    api = Api(range(50), tells_total=False)
    honest = api.page
    api.page = lambda offset: honest(offset // 10 * 10)
    assert api.read() == list(range(50))


def test_empty_list_costs_one_request():
    api = Api([])
    assert api.read() == []
    assert api.asked == [0]


@pytest.mark.parametrize("tells_total", [True, False])
def test_page_that_the_api_makes_smaller_loses_nothing(tells_total):
    assert Api(range(50), cap=7, tells_total=tells_total).read() == list(range(50))


@pytest.mark.parametrize("tells_total", [True, False])
def test_api_that_ignores_the_limit_is_asked_once(tells_total):
    api = Api(range(50), ignores={"limit"}, tells_total=tells_total)
    assert api.read() == list(range(50))
    assert api.asked == [0]


def test_api_that_ignores_the_offset_too_ends():
    assert Api(range(10), ignores={"offset"}, tells_total=False).read() == list(range(10))


def test_new_items_at_the_top_while_reading_repeat_nothing_and_lose_nothing():
    arriving = iter(range(100, 125))

    def arrive(api):
        api.ids[:0] = [i for i in [next(arriving, None)] if i is not None]

    api = Api(range(50), between=arrive)
    found = api.read()
    assert len(found) == len(set(found))
    assert set(range(50)) <= set(found)


def test_items_that_vanish_while_reading_hide_no_other_item():
    def vanish(api):
        if len(api.asked) == 2:
            del api.ids[:5]

    found = Api(range(50), between=vanish).read()
    assert len(found) == len(set(found))
    assert set(range(5, 50)) <= set(found)


@pytest.mark.parametrize("seed", range(200))
def test_no_change_between_pages_loses_or_repeats_what_stays(seed):
    """Items come and go anywhere, one before each page, and then the list rests."""
    rng = random.Random(seed)
    fresh = iter(range(1000, 2000))

    def change(api):
        if len(api.asked) < 10 and rng.random() < 0.5:
            where = rng.randrange(len(api.ids) + 1)
            if rng.random() < 0.6:
                api.ids.insert(where, next(fresh))
            elif api.ids:
                api.ids.pop(where - 1)

    api = Api(range(60), limit=rng.randrange(3, 40), between=change)
    found = api.read()
    assert len(found) == len(set(found))
    assert set(api.ids) <= set(found)


def test_list_that_never_rests_ends_with_a_warning(caplog):
    fresh = iter(range(1000, 100_000))

    def grow(api):
        api.ids.insert(0, next(fresh))

    api = Api(range(100), between=grow)
    with caplog.at_level(logging.WARNING):
        api.read()
    assert sum(offset == 0 for offset in api.asked) <= MAX_PASSES
    assert caplog.messages == ["The list changed during each of 5 reads; items may be missing."]


def test_length_that_is_wrong_is_warned_about_and_does_not_go_on_for_ever(caplog):
    api = Api(range(10))
    honest = api.page
    api.page = lambda offset: Page(honest(offset).items, 12, 10)
    assert api.read() == list(range(10))
    assert "should have 12 items, but repeated reading found only 10" in caplog.text


def test_items_that_cannot_be_read_are_counted_once_and_hide_no_other(caplog):
    rejected = []
    pages = {0: [{"id": 1}, None, {"id": 2}], 2: [{"id": 2}, None, {"id": 3}]}
    found = iterate(lambda offset: Page(pages[offset], 5, 3), "id", on_rejected=rejected.append)
    assert [item["id"] for item in found] == [1, 2, 3]
    assert rejected == [2]
    assert caplog.records == []
