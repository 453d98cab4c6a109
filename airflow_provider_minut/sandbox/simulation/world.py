"""The homes, devices and events of a running sandbox, in the format of the API."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_minut.sandbox.simulation.catalog import USER, USER_EVENT_NAMES
from airflow_provider_minut.sandbox.simulation.check_ins import CheckIns, Outage
from airflow_provider_minut.sandbox.simulation.events import ALL, HomeEvents
from airflow_provider_minut.sandbox.simulation.fleet import (
    Fleet,
    device_id,
    device_name,
    home_id,
    home_name,
    home_zone,
)
from airflow_provider_minut.sandbox.simulation.noise import (
    DETECTED,
    OTHER,
    QUIET_LEVEL,
    THRESHOLD,
    NoiseEvent,
    NoiseSchedule,
)
from airflow_provider_minut.sandbox.simulation.randomness import hex_id
from airflow_provider_minut.sandbox.simulation.readings import Readings
from airflow_provider_minut.sandbox.simulation.shapes.named import SHAPES
from airflow_provider_minut.sandbox.simulation.shapes.seen import GRACE_PERIOD
from airflow_provider_minut.sandbox.simulation.timestamps import (
    DAY,
    HISTORY_START,
    SECOND,
    from_datetime,
    to_iso,
)
from airflow_provider_minut.sandbox.simulation.uploads import Uploads

if TYPE_CHECKING:
    from airflow_provider_minut.sandbox.config import SandboxConfig

HOME_EVENT_TYPES = ("noise_detected", "noise_quieted")
USER_EVENT_TYPES = ("disturbance_first_notice", "disturbance_ended")
OTHER_EVENT_TYPE = "type_of_next_year"  # which no client knows
EVENT_TYPES = sorted({*USER_EVENT_NAMES, *HOME_EVENT_TYPES})
USER_EVENT_HOMES = 50  # an assumption
USER_EVENT_DAYS = 7  # an assumption
ALARM = {
    "alarm_status": "off",
    "alarm_mode": "manual",
    "silent_alarm": False,
    "scheduled_alarm_active": False,
}
_THRESHOLD = {"type": "sound_level_high", "notifications": [], "value": THRESHOLD, "duration_seconds": 600}
_QUIET_HOURS = {"enabled": False, "start": "22:00", "end": "07:00"}


class World:
    """The simulated homes, devices and events. Only changes, offline periods and added events are stored.

    :param config: configuration of the fleet.
    :param clock: returns the current time, in seconds since the epoch.
    :raises ValueError: if an offline period is invalid.
    """

    def __init__(self, config: SandboxConfig, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.shape = SHAPES[config.shape](config.seed)
        self.fleet = Fleet(config.homes, config.devices, round(config.silent_share * config.devices))
        self._seed = config.seed
        self._schedule = NoiseSchedule(config.seed, config.noisy_periods_per_day, config.late_share)
        self._check_ins = CheckIns(config.seed, self.fleet, config.late_share, self.now())
        self._uploads = Uploads(
            config.seed, self._check_ins, config.upload_order, config.uploads_per_check_in
        )
        self._readings = Readings(config.seed, self.fleet, self._schedule)
        self._lock = threading.Lock()
        self._changed_homes: dict[int, dict[str, Any]] = {}
        self._changed_devices: dict[int, dict[str, Any]] = {}
        self._grace_ends: dict[int, int] = {}  # in milliseconds since the epoch, by number of the home
        self._added = self.shape.added_events(self.fleet.homes, self.now())
        self._numbers = itertools.count(1)
        self._emitted: list[tuple[int, dict[str, Any]]] = []
        for period in config.offline:
            self.set_offline(period.device_id, period.start, period.end, measures=period.measures)

    def now(self) -> int:
        """Return the current time, in milliseconds since the epoch."""
        return int(self._clock() * SECOND)

    def home(self, number: int) -> dict[str, Any]:
        """Return a home."""
        home = {"home_id": home_id(number), "name": home_name(number), "timezone": home_zone(number), **ALARM}
        home |= self._changed_homes.get(number, {})
        grace_end = self._grace_ends.get(number, 0)
        is_arming = home["alarm_status"] == "on" and self.now() < grace_end
        return self.shape.home(number, home, grace_end if is_arming else None)

    def change_home(self, number: int, changes: dict[str, Any]) -> dict[str, Any]:
        """Update some fields of a home and return it."""
        with self._lock:
            before = self._changed_homes.get(number, {}).get("alarm_status")
            if changes.get("alarm_status") == "on" != before:
                self._grace_ends[number] = self.now() + GRACE_PERIOD
            self._changed_homes[number] = self._changed_homes.get(number, {}) | changes
        return self.home(number)

    def device(self, number: int) -> dict[str, Any]:
        """Return a device with the data of its last check-in."""
        now = self.now()
        heard = self._check_ins.last(number, now)
        uploaded = self._uploads.until(number, heard)
        newest = uploaded[-1].stop - 1 if uploaded else heard
        device = {
            "device_id": device_id(number),
            "home": home_id(self.fleet.home_of(number)),
            "description": device_name(number),
            "reactions": [_THRESHOLD],
            "quiet_hours": _QUIET_HOURS,
            **self._changed_devices.get(number, {}),
            "active": True,
            "offline": self._check_ins.is_offline(number, now),
            "last_heard_from_at": to_iso(heard),
            "next_heartbeat_at": to_iso(self._check_ins.following(number, now)),
            "battery": {"percent": self._readings.battery_percent(number, heard)},
            "latest_sensor_values": self._latest(number, newest),
        }
        return self.shape.device(number, device)

    def change_device(self, number: int, changes: dict[str, Any]) -> dict[str, Any]:
        """Update some settings of a device and return it."""
        with self._lock:
            self._changed_devices[number] = self._changed_devices.get(number, {}) | changes
        return self.device(number)

    def set_offline(self, device_id: str, start: datetime, end: datetime, *, measures: bool) -> None:
        """Add a period in which a device does not check in.

        :param device_id: ID of the device.
        :param start: start of the period, inclusive.
        :param end: end of the period, exclusive.
        :param measures: whether the device measures meanwhile, to upload it later.
        :raises ValueError: if there is no such device, a time has no time zone, or the period is empty or
            starts before 2020.
        """
        time = range(from_datetime(start), from_datetime(end))
        if not time or time.start < HISTORY_START:
            raise ValueError(f"start: must be from 2020 on, and before the end: {start}")
        with self._lock:
            self._check_ins.add_outage(self.fleet.device_number(device_id), Outage(time, measures))

    def readings(self, device: int) -> tuple[Readings, list[range]]:
        """Return the readings of the fleet, and the periods that this device has uploaded."""
        heard = self._check_ins.last(device, self.now())
        return self._readings, self._uploads.until(device, heard)

    def measured(self, device: int) -> tuple[Readings, list[range]]:
        """Return the readings of the fleet, and the periods in which this device has measured until now."""
        return self._readings, self._uploads.measured(device, self.now())

    def events(self, home: int, start: int, end: int, kinds: Sequence[int] = ALL) -> HomeEvents:
        """Return the events of a home in [start, end) that are visible now."""
        return HomeEvents(self._schedule, home, start, end, self.now(), self._added.get(home, ()), kinds)

    def add_event(self, home: int, time: int, kind: int) -> NoiseEvent:
        """Add an event of a home, visible at once."""
        # A negative slot, which no other event has, makes the ID unique.
        level = THRESHOLD + 5 if kind == DETECTED else QUIET_LEVEL
        event = NoiseEvent(time, 0, home, -next(self._numbers), kind, level)
        with self._lock:
            self._added[home] = (*self._added.get(home, ()), event)
        return event

    def user_events(self, offset: int, limit: int, *, newest_first: bool) -> list[dict[str, Any]]:
        """Return a page of the user events of the first homes from the last days."""
        now = self.now()
        since = now - USER_EVENT_DAYS * DAY
        homes = {*range(1, min(self.fleet.homes, USER_EVENT_HOMES) + 1), *self._added}
        events = [self.events(home, since, now + 1) for home in homes]
        sign = -1 if newest_first else 1
        parts: list[Iterable[tuple[int, Any]]] = [
            ((event.time, event) for event in (part.newest_first() if newest_first else part.oldest_first()))
            for part in events
        ]
        emitted = [pair for pair in self._emitted if pair[0] >= since]
        parts.append(sorted(emitted, key=lambda pair: sign * pair[0]))
        merged = heapq.merge(*parts, key=lambda pair: sign * pair[0])
        page = itertools.islice(merged, offset, offset + limit)
        return [event if isinstance(event, dict) else self.user_event(event) for _, event in page]

    def emit(self, home_id: str, time: int, event_type: str, device_id: str | None) -> dict[str, Any]:
        """Add a user event, visible at once, and return it. A noise event is also added to the home.

        :param home_id: ID of the home.
        :param time: time of the event, in milliseconds since the epoch.
        :param event_type: type of a user event, or of the home event that corresponds to it.
        :param device_id: ID of the device that reports the event.
        :raises ValueError: if there is no such home or event type.
        """
        if event_type not in EVENT_TYPES:
            raise ValueError(f"event_type: must be one of {', '.join(EVENT_TYPES)}")
        home = self.fleet.home_number(home_id)
        for kind, names in enumerate(zip(HOME_EVENT_TYPES, USER_EVENT_TYPES, strict=True)):
            if event_type in names:
                return self.user_event(self.add_event(home, time, kind))
        event = _user_event(hex_id(self._seed, "emitted event", next(self._numbers)), event_type, time, home)
        if device_id is not None:
            event["device_id"] = device_id
        with self._lock:
            self._emitted = [*self._emitted, (time, event)]
        return event

    def home_event(self, event: NoiseEvent) -> dict[str, Any]:
        """Return an event in the format of a home event."""
        about = self._unknown_device() if event.kind == OTHER else {"sensor_value": event.level}
        shown: dict[str, Any] = {
            "event_id": hex_id(self._seed, "home event", event.home, event.slot, event.kind),
            "event_type": (*HOME_EVENT_TYPES, OTHER_EVENT_TYPE)[event.kind],
            "event_time": to_iso(event.time),
            "home_id": home_id(event.home),
            **about,
        }
        return self.shape.home_event(shown)

    def user_event(self, event: NoiseEvent) -> dict[str, Any]:
        """Return an event in the format of a user event."""
        id_ = hex_id(self._seed, "user event", event.home, event.slot, event.kind)
        about = self._unknown_device() if event.kind == OTHER else {}
        event_type = (*USER_EVENT_TYPES, OTHER_EVENT_TYPE)[event.kind]
        return _user_event(id_, event_type, event.time, event.home) | about

    def _unknown_device(self) -> dict[str, str]:
        return {"device_id": device_id(self.fleet.devices + 1)}

    def _latest(self, device: int, newest: int) -> dict[str, dict[str, Any]]:
        # Each sensor was read a few seconds before the end of what has been uploaded.
        values: tuple[tuple[str, Callable[[int, int], float], int], ...] = (
            ("temperature", self._readings.temperature, 1),
            ("sound", self._readings.sound, 6),
            ("humidity", self._readings.humidity, 2),
            ("accelerometer_z", lambda _device, _time_ms: 1.0, 3),
        )
        return {
            name: {"time": to_iso(time_ms := newest - seconds * SECOND), "value": measure(device, time_ms)}
            for name, measure, seconds in values
        }


def _user_event(id_: str, event_type: str, time: int, home: int) -> dict[str, Any]:
    return {
        "id": id_,
        "type": event_type,
        "created_at": to_iso(time),
        "user_id": USER["user_id"],
        "home_id": home_id(home),
    }
