"""Replies of a fake account, as the newest public clients saw them, and a client that returns them."""

from __future__ import annotations

import copy
from datetime import UTC, datetime

from airflow_provider_minut.api_check.analysis import analyse
from airflow_provider_minut.api_check.features import FEATURES, assess
from airflow_provider_minut.api_check.field_names import FieldNames
from airflow_provider_minut.api_check.replies import request_all

NOW = datetime(2026, 6, 2, 10, tzinfo=UTC)
TIME = "2026-06-01T10:00:00.000Z"
HOME = {
    "home_id": "64aa0000000000000000b001",
    "name": "Harbour Loft",
    "timezone": "Europe/Stockholm",
    "alarm_status": "off",
    "alarm_mode": "manual",
    "silent_alarm": False,
    "scheduled_alarm_active": False,
    "created_at": TIME,
}
DEVICE = {
    "device_id": "64aa0000000000000000d001",
    "description": "Hallway",
    "home": HOME["home_id"],
    "active": True,
    "offline": False,
    "last_heard_from_at": TIME,
    "next_heartbeat_at": TIME,
    "first_seen_at": TIME,
    "battery": {"percent": 87},
    "charge_status": "discharging",
    "mount_status": "mounted",
    "wlan": {"rssi": -61},
    "firmware": {"installed": "1.2.3-a"},
    "latest_sensor_values": {"sound": {"time": TIME, "value": 38.5}},
    "configuration": {
        "reactions": [{"type": "sound_level_high", "value": 75}],
        "quiet_hours": {"enabled": True, "start": "22:00", "end": "07:00"},
    },
}
HISTORY = {"unit": "", "time_resolution": 300, "values": [{"datetime": TIME, "value": 38.5}]}
EVENT = {"event_id": "e1", "event_type": "noise_detected", "event_time": TIME, "home_id": HOME["home_id"]}
REPLIES = {
    "/users/me": {"user_id": "64aa0000000000000000a001", "fullname": "Alex", "email": "alex@example.com"},
    "/homes": {"homes": [HOME]},
    "/devices": {"devices": [DEVICE]},
    f"/homes/{HOME['home_id']}": HOME,
    f"/homes/{HOME['home_id']}/events": {
        "home_events": [EVENT],
        "paging": {"total_count": 1, "limit": 100, "offset": 0},
    },
    f"/devices/{DEVICE['device_id']}": DEVICE,
    **{
        f"/devices/{DEVICE['device_id']}/{sensor}": HISTORY
        for sensor in ("sound_level", "temperature", "humidity", "pressure", "battery")
    },
    f"/devices/{DEVICE['device_id']}/motion_events": {**HISTORY, "values": [[1776247200, 3], None]},
    "/events": {"events": [{"id": "u1", "type": "battery_low", "created_at": TIME}]},
    "/webhooks": {
        "hooks": [
            {
                "hook_id": "h1",
                "url": "https://example.com",
                "events": ["*"],
                "created_at": TIME,
                "token": True,
            }
        ]
    },
    "/organizations": {"organizations": [{"id": "o1"}]},
}
HOME_PATH, DEVICE_PATH = f"/homes/{HOME['home_id']}", f"/devices/{DEVICE['device_id']}"


class FakeClient:
    """Returns the replies of the account, and records what it was asked for."""

    def __init__(self, changes=()):
        self.replies = copy.deepcopy(REPLIES) | dict(changes)
        self.requests = []

    def request(self, method, path, *, params=None):
        self.requests.append((method, path, params))
        reply = self.replies[path]
        if isinstance(reply, Exception):
            raise reply
        return reply


def check(changes=()):
    """Check an account whose replies differ from the usual ones; return the findings by path."""
    replies = list(request_all(FakeClient(changes), NOW))
    shown = FieldNames(reply.data for reply in replies)
    return {reply.endpoint.path: analyse(reply, shown) for reply in replies}


def assessed(changes=()):
    """Return the assessments of an account by the key of the feature."""
    findings = check(changes)
    return {feature.key: assess(feature, findings) for feature in FEATURES}
