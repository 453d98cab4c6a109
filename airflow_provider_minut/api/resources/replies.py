"""Reads what the API returns: lenient in shape, strict in meaning.

Not all shapes are documented, and clients have seen several for the same endpoint. So each kind of reply is
read by what it is; an item that cannot be read does not affect the others; and a reply of which nothing can
be read is an error, not an empty result.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from airflow_provider_minut.api.resources.pagination import Item
from airflow_provider_minut.api.shapes import shape_text
from airflow_provider_minut.api.times import parse_fields
from airflow_provider_minut.api.values import id_of
from airflow_provider_minut.exceptions import MinutResponseError

log = logging.getLogger(__name__)

# Returns an item in the form of api.models; None if it cannot be read.
Reader = Callable[[Any], Item | None]
# Fields that accompany a list.
LIST_COMPANIONS = frozenset({"paging", "time_resolution", "unit"})


@dataclass(frozen=True, slots=True)
class ItemReader:
    """Reads objects that are identified by an ID. IDs that are whole numbers become text.

    :param id_field: Field that contains the ID.
    :param ids: Fields that contain other IDs.
    :param times: Fields that contain times.
    :param complete: Called with each object that has an ID, to read its other fields.
    """

    id_field: str
    ids: tuple[str, ...] = ()
    times: tuple[str, ...] = ()
    complete: Callable[[Item], None] | None = None

    def __call__(self, item: Any) -> Item | None:
        """Return the object; ``None`` if it has no ID."""
        if not isinstance(item, dict):
            return None
        found: Item = item
        identity = id_of(found.get(self.id_field))
        if identity is None:
            return None
        found[self.id_field] = identity
        for name in self.ids:
            if type(found.get(name)) is int:
                found[name] = str(found[name])
        parse_fields(found, self.times)
        if self.complete:
            self.complete(found)
        return found


def list_in(request: str, data: Any, key: str) -> list[Any]:
    """Return the list in a reply like ``{key: [...], "paging": {...}}``; an empty one if there is none.

    An empty body, ``{}``, ``null`` and a missing list are how the API has been seen to return nothing.

    :param request: Method and path, for the message.
    :param data: Parsed JSON of the response.
    :param key: Key of the list.
    :raises MinutResponseError: if the reply contains something else than a list.
    """
    if data is None:
        return []
    if isinstance(data, list):
        return data
    if isinstance(data, dict):
        items = data.get(key)
        if isinstance(items, list):
            return items
        if items is None and _is_empty(data, key):
            return []
    raise MinutResponseError(f"{request} returned no list of {key}, but {shape_text(data)}.")


def total_of(data: Any) -> int | None:
    """Return the length of the whole list of which a reply has a page; ``None`` if it does not say it."""
    paging = data.get("paging") if isinstance(data, dict) else None
    total = paging.get("total_count") if isinstance(paging, dict) else None
    return total if type(total) is int and total >= 0 else None


def _is_empty(data: Item, key: str) -> bool:
    """Return whether an object without a list means an empty list, and is not another kind of reply."""
    others = data.keys() - LIST_COMPANIONS - {key}
    if others and (len(others) == len(data) or any(_has_content(name, data[name]) for name in others)):
        return False
    return not total_of(data)


def _has_content(name: str, value: Any) -> bool:
    return bool(value) and (isinstance(value, dict | list) or name in {"error", "message"})


class ReplyReader:
    """Reads items, and counts and logs those that cannot be read. Thread-safe."""

    def __init__(self) -> None:
        self.rejected_count = 0
        """Number of items that could not be read."""
        self._lock = threading.Lock()
        self._logged: set[str] = set()

    def read_items(
        self, request: str, items: list[Any], read: Reader, *, may_be_unreadable: bool = False
    ) -> list[Item | None]:
        """Return the items in the form of the reader; ``None`` for one that it cannot read.

        :param request: Method and path, for messages.
        :param items: Items of one reply.
        :param may_be_unreadable: Whether it is no error if none of them can be read.
        :raises MinutResponseError: if there are items, and none of them can be read.
        """
        found = [read(item) for item in items]
        if None in found:
            unreadable = [item for item, read_item in zip(items, found, strict=True) if read_item is None]
            if len(unreadable) == len(items) and not may_be_unreadable:
                shape = shape_text(items)
                raise MinutResponseError(f"{request} returned only items that cannot be read: {shape}.")
            self.log_unreadable(request, unreadable)
        return found

    def reject(self, count: int) -> None:
        """Count items that could not be read."""
        with self._lock:
            self.rejected_count += count

    def log_unreadable(self, request: str, items: list[Any]) -> None:
        """Log the shapes of items that cannot be read, each once."""
        for shape in sorted({shape_text(item) for item in items}):
            with self._lock:
                is_new = shape not in self._logged
                self._logged.add(shape)
            if is_new:
                text = "%s returned an item that cannot be read, and is ignored and counted. Its shape: %s"
                log.warning(text, request, shape)
