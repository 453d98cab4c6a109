"""What the API answers, as far as it is known. Unknown fields pass through untouched.

Fields that are not marked are documented, or always there in public clients of v8; all others may be
missing. Times are aware datetimes where this says so, and stay the text that came if they are no time.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NotRequired, TypedDict


class User(TypedDict):
    """``GET /users/me`` (developer.minut.com, Authentication). Minut sends more than is documented."""

    user_id: str
    fullname: NotRequired[str]
    email: NotRequired[str]


class Home(TypedDict):
    """A home. Only its id and name are known to be always there."""

    home_id: str
    name: NotRequired[str]
    timezone: NotRequired[str]
    alarm_status: NotRequired[str]
    alarm_mode: NotRequired[str]
    silent_alarm: NotRequired[bool]
    scheduled_alarm_active: NotRequired[bool]
    created_at: NotRequired[datetime]


class SensorValue(TypedDict):
    """The latest value of one sensor."""

    time: datetime
    value: float


class QuietHours(TypedDict):
    """When the lower threshold holds, as ``HH:MM`` in the home's own time zone."""

    enabled: bool
    start: str
    end: str


class Reaction(TypedDict):
    """A threshold (developer.minut.com, Thresholds). ``value`` is in the sensor's unit: dB(A) for sound."""

    type: str
    value: NotRequired[float]
    duration_seconds: NotRequired[int]
    notifications: NotRequired[list[str]]


class Device(TypedDict):
    """A device. Its name is ``description``, and ``home`` the id of its home."""

    device_id: str
    description: NotRequired[str]
    home: NotRequired[str]
    active: NotRequired[bool]
    offline: NotRequired[bool]
    last_heard_from_at: NotRequired[datetime]
    last_heartbeat_at: NotRequired[datetime]
    next_heartbeat_at: NotRequired[datetime]
    battery: NotRequired[dict[str, Any]]
    latest_sensor_values: NotRequired[dict[str, SensorValue]]
    reactions: NotRequired[list[Reaction]]
    quiet_hours: NotRequired[QuietHours]


def last_heard(device: Mapping[str, Any]) -> datetime | None:
    """Return when a device checked in last; ``None`` if Minut sent no such time."""
    times = [device.get(name) for name in ("last_heard_from_at", "last_heartbeat_at")]
    return max((time for time in times if isinstance(time, datetime)), default=None)


class Reading(TypedDict):
    """A value of a sensor's history: of the interval that begins at ``time``. ``None`` if there is none."""

    time: datetime
    value: float | None


class HomeEvent(TypedDict):
    """An event of a home (developer.minut.com, Fetching events)."""

    event_id: str
    event_type: str
    event_time: datetime
    home_id: str


class UserEvent(TypedDict):
    """An event of the user, as webhooks deliver them too (developer.minut.com, Events reference)."""

    id: str
    type: str
    created_at: datetime
    user_id: NotRequired[str]
    home_id: NotRequired[str]
    device_id: NotRequired[str]


class Webhook(TypedDict):
    """A webhook. ``hook_secret`` is in the answer to its creation only, and nowhere else ever again."""

    hook_id: str
    url: str
    events: NotRequired[list[str]]
    created_at: NotRequired[datetime]
    token: NotRequired[bool]
    hook_secret: NotRequired[str]
