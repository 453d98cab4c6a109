"""Replies without every field that may be missing."""

from __future__ import annotations

from typing import ClassVar

from airflow_provider_minut.sandbox.simulation.readings import Bucket
from airflow_provider_minut.sandbox.simulation.shapes.documented import Documented, Item


class Sparse(Documented):
    """The IDs, the home's name, the device's home, and the event's type and time; nothing else."""

    has_paging: ClassVar[bool] = False

    def home(self, _number: int, home: Item, _grace_end: int | None) -> Item:
        """Return the ID and the name of a home."""
        return {name: home[name] for name in ("home_id", "name")}

    def device(self, _number: int, device: Item) -> Item:
        """Return the ID and the home of a device."""
        return {name: device[name] for name in ("device_id", "home")}

    def home_event(self, event: Item) -> Item:
        """Return the type and the time of an event, its ID and that of its home."""
        return {name: event[name] for name in ("event_id", "event_type", "event_time", "home_id")}

    def history(self, device: int, sensor: str, resolution: int, buckets: list[Bucket]) -> Item:
        """Return a history, without values if there are none."""
        history = super().history(device, sensor, resolution, buckets)
        return history if buckets else {name: history[name] for name in ("unit", "time_resolution")}
