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

from airflow_provider_minut.exceptions import MinutResponseError

log = logging.getLogger(__name__)

Item = dict[str, Any]
# How often a list that keeps changing is read, including the first time.
MAX_PASSES = 5


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list.

    :param items: Items of the page.
    :param total: Number of items of the whole list; ``None`` if the response does not contain it.
    :param limit: Requested page size; ``None`` if none was requested.
    """

    items: list[Item]
    total: int | None
    limit: int | None

    @property
    def is_whole_list(self) -> bool:
        """Whether this is the last page although the length of the list is unknown.

        A list that was requested without a limit, or has more items than the limit, is not paginated.
        """
        return self.total is None and (self.limit is None or len(self.items) > self.limit)


def parse_page(request: str, data: Any, key: str, limit: int | None) -> Page:
    """Return the page in a response like ``{key: [...], "paging": {"total_count": 3, ...}}``.

    :param request: Method and path, for the message.
    :param data: Parsed JSON of the response.
    :param key: Key of the list.
    :param limit: Requested page size; ``None`` if none was requested.
    :raises MinutResponseError: if the response contains no list of objects.
    """
    items = data.get(key) if isinstance(data, dict) else None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise MinutResponseError(f"{request} returned no list of {key}.")
    paging = data.get("paging")
    total = paging.get("total_count") if isinstance(paging, dict) else None
    return Page(items, total if type(total) is int and total >= 0 else None, limit)


def _identity(item: Item, id_field: str) -> str | int | None:
    """Return the ID of an item; ``None`` if it has no usable one."""
    identity = item.get(id_field)
    return identity if isinstance(identity, str | int) else None


class _Pass:
    """One pass over a list, from its first page to its last."""

    def __init__(self) -> None:
        self._ids: set[Any] = set()
        self._anonymous = 0
        self._totals: set[int | None] = set()
        self._shifted = False
        self.total: int | None = None

    @property
    def count(self) -> int:
        """Number of items found."""
        return len(self._ids) + self._anonymous

    @property
    def was_stable(self) -> bool:
        """Whether the length of the list and the items at the page boundaries did not change meanwhile."""
        return len(self._totals) == 1 and not self._shifted

    @property
    def is_complete(self) -> bool:
        """Whether all items were found, and the list did not change meanwhile."""
        return self.was_stable and (self.total is None or self.count >= self.total)

    def items(self, fetch: Callable[[int], Page], first: Page | None, id_field: str) -> Iterator[Item]:
        """Yield each item once; an item without an ID each time that it occurs."""
        offset = overlap = 0
        last: str | int | None = None
        while True:
            page = first if first and not offset else fetch(offset - overlap)
            before, items = len(self._ids), page.items
            moved = bool(overlap) and (not items or _identity(items[0], id_field) != last)
            self._shifted |= moved
            for item in items if moved else items[overlap:]:
                identity = _identity(item, id_field)
                if identity is None:
                    self._anonymous += 1
                    yield item
                elif identity not in self._ids:
                    self._ids.add(identity)
                    yield item
            offset += len(items) - overlap  # not by the limit: the API may cap it, or ignore it
            self.total = page.total
            self._totals.add(page.total)
            if len(items) <= overlap or page.is_whole_list:
                return
            if len(self._ids) == before and not moved if self.total is None else offset >= self.total:
                return
            # After a shift no further check is needed: the list is read again anyway.
            last = _identity(items[-1], id_field)
            overlap = int(last is not None and len(items) > 1 and not self._shifted)


def iterate(
    fetch: Callable[[int], Page], id_field: str, *, first: Page | None = None, name: str = "list"
) -> Iterator[Item]:
    """Yield each item of a list once; only one page and the IDs are in memory.

    :param fetch: Returns the page at an offset.
    :param id_field: Field that identifies an item; an item without it is yielded each time that it occurs.
    :param first: The page at offset 0, if it is already available.
    :param name: Name of the list, for log messages.
    """
    seen: set[Any] = set()
    fruitless = 0
    for _ in range(MAX_PASSES):
        current, before = _Pass(), len(seen)
        for item in current.items(fetch, first, id_field):
            identity = _identity(item, id_field)
            if identity not in seen:
                if identity is not None:
                    seen.add(identity)
                yield item
        first = None
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
