"""Reads lists in pages of ``limit`` and ``offset`` so that no item is missing or duplicated.

If a list changes while it is read, the items behind the change move to other pages. So items are identified
by their ID, and each page begins with the last item of the page before. If that item is another one, the
length has changed, or fewer items than ``total_count`` were found, the list is read again for the missing
items.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

log = logging.getLogger(__name__)

Item = dict[str, Any]
# How often a list that keeps changing is read, including the first time.
MAX_PASSES = 5


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list.

    :param items: Items of the page; ``None`` for one that cannot be read.
    :param total: Number of items of the whole list; ``None`` if the response does not contain it.
    :param limit: Requested page size; ``None`` if none was requested.
    """

    items: list[Item | None]
    total: int | None
    limit: int | None

    @property
    def is_whole_list(self) -> bool:
        """Whether this is the last page although the length of the list is unknown.

        A list that was requested without a limit, or has more items than the limit, is not paginated.
        """
        return self.total is None and (self.limit is None or len(self.items) > self.limit)


def _identity(item: Item | None, id_field: str) -> str | None:
    return item[id_field] if item else None


def end_of(items: list[Item | None], id_field: str) -> tuple[str | None, int]:
    """Return the ID of the last readable item, and the number of items from there on.

    Without a readable item behind the first one: ``None`` and 0.
    """
    for count, item in enumerate(reversed(items[1:]), start=1):
        if item is not None:
            return item[id_field], count
    return None, 0


class _Pass:
    """One pass over a list, from its first page to its last."""

    def __init__(self) -> None:
        self.ids: set[str] = set()
        self.rejected = 0
        self._totals: set[int | None] = set()
        self._shifted = False
        self.total: int | None = None

    @property
    def count(self) -> int:
        """Number of items found, readable or not."""
        return len(self.ids) + self.rejected

    @property
    def was_stable(self) -> bool:
        """Whether the length of the list and the items at the page boundaries did not change meanwhile."""
        return len(self._totals) == 1 and not self._shifted

    @property
    def is_complete(self) -> bool:
        """Whether all items were found, and the list did not change meanwhile."""
        return self.was_stable and (self.total is None or self.count >= self.total)

    def items(self, fetch: Callable[[int], Page], first: Page | None, id_field: str) -> Iterator[Item]:
        """Yield each item once; count those that cannot be read."""
        offset = overlap = longest = 0
        last: str | None = None
        was_unreadable = False
        while True:
            page = first if first and not offset else fetch(offset - overlap)
            before, items = len(self.ids), page.items
            moved = bool(overlap) and (not items or _identity(items[0], id_field) != last)
            self._shifted |= moved
            new = items if moved else items[overlap:]
            for item in new:
                if item is not None and item[id_field] not in self.ids:
                    self.ids.add(item[id_field])
                    yield item
            found_none = len(self.ids) == before
            is_unreadable = bool(new) and new.count(None) == len(new)
            # Otherwise all items are known, and it may be a page that was read before.
            if not (found_none and offset and not is_unreadable) or (overlap and not moved):
                self.rejected += new.count(None)
            offset += len(items) - overlap  # not by the limit: the API may cap it, or ignore it
            self.total = page.total
            self._totals.add(page.total)
            if len(items) <= overlap or page.is_whole_list:
                return
            if self.total is not None:
                if offset >= self.total:
                    return
            # After a full page of items of which none can be read, there may be more.
            elif found_none and not moved and (not is_unreadable or was_unreadable or len(items) < longest):
                return
            was_unreadable, longest = is_unreadable, max(longest, len(items))
            # After a shift no further check is needed: the list is read again anyway.
            last, overlap = end_of(items, id_field) if not self._shifted else (None, 0)


def iterate(
    fetch: Callable[[int], Page],
    id_field: str,
    *,
    first: Page | None = None,
    name: str = "list",
    on_rejected: Callable[[int], None] = lambda _: None,
) -> Iterator[Item]:
    """Yield each item of a list once; only one page and the IDs are in memory.

    :param fetch: Returns the page at an offset.
    :param id_field: Field that identifies an item.
    :param first: The page at offset 0, if it is already available.
    :param name: Name of the list, for log messages.
    :param on_rejected: Called with the number of items that cannot be read.
    """
    seen: set[str] = set()
    fruitless = rejected = 0
    for _ in range(MAX_PASSES):
        current, before = _Pass(), len(seen)
        for item in current.items(fetch, first, id_field):
            if item[id_field] not in seen:
                yield item
        seen |= current.ids
        first = None
        if current.rejected > rejected:  # reading a list again finds the same ones again
            on_rejected(current.rejected - rejected)
            rejected = current.rejected
        if current.is_complete:
            return
        fruitless = fruitless + 1 if current.was_stable and len(seen) == before else 0
        if fruitless == 2:
            break
        log.debug("The %s changed while it was read; reading it again.", name)
    if current.was_stable:
        text = "The %s should have %s items, but repeated reading found only %d."
        log.warning(text, name, current.total, current.count)
    else:
        text = "The %s changed during each of %d reads; items may be missing."
        log.warning(text, name, MAX_PASSES)
