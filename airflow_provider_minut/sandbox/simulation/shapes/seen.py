"""Replies in the newest shape that public clients were seen to parse."""

from __future__ import annotations

from airflow_provider_minut.sandbox.simulation.catalog import USER
from airflow_provider_minut.sandbox.simulation.randomness import draws, hex_id
from airflow_provider_minut.sandbox.simulation.readings import Bucket
from airflow_provider_minut.sandbox.simulation.shapes.documented import Documented, Item
from airflow_provider_minut.sandbox.simulation.timestamps import HISTORY_START, SECOND, to_iso

GRACE_PERIOD = 45 * SECOND  # seen in Minut's help articles
SETTINGS = ("reactions", "quiet_hours")


class Seen(Documented):
    """Motion as pairs, settings under ``configuration``, and every field that a client of v8 reads."""

    def home(self, number: int, home: Item, grace_end: int | None) -> Item:
        """Return a home with the state of its alarm in detail, its address and its members."""
        return {
            **home,
            "detailed_alarm_status": "on_grace_period" if grace_end else home["alarm_status"],
            "alarm_off_grace_period_secs": GRACE_PERIOD // SECOND,
            "grace_period_expires_at": to_iso(grace_end) if grace_end else None,
            "created_at": to_iso(HISTORY_START),
            "address": {"street_name1": f"Sandbox Street {number}", "city": "Sandbox", "country": "SE"},
            "members": [USER],
        }

    def device(self, number: int, device: Item) -> Item:
        """Return a device with its settings under ``configuration``, and what is known of its hardware."""
        configuration = {name: device[name] for name in SETTINGS}
        others = {name: value for name, value in device.items() if name not in SETTINGS}
        return others | self.hardware(number, device["last_heard_from_at"]) | {"configuration": configuration}

    def hardware(self, number: int, heard_at: str) -> Item:
        """Return the fields that describe the hardware of a device and its state.

        :param number: number of the device.
        :param heard_at: time of its last check-in.
        """
        signal, version, *_ = draws(self._seed, "hardware of", number)
        return {
            "device_mac": hex_id(self._seed, "address of", number)[:12],
            "hardware_version": 3,
            "firmware": {"installed": "3.4.1", "wanted": "3.4.1" if version < 0.8 else "3.5.0"},
            "wlan": {"rssi": -45 - int(40 * signal)},
            "mount_status": "mounted",
            "charge_status": "not_charging",
            "mould_risk_level": "low",
            "insights": {},
            "ongoing_events": [],
            "muted_until": None,
            "first_seen_at": to_iso(HISTORY_START),
            "last_heartbeat_at": heard_at,
        }

    def history(self, device: int, sensor: str, resolution: int, buckets: list[Bucket]) -> Item:
        """Return a history, that of motion as pairs of whole seconds and counts."""
        history = super().history(device, sensor, resolution, buckets)
        if sensor == "motion_events":
            history["values"] = [[begin // SECOND, fields["value"]] for begin, fields in buckets]
        return history
