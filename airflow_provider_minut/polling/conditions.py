"""Conditions that sensors wait for, the same in a worker and in the triggerer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_minut.api.models import Device
from airflow_provider_minut.api.times import to_text
from airflow_provider_minut.events import MAX_CLOCK_SKEW

if TYPE_CHECKING:
    from airflow_provider_minut.api.client import MinutClient

WAKE_UP_TOLERANCE = timedelta(milliseconds=100)
"""A sleep until the deadline may end slightly early; this must not cause a second poll."""


@dataclass(frozen=True, kw_only=True)
class PollResult:
    """Result of a poll.

    :param note: Description of the result, for logs and messages.
    :param result: Return value of the task, as JSON types; ``None`` if the wait is not over.
    :param not_before: Earliest useful time of the next poll; aware, ``None`` if unknown.
    """

    note: str
    result: Any = None
    not_before: datetime | None = None

    def next_at(self, now: datetime, interval: timedelta, deadline: datetime) -> datetime | None:
        """Return the time of the next poll; the last poll takes place at the deadline.

        :param now: Current time; aware, like ``deadline``.
        :return: ``None`` if no result is possible before the deadline.
        """
        if deadline - now < WAKE_UP_TOLERANCE or (self.not_before and self.not_before > deadline):
            return None
        return min(max(now + interval, self.not_before or now), deadline)


class Condition(Protocol):
    """A condition to wait for: a dataclass whose fields have JSON types."""

    def poll(self, client: MinutClient) -> PollResult:
        """Poll once.

        :raises MinutError: if a request fails.
        """


@dataclass(frozen=True, kw_only=True)
class HomeEventCondition:
    """An event in one of several homes (``GET /homes/{home_id}/events``).

    :param home_ids: IDs of the homes; one request each.
    :param event_types: Names of *home* events; any if empty.
    :param since: ISO 8601 with a time zone; events that occurred before are ignored.
    """

    home_ids: Sequence[str]
    event_types: Sequence[str]
    since: str

    def poll(self, client: MinutClient) -> PollResult:
        """Poll for events. The result is a list of events, oldest first, with times as ISO 8601 text."""
        since, until = datetime.fromisoformat(self.since), datetime.now(UTC) + MAX_CLOCK_SKEW
        events: list[dict[str, Any]] = []
        for home_id in self.home_ids:
            for event in client.iter_home_events(
                home_id, start_at=since, end_at=until, event_types=self.event_types
            ):
                time = event.get("event_time")
                text = to_text(time) if isinstance(time, datetime) else time
                events.append({**event, "event_time": text})
        events.sort(key=lambda event: (str(event["event_time"]), str(event.get("event_id"))))
        types = " or ".join(self.event_types) or f"event{'s' * (len(events) > 1)}"
        homes = f"{len(self.home_ids)} home{'s' * (len(self.home_ids) != 1)}"
        note = f"{len(events) or 'No'} {types} in {homes} since {to_text(since)}"
        return PollResult(note=note, result=events or None)


@dataclass(frozen=True, kw_only=True)
class HeartbeatCondition:
    """A device has reported measurements newer than a given time (``GET /devices/{device_id}``).

    Devices check in about once an hour. Minut advises against polling before ``next_heartbeat_at``, and
    blocks clients that poll too often (developer.minut.com, Sensor data).

    :param device_id: ID of the device.
    :param after: ISO 8601 with a time zone.
    """

    device_id: str
    after: str

    def poll(self, client: MinutClient) -> PollResult:
        """Poll the device. The result has ``device_id``, ``reported_at`` and ``next_heartbeat_at``."""
        device = client.get_device(self.device_id)
        reported_at, following = _reported_at(device), _time_or_none(device.get("next_heartbeat_at"))
        texts = {
            "reported_at": reported_at and to_text(reported_at),
            "next_heartbeat_at": following and to_text(following),
        }
        note = f"Device {self.device_id}: latest measurement at {texts['reported_at'] or 'an unknown time'}"
        note += f"; next check-in at {texts['next_heartbeat_at'] or 'an unknown time'}"
        if device.get("offline"):
            note += "; offline"
        if reported_at is None or reported_at <= datetime.fromisoformat(self.after):
            return PollResult(note=note, not_before=following)
        return PollResult(note=note, result={"device_id": self.device_id, **texts})


CONDITIONS: dict[str, type[Condition]] = {
    "home_event": HomeEventCondition,
    "heartbeat": HeartbeatCondition,
}


def _reported_at(device: Device) -> datetime | None:
    """Return the time of the latest measurement, or of the last check-in if there is none."""
    values = device.get("latest_sensor_values")
    values = values if isinstance(values, dict) else {}
    times = [_time_or_none(value.get("time")) for value in values.values() if isinstance(value, dict)]
    known = [time for time in times if time]
    # Not the heartbeat: whether one uploads measurements is not documented.
    return max(known) if known else _time_or_none(device.get("last_heard_from_at"))


def _time_or_none(value: Any) -> datetime | None:
    return value if isinstance(value, datetime) else None
