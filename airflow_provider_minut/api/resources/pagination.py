"""Lists that come in pages of ``limit`` and ``offset``, read so that no item is lost or comes twice.

A list that changes while it is read moves what is behind the change to other pages. So items are told
apart by their id, and each page begins with the last item of the one before: if another is there, or the
length changed, or less was found than ``total_count`` says, the list is read again for what is missing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from airflow_provider_minut.exceptions import MinutResponseError

log = logging.getLogger(__name__)

Item = dict[str, Any]
# How often a list that keeps changing is read, the first time included.
MAX_PASSES = 5


@dataclass(frozen=True, slots=True)
class Page:
    """One answer.

    :param items: what is on it.
    :param total: how many items the list has in all; ``None`` if the API does not say.
    :param limit: how many were asked for; ``None`` if that was left to the API.
    """

    items: list[Item]
    total: int | None
    limit: int | None

    @property
    def is_whole_list(self) -> bool:
        """Whether nothing comes after it although it does not say how long the list is.

        A list that was asked for without a limit, or comes with more than that, is not paged.
        """
        return self.total is None and (self.limit is None or len(self.items) > self.limit)


def parse_page(where: str, answer: Any, key: str, limit: int | None) -> Page:
    """Return the page in an answer like ``{key: [...], "paging": {"total_count": 3, ...}}``.

    :param where: the request, for the error.
    :raises MinutResponseError: there is no list of objects in it.
    """
    items = answer.get(key) if isinstance(answer, dict) else None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise MinutResponseError(f"{where} answered without a list of {key}.")
    paging = answer.get("paging")
    total = paging.get("total_count") if isinstance(paging, dict) else None
    return Page(items, total if type(total) is int and total >= 0 else None, limit)


def _identity(item: Item, id_field: str) -> str | int | None:
    """Return what tells an item apart; ``None`` if it has no id that could."""
    identity = item.get(id_field)
    return identity if isinstance(identity, str | int) else None


class _Reading:
    """One reading of a list from its first page to its last."""

    def __init__(self) -> None:
        self._ids: set[Any] = set()
        self._anonymous = 0
        self._totals: set[int | None] = set()
        self._shifted = False
        self.total: int | None = None

    @property
    def count(self) -> int:
        """How many items were found."""
        return len(self._ids) + self._anonymous

    @property
    def was_stable(self) -> bool:
        """Whether the list kept its length meanwhile, and what was at the edges of pages its place."""
        return len(self._totals) == 1 and not self._shifted

    @property
    def is_complete(self) -> bool:
        """Whether all of it was found, and it did not change meanwhile."""
        return self.was_stable and (self.total is None or self.count >= self.total)

    def items(self, fetch: Callable[[int], Page], first: Page | None, id_field: str) -> Iterator[Item]:
        """Yield each item once, as often as it comes if it has no id."""
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
            # Once an edge has moved, there is nothing more to find out: the list is read again anyway.
            last = _identity(items[-1], id_field)
            overlap = int(last is not None and len(items) > 1 and not self._shifted)


def iterate(
    fetch: Callable[[int], Page], id_field: str, *, first: Page | None = None, what: str = "list"
) -> Iterator[Item]:
    """Yield each item of a list once; one page and the ids are in memory.

    :param fetch: returns the page at an offset.
    :param id_field: tells items apart; an item without it is passed on as often as it comes.
    :param first: the page at offset 0, if it was fetched already.
    :param what: for the log.
    """
    seen: set[Any] = set()
    fruitless = 0
    for _ in range(MAX_PASSES):
        reading, before = _Reading(), len(seen)
        for item in reading.items(fetch, first, id_field):
            identity = _identity(item, id_field)
            if identity not in seen:
                if identity is not None:
                    seen.add(identity)
                yield item
        first = None
        if reading.is_complete:
            return
        fruitless = fruitless + 1 if reading.was_stable and len(seen) == before else 0
        if fruitless == 2:
            break
        log.debug("The %s changed while it was read; it is read again.", what)
    if reading.was_stable:
        text = "The %s should have %s items; %d were found, however often it is read."
        log.warning(text, what, reading.total, reading.count)
    else:
        log.warning("The %s changed each of the %d times it was read; it may lack items.", what, MAX_PASSES)
