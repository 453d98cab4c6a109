"""Base of all resources: single objects and paginated lists."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from airflow_provider_minut.api.resources.pagination import Page, iterate, parse_page
from airflow_provider_minut.api.settings import ClientSettings
from airflow_provider_minut.api.times import parse_fields
from airflow_provider_minut.exceptions import (
    MinutConfigurationError,
    MinutRequestError,
    MinutResponseError,
)

log = logging.getLogger(__name__)

# Items per page. The API's maximum is not documented; if it rejects this page size, the client uses the
# smaller one, the only one in the documentation (Managing guests).
PAGE_SIZE = 100
DOCUMENTED_PAGE_SIZE = 30


class Resource:
    """Base class of the resources.

    :param settings: Settings of the client.
    """

    def __init__(self, settings: ClientSettings) -> None:
        self.settings = settings
        self._page_size = PAGE_SIZE

    def request(
        self, method: str, path: str, *, params: Mapping[str, Any] | None = None, json: Any = None
    ) -> Any:
        """Send a request to any endpoint and return the parsed JSON."""
        raise NotImplementedError

    def _get_object(self, path: str, id_field: str, times: Iterable[str] = ()) -> Any:
        data = self.request("GET", path)
        return checked_object(f"GET {path}", data, id_field, times)

    def _page(self, path: str, key: str, offset: int, params: Mapping[str, Any]) -> Page:
        """Return one page; use smaller pages from now on if the API rejects the page size."""
        for limit in sorted({self._page_size, min(self._page_size, DOCUMENTED_PAGE_SIZE)}, reverse=True):
            try:
                query = {**params, "limit": limit, "offset": offset}
                page = parse_page(f"GET {path}", self.request("GET", path, params=query), key, limit)
            except MinutRequestError as error:
                if error.status not in {400, 422} or limit <= DOCUMENTED_PAGE_SIZE:
                    raise
            else:
                if limit < self._page_size:
                    log.info("Minut rejected pages of %d items; using pages of %d.", self._page_size, limit)
                    self._page_size = limit
                return page
        raise AssertionError  # the last limit either raised or returned

    def _pages(self, path: str, key: str, params: Mapping[str, Any]) -> Callable[[int], Page]:
        return lambda offset: self._page(path, key, offset, params)

    def _list(
        self, path: str, key: str, id_field: str, times: Iterable[str] = (), params: Mapping[str, Any] = {}
    ) -> Iterator[Any]:
        for item in iterate(self._pages(path, key, params), id_field, name=f"list of {key}"):
            parse_fields(item, times)
            yield item


def checked_object(request: str, data: Any, id_field: str, times: Iterable[str] = ()) -> Any:
    """Return the data of a response if it is an object with an ID.

    :param request: Method and path, for the message.
    :param data: Parsed JSON of the response.
    :param id_field: Field that contains the ID.
    :param times: Fields to parse as times.
    :raises MinutResponseError: if the ID is missing.
    """
    if not isinstance(data, dict) or not isinstance(data.get(id_field), str) or not data[id_field]:
        raise MinutResponseError(f"{request} returned no {id_field}.")
    parse_fields(data, times)
    return data


def checked_id(name: str, value: str) -> str:
    """Return an ID that is safe in a path.

    :raises MinutConfigurationError: if it is not an ID.
    """
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9_-]+", value):
        raise MinutConfigurationError(name, "must be an ID of Minut, like 64aa0000000000000000b001")
    return value
