"""The homes and devices. Nothing is stored: everything is derived from their numbers, which start at 1."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from airflow_provider_minut.sandbox.simulation.timestamps import HOUR

_ID = re.compile(r"64aa([0-9a-f]{16})([bd])([0-9a-f]{3})")
_KINDS = {"home": "b", "device": "d"}
_HOMES = (("Harbour Loft", "Europe/Stockholm"), ("Garden Studio", "Europe/Lisbon"))
_DEVICES = (("Hallway", 1), ("Kitchen", 1), ("Studio", 2))
_ZONES = (
    "Europe/Stockholm",
    "Europe/Lisbon",
    "Europe/London",
    "Europe/Berlin",
    "America/New_York",
    "America/Los_Angeles",
    "Australia/Sydney",
)


class UnknownIdError(ValueError):
    """There is no home or no device with an ID."""


def home_id(number: int) -> str:
    """Return the ID of a home."""
    return _id("home", number)


def device_id(number: int) -> str:
    """Return the ID of a device."""
    return _id("device", number)


def home_name(number: int) -> str:
    """Return the initial name of a home."""
    return _HOMES[number - 1][0] if number <= len(_HOMES) else f"Home {number}"


def device_name(number: int) -> str:
    """Return the initial name of a device."""
    return _DEVICES[number - 1][0] if number <= len(_DEVICES) else f"Device {number}"


def home_zone(number: int) -> str:
    """Return the name of a home's time zone."""
    return _HOMES[number - 1][1] if number <= len(_HOMES) else _ZONES[number % len(_ZONES)]


def local_time(home: int, time_ms: int) -> int:
    """Return the local time of a home, as milliseconds since 1970-01-01 00:00 local time."""
    return time_ms + _offset(home_zone(home), time_ms // HOUR)


@lru_cache(maxsize=4096)
def _offset(zone: str, hour: int) -> int:
    # In all of these zones the UTC offset changes on a full hour.
    offset = datetime.fromtimestamp(hour * 3600, ZoneInfo(zone)).utcoffset()
    return int(offset.total_seconds()) * 1000 if offset else 0


@dataclass(frozen=True)
class Fleet:
    """The homes and devices of one sandbox.

    :param homes: number of homes, at least 1.
    :param devices: number of devices.
    :param silent: number of devices that no longer check in.
    """

    homes: int
    devices: int
    silent: int = 0

    def home_number(self, id_: str) -> int:
        """Return the number of the home with this ID.

        :raises UnknownIdError: if there is none.
        """
        return _number("home", id_, self.homes)

    def device_number(self, id_: str) -> int:
        """Return the number of the device with this ID.

        :raises UnknownIdError: if there is none.
        """
        return _number("device", id_, self.devices)

    def home_of(self, device: int) -> int:
        """Return the number of the home that a device is in."""
        if device <= len(_DEVICES):
            return min(_DEVICES[device - 1][1], self.homes)
        return 1 + (device - 1) % self.homes

    def is_silent(self, device: int) -> bool:
        """Return whether a device no longer checks in; such devices are spread evenly over the fleet."""
        return device * self.silent // self.devices > (device - 1) * self.silent // self.devices


def _id(kind: str, number: int) -> str:
    return f"64aa{number >> 12:016x}{_KINDS[kind]}{number & 0xFFF:03x}"


def _number(kind: str, id_: str, count: int) -> int:
    match = _ID.fullmatch(id_)
    number = int(match[1] + match[3], 16) if match and match[2] == _KINDS[kind] else 0
    if not 1 <= number <= count:
        raise UnknownIdError(f"{kind}_id: must be the ID of a {kind}; GET /{kind}s lists them")
    return number
