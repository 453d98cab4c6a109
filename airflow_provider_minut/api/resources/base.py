"""Base of all resources: single objects and paginated lists."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import Any

from airflow_provider_minut.api.resources.pagination import Page, iterate
from airflow_provider_minut.api.resources.prefetch import PageReader
from airflow_provider_minut.api.resources.replies import ItemReader, ReplyReader, list_in, total_of
from airflow_provider_minut.api.settings import ClientSettings
from airflow_provider_minut.api.shapes import shape_text
from airflow_provider_minut.exceptions import MinutRequestError, MinutResponseError

log = logging.getLogger(__name__)

# Items per page. The API's maximum is not documented; if it rejects this page size, the client uses the
# smaller one (the documentation's examples have 30, Managing guests, and 50, Fetching events).
PAGE_SIZE = 100
DOCUMENTED_PAGE_SIZE = 30


class Resource:
    """Base class of the resources.

    :param settings: Settings of the client.
    :param max_in_flight: Number of requests to send at once, for lists and for callers that read several
        things; 1 starts no threads.
    """

    def __init__(self, settings: ClientSettings, *, max_in_flight: int = 1) -> None:
        self.settings = settings
        self.max_in_flight = max_in_flight
        self._page_size = PAGE_SIZE
        self._adaption_lock = threading.Lock()
        self._replies = ReplyReader()

    @property
    def rejected_count(self) -> int:
        """Number of items in responses that could not be read, so far."""
        return self._replies.rejected_count

    def request(
        self, method: str, path: str, *, params: Mapping[str, Any] | None = None, json: Any = None
    ) -> Any:
        """Send a request to any endpoint and return the parsed JSON."""
        raise NotImplementedError

    def _read_object(self, method: str, path: str, read: ItemReader, *, json: Any = None) -> Any:
        """Send a request and return the object in its response."""
        data = self.request(method, path, json=json)
        found = read(data)
        if found is None:
            raise MinutResponseError(f"{method} {path} returned no {read.id_field}, but {shape_text(data)}.")
        return found

    def _write(self, method: str, path: str, json: Any) -> Any:
        """Send a request that is successful whatever object its response contains, and return that."""
        data = self.request(method, path, json=json)
        if data is not None and not isinstance(data, dict | list):
            raise MinutResponseError(
                f"{method} {path} returned {shape_text(data)}, not an object. "
                "The request may still have been processed; verify before retrying."
            )
        return data

    def _page(
        self,
        path: str,
        key: str,
        read: ItemReader,
        offset: int,
        params: Mapping[str, Any],
        *,
        limit: int | None,
    ) -> Page:
        """Return one page."""
        query = {**params, "limit": limit, "offset": offset or (0 if limit else None)}
        request = f"GET {path}"
        data = self.request("GET", path, params=query)
        items = list_in(request, data, key)
        total = total_of(data)
        # The last page may happen to have only such items; the pages before it are not lost for that.
        is_rest = offset > 0 and (total is not None or limit is None or len(items) < limit)
        found = self._replies.read_items(request, items, read, may_be_unreadable=is_rest)
        return Page(found, total, limit)

    def _adapted_page(
        self, path: str, key: str, read: ItemReader, offset: int, params: Mapping[str, Any]
    ) -> Page:
        """Return one page; use smaller pages from now on if the API rejects the page size."""
        for limit in sorted({self._page_size, min(self._page_size, DOCUMENTED_PAGE_SIZE)}, reverse=True):
            try:
                page = self._page(path, key, read, offset, params, limit=limit)
            except MinutRequestError as error:
                if error.status not in {400, 422} or limit <= DOCUMENTED_PAGE_SIZE:
                    raise
            else:
                self._adapt_page_size(limit)
                return page
        raise AssertionError  # the last limit either raised or returned

    def _adapt_page_size(self, limit: int) -> None:
        with self._adaption_lock:
            if limit < self._page_size:
                log.info("Minut rejected pages of %d items; using pages of %d.", self._page_size, limit)
                self._page_size = limit

    def _list(
        self,
        path: str,
        key: str,
        read: ItemReader,
        *,
        params: Mapping[str, Any] = {},
        first: Page | None = None,
        whole: bool = True,
    ) -> Iterator[Any]:
        """Return each item of a paginated list once.

        :param key: Key of the list; also its name in log messages.
        :param first: The page at offset 0, if it is already available.
        :param whole: Whether the caller reads the whole list, so that pages may be requested ahead.
        """
        return self._iterate(
            lambda offset: self._adapted_page(path, key, read, offset, params), key, read, first, whole=whole
        )

    def _whole_list(self, path: str, key: str, read: ItemReader) -> Iterator[Any]:
        """Return each item of a list that is requested without a limit, and of its pages if it has any."""
        return self._iterate(lambda offset: self._page(path, key, read, offset, {}, limit=None), key, read)

    def _iterate(
        self,
        fetch: Callable[[int], Page],
        key: str,
        read: ItemReader,
        first: Page | None = None,
        *,
        whole: bool = True,
    ) -> Iterator[Any]:
        name = f"list of {key.replace('_', ' ')}"
        at_once = self.max_in_flight if whole else 1
        with closing(PageReader(fetch, read.id_field, max_in_flight=at_once, first=first)) as pages:
            yield from iterate(pages, read.id_field, first=first, name=name, on_rejected=self._replies.reject)
