"""Replies with what clients had to live with: missing and null fields, null items, and unusual text.

A null item is the only one that cannot be read. Every list has the items of the documented shape, and further
ones; every field that is not missing, null or ``"unknown"`` has the value of the documented shape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from airflow_provider_minut.sandbox.simulation.noise import OTHER, NoiseEvent
from airflow_provider_minut.sandbox.simulation.randomness import draw
from airflow_provider_minut.sandbox.simulation.readings import SENSORS, Bucket
from airflow_provider_minut.sandbox.simulation.shapes.documented import Documented, Item, Page
from airflow_provider_minut.sandbox.simulation.timestamps import DAY, HOUR, SECOND

_Change = Callable[[Item], Item]
_ONE_IN = 50  # values of a history, for each oddity
_OTHER_EVENT_HOMES, _OTHER_EVENT_DAYS = 50, 7
# A lone surrogate, NUL, an emoji, and text from right to left.
_SUFFIXES = (" \ud83d", " \x00", " \U0001f3e0", " \u202e\u05d1\u05d9\u05ea\u202c")


def _without(field: str) -> _Change:
    return lambda item: {name: value for name, value in item.items() if name != field}


def _with(field: str, value: Any) -> _Change:
    return lambda item: {**item, field: value}


def _extended(field: str, suffix: str) -> _Change:
    return lambda item: {**item, field: item[field] + suffix}


_HOMES = (
    _without("alarm_status"),
    _without("name"),
    *(_extended("name", suffix) for suffix in _SUFFIXES),
)
_DEVICES = (
    _without("latest_sensor_values"),
    _with("home", None),
    _without("battery"),
    _without("home"),
    _with("battery", {"percent": None}),
    _without("last_heard_from_at"),
    *(_extended("description", suffix) for suffix in _SUFFIXES),
)


class Odd(Documented):
    """One oddity for each home and device but the first, and for some of the values of a history."""

    def home(self, number: int, home: Item, _grace_end: int | None) -> Item:
        """Return a home, from the second on without a field or with an unusual name."""
        return self._changed(_HOMES, number, home)

    def device(self, number: int, device: Item) -> Item:
        """Return a device, from the second on without a field, with null, or with an unusual name."""
        return self._changed(_DEVICES, number, device)

    def history(self, device: int, sensor: str, resolution: int, buckets: list[Bucket]) -> Item:
        """Return a history with odd values; one of each device but the first is without values or null."""
        history = super().history(device, sensor, resolution, buckets)
        if device > 1 and list(SENSORS)[(device + self._seed) % len(SENSORS)] == sensor:
            return _without("values")(history) if device % 2 else history | {"values": None}
        items = zip(buckets, history["values"], strict=True)
        history["values"] = list(self._odd_values(device, sensor, items))
        return history

    def items(self, page: Page, offset: int, limit: int) -> list[Any]:
        """Return the items of a page; the second item of each list that is not empty is null."""
        if offset or limit == 1:
            return page(max(offset - 1, 0), limit)
        items = page(0, limit - 1)
        return [items[0], None, *items[1:]] if items else []

    def paged(self, name: str, page: Page, count: int, offset: int, limit: int) -> Item:
        """Return a page of a list with a null item, which counts as an item."""
        return super().paged(name, page, count + bool(count), offset, limit)

    def added_events(self, homes: int, now: int) -> dict[int, tuple[NoiseEvent, ...]]:
        """Return an event of an unknown type, of an unknown device, for each of the last days."""
        return {
            home: tuple(
                NoiseEvent(now - HOUR - day * DAY, 0, home, -day, OTHER, 0)
                for day in range(_OTHER_EVENT_DAYS)
            )
            for home in range(1, min(homes, _OTHER_EVENT_HOMES) + 1)
        }

    def _changed(self, changes: tuple[_Change, ...], number: int, item: Item) -> Item:
        return item if number == 1 else changes[(number - 2 + self._seed) % len(changes)](item)

    def _odd_values(
        self, device: int, sensor: str, items: Iterable[tuple[Bucket, Item]]
    ) -> Iterator[Item | None]:
        for (begin, _), item in items:
            oddity = int(_ONE_IN * draw(self._seed, "odd value", device, sensor, begin))
            null = item | {"value": None}
            odd: dict[int, list[Item | None]] = {
                0: [None, item],
                1: [item | {"value": "unknown"}],
                2: [null, item],
                3: [item, null],
                4: [item | {"datetime": begin // SECOND}],
            }
            yield from odd.get(oddity, [item])
