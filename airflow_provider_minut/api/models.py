"""Types of the API's responses, as far as known. Unknown fields are passed through unchanged.

Required fields are documented, or always present in public clients of v8; ``NotRequired`` fields may be
missing. Fields of type ``datetime`` are aware; text that is not a time is passed through unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NotRequired, TypedDict


class User(TypedDict):
    """A user, from ``GET /users/me`` (developer.minut.com, Authentication). Not all fields are documented."""

    user_id: str
    fullname: NotRequired[str]
    email: NotRequired[str]


class Home(TypedDict):
    """A home. Only its ID is known to be always present."""

    home_id: str
    name: NotRequired[str]
    timezone: NotRequired[str]
    alarm_status: NotRequired[str]
    detailed_alarm_status: NotRequired[str]
    alarm_mode: NotRequired[str]
    silent_alarm: NotRequired[bool]
    scheduled_alarm_active: NotRequired[bool]
    created_at: NotRequired[datetime]


class SensorValue(TypedDict):
    """The latest value of one sensor."""

    time: datetime
    value: float


class QuietHours(TypedDict):
    """The hours in which the lower threshold applies, as ``HH:MM`` in the home's time zone."""

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
    """A device. ``description`` is its name, ``home`` the ID of its home.

    Clients have seen reactions and quiet hours in ``configuration``; ``reactions_of`` and ``quiet_hours_of``
    of ``api.resources.thresholds`` find them in either place.
    """

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
    mount_status: NotRequired[str]
    charge_status: NotRequired[str]
    wlan: NotRequired[dict[str, Any]]
    firmware: NotRequired[dict[str, Any]]
    reactions: NotRequired[list[Reaction]]
    quiet_hours: NotRequired[QuietHours]
    configuration: NotRequired[dict[str, Any]]


def last_heard(device: Mapping[str, Any]) -> datetime | None:
    """Return when a device checked in last; ``None`` if Minut sent no such time."""
    times = [device.get(name) for name in ("last_heard_from_at", "last_heartbeat_at")]
    return max((time for time in times if isinstance(time, datetime)), default=None)


class Reading(TypedDict):
    """A value of a sensor for the interval that begins at ``time``; ``None`` if there is none.

    ``additional_fields`` has what Minut sent as ``value`` if that is not a number.
    """

    time: datetime
    value: float | None
    additional_fields: NotRequired[dict[str, Any]]


class HomeEvent(TypedDict):
    """An event of a home (developer.minut.com, Fetching events)."""

    event_id: str
    event_type: str
    event_time: datetime
    home_id: str


class UserEvent(TypedDict):
    """An event of the user, as webhooks deliver it too (developer.minut.com, Events reference)."""

    id: str
    type: str
    created_at: datetime
    user_id: NotRequired[str]
    home_id: NotRequired[str]
    device_id: NotRequired[str]


class Webhook(TypedDict):
    """A webhook. ``hook_secret`` is only in the response to its creation."""

    hook_id: str
    url: str
    events: NotRequired[list[str]]
    created_at: NotRequired[datetime]
    token: NotRequired[bool]
    hook_secret: NotRequired[str]
