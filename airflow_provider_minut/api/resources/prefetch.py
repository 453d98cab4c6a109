"""Requests the pages of a list ahead, at the offsets at which they will probably be needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from airflow_provider_minut.api.overlap import is_next, read_ahead
from airflow_provider_minut.api.resources.pagination import Page, end_of


class PageReader:
    """Returns the pages of a list; once its length is known, the next pages are requested ahead.

    An offset that was not predicted ends that, because the list changes or has items that cannot be read.

    :param fetch: Returns the page at an offset.
    :param id_field: Field that identifies an item.
    :param max_in_flight: Number of pages to request at once; 1 requests none ahead.
    :param first: The page at offset 0, if it is already available.
    """

    def __init__(
        self, fetch: Callable[[int], Page], id_field: str, *, max_in_flight: int, first: Page | None = None
    ) -> None:
        self._fetch = fetch
        self._id_field = id_field
        self._max_in_flight = max_in_flight
        self._following: Iterator[tuple[int, Iterator[Page]]] = iter(())
        if first:
            self._predict(0, first)

    def __call__(self, offset: int) -> Page:
        """Return the page at an offset."""
        predicted, pages = next(self._following, (None, iter(())))
        if predicted == offset:
            return next(pages)
        if predicted is not None:
            self._max_in_flight = 1
            self.close()
        page = self._fetch(offset)
        self._predict(offset, page)
        return page

    def close(self) -> None:
        """Drop the pages that were requested ahead."""
        following: Any = self._following
        self._following = iter(())
        if hasattr(following, "close"):
            following.close()

    def _predict(self, offset: int, page: Page) -> None:
        # Each page begins with the last item of the page before.
        _, overlap = end_of(page.items, self._id_field)
        step = len(page.items) - 1
        # What is not needed next is read beside others anyway.
        if self._max_in_flight == 1 or page.total is None or step < 1 or not is_next():
            return
        offsets = range(offset + len(page.items) - overlap, page.total - 1, step)
        fetch = self._fetch  # not self: the threads would keep this object, and itself them
        self._following = read_ahead(
            offsets, lambda start: (fetch(start),), max_in_flight=self._max_in_flight
        )
