"""Replies in the shape that Minut's documentation shows, and the base of all other shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from airflow_provider_minut.sandbox.simulation.noise import NoiseEvent
from airflow_provider_minut.sandbox.simulation.readings import SENSORS, Bucket
from airflow_provider_minut.sandbox.simulation.timestamps import SECOND, to_iso

Item = dict[str, Any]
Page = Callable[[int, int], list[Item]]
"""Returns the items of a list from an offset on, at most as many as a limit."""


class Documented:
    """The documented fields, and those without which no public client works.

    :param seed: random seed of what a shape adds to the simulation.
    """

    has_paging: ClassVar[bool] = True

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def home(self, _number: int, home: Item, _grace_end: int | None) -> Item:
        """Return a home as it is sent.

        :param _number: number of the home.
        :param home: the home with all documented fields.
        :param _grace_end: end of the grace period before the alarm is armed, in milliseconds since the epoch.
        """
        return home

    def device(self, _number: int, device: Item) -> Item:
        """Return a device as it is sent.

        :param _number: number of the device.
        :param device: the device with all documented fields, its settings at the top level.
        """
        return device

    def home_event(self, event: Item) -> Item:
        """Return a home event as it is sent."""
        return event

    def history(self, _device: int, sensor: str, resolution: int, buckets: list[Bucket]) -> Item:
        """Return the history of a sensor as it is sent.

        :param _device: number of the device.
        :param sensor: a key of :data:`SENSORS`.
        :param resolution: length of a bucket, in milliseconds.
        :param buckets: buckets of the history, oldest first.
        """
        values = [{"datetime": to_iso(begin), **fields} for begin, fields in buckets]
        return {"unit": SENSORS[sensor][0], "time_resolution": resolution // SECOND, "values": values}

    def items(self, page: Page, offset: int, limit: int) -> list[Any]:
        """Return the items of a page of a list as they are sent."""
        return page(offset, limit)

    def paged(self, name: str, page: Page, count: int, offset: int, limit: int) -> Item:
        """Return a page of a list as it is sent.

        :param name: field that has the items.
        :param page: returns the items of a page.
        :param count: number of items of the whole list.
        """
        body: Item = {name: self.items(page, offset, limit)}
        if self.has_paging:
            body["paging"] = {"total_count": count, "limit": limit, "offset": offset}
        return body

    def added_events(self, _homes: int, _now: int) -> dict[int, tuple[NoiseEvent, ...]]:
        """Return events that exist only in this shape, by number of the home.

        :param _homes: number of homes.
        :param _now: current time, in milliseconds since the epoch.
        """
        return {}
