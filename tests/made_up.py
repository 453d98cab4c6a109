"""An account that a test makes up, for a :class:`tests.replay.ReplyServer`."""

from __future__ import annotations

import json
import re
from collections import defaultdict

from airflow_provider_minut.api.times import from_text, to_text
from tests.replay import NOT_FOUND


class MadeUpAccount:
    """Lists of what the API returns, to be changed at any time, and the requests so far.

    ``events`` maps the ID of a home, ``readings`` the ID of a device and a sensor, to a list.
    """

    def __init__(self):
        self.homes = []
        self.devices = []
        self.events = defaultdict(list)
        self.readings = defaultdict(list)
        self.requests = []  # method and path of each

    def add_homes(self, count, first=1):
        self.homes += [home(f"home-{number:03}") for number in range(first, first + count)]

    def add_readings(self, device_id, sensor, start, count, step):
        """Add a device with readings of one sensor; each value is its number."""
        if device_id not in {device["device_id"] for device in self.devices}:
            self.devices.append({"device_id": device_id, "home": "home-001"})
        self.readings[device_id, sensor] += [
            {"datetime": to_text(start + step * number), "value": float(number)} for number in range(count)
        ]

    def answer(self, method, path, query, _body):
        """Return status and text of a reply."""
        self.requests.append(f"{method} {path}")
        if path == "/oauth/token":
            return 200, json.dumps({"access_token": "token", "token_type": "Bearer", "expires_in": 3600})
        if path in {"/homes", "/devices"}:
            return 200, _page(path[1:], getattr(self, path[1:]), query)
        if found := re.fullmatch(r"/homes/([^/]+)/events", path):
            return 200, _page("home_events", self.events[found[1]], query)
        if found := re.fullmatch(r"/devices/([^/]+)/([^/]+)", path):
            return 200, json.dumps({"time_resolution": 300, "values": self._between(found.groups(), query)})
        return NOT_FOUND

    def _between(self, series, query):
        start, end = from_text(query["start_at"]), from_text(query["end_at"])
        return [item for item in self.readings[series] if start <= from_text(item["datetime"]) < end]


def home(identity, name="Harbour", **fields):
    """Return a home as the API lists it."""
    return {
        "home_id": identity,
        "name": name,
        "timezone": "Europe/Stockholm",
        "alarm_status": "off",
        **fields,
    }


def event(identity, home_id, time, **fields):
    """Return an event as the API lists it.

    :param time: ISO 8601 text.
    """
    return {
        "event_id": identity,
        "home_id": home_id,
        "event_type": "noise_detected",
        "event_time": time,
        **fields,
    }


def _page(key, items, query):
    offset, limit = int(query.get("offset", 0)), int(query.get("limit", 10**6))
    paging = {"total_count": len(items), "limit": limit, "offset": offset}
    return json.dumps({key: items[offset : offset + limit], "paging": paging})
