"""Replies in the shapes of earlier versions of the API."""

from __future__ import annotations

from airflow_provider_minut.sandbox.simulation.catalog import USER
from airflow_provider_minut.sandbox.simulation.readings import Bucket
from airflow_provider_minut.sandbox.simulation.shapes.documented import Item
from airflow_provider_minut.sandbox.simulation.shapes.seen import Seen
from airflow_provider_minut.sandbox.simulation.timestamps import HISTORY_START, SECOND, to_iso

_WITH_TEXT = ("sound_level", "temperature")  # the times of these sensors; those of others are whole seconds


class Old(Seen):
    """All histories as pairs, ``home_id`` instead of ``home``, and everything under ``configuration``."""

    def home(self, _number: int, home: Item, _grace_end: int | None) -> Item:
        """Return a home without what only clients of v8 were seen to read."""
        return home

    def device(self, number: int, device: Item) -> Item:
        """Return a device with the names and the place of its fields in v1 and v5."""
        sent = super().device(number, device)
        for name in ("home", "next_heartbeat_at"):
            del sent[name]
        latest = {
            "sound_pressure" if name == "sound" else name: value
            for name, value in device["latest_sensor_values"].items()
        }
        configuration = {
            "version": 1,
            "installed_on_device_at": device["last_heard_from_at"],
            "updated_at": to_iso(HISTORY_START),
            "room_type": None,
            **sent["configuration"],
        }
        moved = {"latest_sensor_values": latest, "configuration": configuration}
        return sent | moved | {"home_id": device["home"], "owner": USER["user_id"], "listening_mode": "on"}

    def history(self, device: int, sensor: str, resolution: int, buckets: list[Bucket]) -> Item:
        """Return a history as pairs of a time and a value."""
        history = super().history(device, sensor, resolution, buckets)
        history["values"] = [
            [to_iso(begin) if sensor in _WITH_TEXT else begin // SECOND, fields["value"]]
            for begin, fields in buckets
        ]
        return history
