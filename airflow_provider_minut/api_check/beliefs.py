"""The fields that the provider relies on, and where the belief in each of them comes from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from airflow_provider_minut.api.shapes import type_name
from airflow_provider_minut.api.times import parse_time
from airflow_provider_minut.api.values import flag_of, id_of, number_of, text_of


class Source(StrEnum):
    """Where a belief comes from."""

    DOCUMENTED = "documented"
    SEEN = "seen"
    INFERRED = "inferred"


@dataclass(frozen=True, slots=True)
class Kind:
    """What a field contains.

    :param believed: Names of the JSON types that are expected.
    :param read: Returns what the provider reads in a value of any type; ``None`` if it cannot read it.
    """

    believed: frozenset[str]
    read: Callable[[Any], Any]

    def reads(self, value: Any) -> bool:
        """Return whether the provider can read a value."""
        return type_name(value) in self.believed or self.read(value) is not None


def _unread(value: Any) -> None:
    return None


def _home_id(value: Any) -> str | None:
    return id_of(value.get("home_id") if isinstance(value, dict) else value)


ID = Kind(frozenset({"text", "time"}), id_of)  # digits may look like a time
ID_OF_HOME = Kind(ID.believed, _home_id)
TEXT = Kind(frozenset({"text", "time"}), text_of)
TIME = Kind(frozenset({"time"}), parse_time)
SECONDS = Kind(frozenset({"integer"}), parse_time)
NUMBER = Kind(frozenset({"number", "integer"}), number_of)
NUMBER_OR_NULL = Kind(frozenset({"number", "integer", "null"}), number_of)
FLAG = Kind(frozenset({"boolean"}), flag_of)
LIST = Kind(frozenset({"list"}), _unread)
OBJECT = Kind(frozenset({"object"}), _unread)


@dataclass(frozen=True, slots=True)
class Belief:
    """A field that the provider relies on.

    :param path: Names from the outer to the inner field, separated by dots; ``*`` stands for each value of an
        object or a list. Alternatives are separated by ``|``.
    :param kind: What the field contains.
    :param source: Where the belief comes from.
    :param optional: Whether it is no difference if no item has the field.
    :param features: Keys of the features that work only in part without the field.
    """

    path: str
    kind: Kind
    source: Source
    optional: bool = False
    features: tuple[str, ...] = ()

    @property
    def alternatives(self) -> tuple[str, ...]:
        """The paths where the field may be."""
        return tuple(self.path.split("|"))

    @property
    def name(self) -> str:
        """The paths as text."""
        if self.alternatives == tuple(_top_or_configuration(self.alternatives[0])):
            return f"[configuration.]{self.alternatives[0]}"
        return " or ".join(self.alternatives)


def _top_or_configuration(path: str) -> list[str]:
    return [path, f"configuration.{path}"]


_DOCUMENTED, _SEEN, _INFERRED = Source.DOCUMENTED, Source.SEEN, Source.INFERRED

USER = (
    Belief("user_id", ID, _DOCUMENTED),
    Belief("fullname", TEXT, _DOCUMENTED),
    Belief("email", TEXT, _DOCUMENTED),
)

HOME = (
    Belief("home_id", ID, _SEEN),
    Belief("name", TEXT, _SEEN, features=("homes", "page")),
    Belief("timezone", TEXT, _SEEN, features=("report",)),
    Belief("alarm_status|detailed_alarm_status", TEXT, _SEEN, features=("set_alarm",)),
    Belief("alarm_mode", TEXT, _SEEN),
    Belief("silent_alarm", FLAG, _SEEN),
    Belief("scheduled_alarm_active", FLAG, _SEEN),
    Belief("created_at", TIME, _SEEN),
)


def _setting(path: str, kind: Kind, source: Source, *, optional: bool = False) -> Belief:
    """Return the belief about a setting of a device, which may be under ``configuration``."""
    features = () if optional else ("update_device", "report")
    paths = "|".join(_top_or_configuration(path))
    return Belief(paths, kind, source, optional=optional, features=features)


DEVICE = (
    Belief("device_id", ID, _DOCUMENTED),
    Belief("description", TEXT, _SEEN, features=("devices", "page")),
    Belief("home|home_id", ID_OF_HOME, _SEEN, features=("devices", "page", "report")),
    Belief("active", FLAG, _SEEN),
    Belief("offline", FLAG, _SEEN, features=("page",)),
    Belief("last_heard_from_at|last_heartbeat_at", TIME, _SEEN, features=("page",)),
    Belief("next_heartbeat_at", TIME, _DOCUMENTED, features=("heartbeat",)),
    Belief("first_seen_at", TIME, _SEEN),
    Belief("battery.percent", NUMBER, _SEEN, features=("page",)),
    Belief("charge_status", TEXT, _SEEN),
    Belief("mount_status", TEXT, _SEEN),
    Belief("wlan.rssi", NUMBER, _SEEN),
    Belief("firmware.installed", TEXT, _SEEN),
    Belief("latest_sensor_values.*.time", TIME, _DOCUMENTED, features=("latest", "heartbeat")),
    Belief("latest_sensor_values.*.value", NUMBER, _DOCUMENTED, features=("latest",)),
    # Documented for writing. When read, reactions were seen under configuration; quiet hours only in v1.
    _setting("reactions", LIST, _SEEN),
    _setting("reactions.*.type", TEXT, _SEEN),
    _setting("reactions.*.value", NUMBER, _SEEN),
    _setting("reactions.*.duration_seconds", NUMBER, _DOCUMENTED, optional=True),
    _setting("reactions.*.notifications", LIST, _DOCUMENTED, optional=True),
    _setting("quiet_hours", OBJECT, _INFERRED),
    _setting("quiet_hours.enabled", FLAG, _INFERRED),
    _setting("quiet_hours.start", TEXT, _INFERRED),
    _setting("quiet_hours.end", TEXT, _INFERRED),
)

HOME_EVENT = (
    Belief("event_id", ID, _DOCUMENTED),
    Belief("event_type", TEXT, _DOCUMENTED, features=("events", "report")),
    Belief("event_time", TIME, _DOCUMENTED, features=("events", "report")),
    Belief("home_id", ID, _DOCUMENTED),
)

USER_EVENT = (
    Belief("id", ID, _DOCUMENTED),
    Belief("type", TEXT, _DOCUMENTED, features=("user_events",)),
    Belief("created_at", TIME, _DOCUMENTED, features=("user_events",)),
    Belief("home_id", ID, _DOCUMENTED, optional=True),
    Belief("device_id", ID, _DOCUMENTED, optional=True),
    Belief("user_id", ID, _DOCUMENTED, optional=True),
)

WEBHOOK = (
    Belief("hook_id", ID, _SEEN),
    Belief("url", TEXT, _SEEN, features=("webhooks",)),
    Belief("events", LIST, _INFERRED),  # documented for the response to a registration
    Belief("created_at", TIME, _INFERRED),
    Belief("token", FLAG, _INFERRED),
)

# A pair is compared as an object with datetime and value.
READING = (
    Belief("datetime|time", TIME, _SEEN),
    Belief("value", NUMBER_OR_NULL, _SEEN, features=("readings", "report")),
)

MOTION = (
    Belief("datetime|time", SECONDS, _SEEN),
    Belief("value", NUMBER_OR_NULL, _SEEN, features=("readings",)),
)

ORGANIZATION = (Belief("id", ID, _SEEN),)

# Fields next to a list.
_PAGING = ("paging.total_count", "paging.limit", "paging.offset")
PAGING = tuple(Belief(path, NUMBER, _DOCUMENTED) for path in _PAGING)
# Documented for the events of a home only.
PERHAPS_PAGING = tuple(Belief(path, NUMBER, _INFERRED, optional=True) for path in _PAGING)
HISTORY = (Belief("unit", TEXT, _SEEN), Belief("time_resolution", NUMBER, _SEEN))
