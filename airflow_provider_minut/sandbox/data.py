"""Who and what lives in the sandbox."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

USER: dict[str, Any] = {
    "user_id": "64aa0000000000000000a001",
    "fullname": "Alex Sandbox",
    "email": "alex@sandbox.example",
}

HOMES: list[dict[str, Any]] = [
    {"home_id": "64aa0000000000000000b001", "name": "Harbour Loft", "timezone": "Europe/Stockholm"},
    {"home_id": "64aa0000000000000000b002", "name": "Garden Studio", "timezone": "Europe/Lisbon"},
]

_DEVICES = (
    ("64aa0000000000000000d001", "Hallway", 0),
    ("64aa0000000000000000d002", "Kitchen", 0),
    ("64aa0000000000000000d003", "Studio", 1),
)


def devices(now: datetime | None = None) -> list[dict[str, Any]]:
    """Return the devices as they checked in last, at most an hour before ``now`` (aware; default: now)."""
    now = now or datetime.now(UTC)
    heard = now.replace(minute=2, second=10, microsecond=0)
    if heard > now:
        heard -= timedelta(hours=1)
    values = {"temperature": 21.4375, "sound": 38.25, "humidity": 44.5}
    return [
        {
            "device_id": device_id,
            "description": name,
            "home": HOMES[home]["home_id"],
            "active": True,
            "offline": False,
            "last_heard_from_at": _iso(heard),
            "next_heartbeat_at": _iso(heard + timedelta(hours=1)),
            "battery": {"percent": 87},
            "latest_sensor_values": {k: {"time": _iso(heard), "value": v} for k, v in values.items()},
        }
        for device_id, name, home in _DEVICES
    ]


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
