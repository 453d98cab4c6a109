"""Lists that change in every possible way while they are read, and then rest."""

from __future__ import annotations

from itertools import count

from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_minut.api.resources.pagination import Page, iterate

# What happens before a page is served: items come or go, at the start, the end, or in between.
changes = st.lists(st.tuples(st.sampled_from(["insert", "remove"]), st.floats(0, 1)), max_size=4)
REPLACED = [("remove", 0.0), ("insert", 1.0)]


class ChangingList:
    """Served in pages; each of ``changes`` is made before one page, and none after the last of them."""

    def __init__(self, size, limit, changes, *, cap=None, tells_total=True):
        self.ids, self.fresh = list(range(size)), count(10_000)
        self.limit, self.cap, self.tells_total = limit, cap or limit, tells_total
        self.changes = iter(changes)
        self.stayed = set(self.ids)
        self.asked = 0

    def page(self, offset):
        self.asked += 1
        for kind, where in next(self.changes, []):
            if kind == "insert":
                self.ids.insert(round(where * len(self.ids)), next(self.fresh))
            elif self.ids:
                self.stayed.discard(self.ids.pop(round(where * (len(self.ids) - 1))))
        items = [{"id": identity} for identity in self.ids[offset : offset + min(self.limit, self.cap)]]
        return Page(items, len(self.ids) if self.tells_total else None, self.limit)


@given(
    st.integers(0, 40),
    st.integers(2, 15),  # where a page is one item, a shift cannot be detected
    # Fewer pages than the first passes have: a list that never rests cannot be read to its end.
    st.lists(changes, max_size=4),
    st.none() | st.integers(2, 5),
    st.booleans(),
)
@example(20, 10, [[], REPLACED], None, True)
@example(20, 10, [[], [("remove", 0.0)]], None, False)
@example(20, 10, [[], REPLACED], None, False)
@example(3, 1, [], None, False)
def test_what_was_there_all_the_time_comes_once_whatever_changes(size, limit, changes, cap, tells_total):
    changing = ChangingList(size, limit, changes, cap=cap, tells_total=tells_total)
    found = [item["id"] for item in iterate(changing.page, "id")]
    assert len(found) == len(set(found))
    assert changing.stayed <= set(found)


@given(st.integers(0, 60), st.integers(2, 15), st.booleans())
def test_list_that_rests_is_read_once_in_its_order(size, limit, tells_total):
    resting = ChangingList(size, limit, [], tells_total=tells_total)
    assert [item["id"] for item in iterate(resting.page, "id")] == list(range(size))
    assert resting.asked <= 2 + size // (limit - 1)
