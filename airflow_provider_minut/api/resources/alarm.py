"""The alarm of a home: validation of its settings, and the resulting changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_minut.api.models import Home
from airflow_provider_minut.api.values import flag_of
from airflow_provider_minut.exceptions import MinutConfigurationError

# Statuses that satisfy a requested one (seen in public clients of v8). Arming passes through a grace period.
# off_grace_period satisfies none, because its meaning is not known.
_SATISFIED_BY = {"on": frozenset({"on", "on_grace_period", "critical_event"}), "off": frozenset({"off"})}
_STATUSES = frozenset({"off_grace_period"}).union(*_SATISFIED_BY.values())
_FLAGS = ("silent_alarm", "scheduled_alarm_active")


def check_alarm(requested: Mapping[str, Any]) -> None:
    """Validate settings of an alarm.

    :param requested: ``alarm_status`` (``on`` or ``off``), ``alarm_mode`` (text), ``silent_alarm`` and
        ``scheduled_alarm_active`` (booleans); at least one of them.
    :raises MinutConfigurationError: if a setting is invalid; the error names it.
    """
    if not requested:
        raise MinutConfigurationError("alarm_status", "must be on or off, unless another setting is given")
    if "alarm_status" in requested and requested["alarm_status"] not in _SATISFIED_BY:
        raise MinutConfigurationError("alarm_status", "must be on or off")
    if not isinstance(requested.get("alarm_mode", ""), str):
        raise MinutConfigurationError("alarm_mode", "must be text, like manual")
    for name in _FLAGS:
        if not isinstance(requested.get(name, False), bool):
            raise MinutConfigurationError(
                name, f"must be True or False, not {type(requested[name]).__name__}"
            )


def alarm_status_of(home: Mapping[str, Any]) -> str | None:
    """Return the alarm status of a home; ``None`` if the API returned no known one.

    A public client of v8 found ``on_grace_period`` in ``detailed_alarm_status`` while ``alarm_status`` still
    was the status before.
    """
    statuses = (home.get("detailed_alarm_status"), home.get("alarm_status"))
    return next((status for status in statuses if isinstance(status, str) and status in _STATUSES), None)


def alarm_changes(home: Home, requested: Mapping[str, Any]) -> list[str]:
    """Return the changes on a home as text, like ``alarm_status: off -> on``.

    :param home: The home, as the API returned it.
    :param requested: Settings as :func:`check_alarm` accepts them; the others are not compared.
    """
    present: dict[str, Any] = {name: flag_of(home.get(name)) for name in _FLAGS}
    present |= {"alarm_mode": home.get("alarm_mode"), "alarm_status": alarm_status_of(home)}
    return [
        f"{name}: {'unknown' if present[name] is None else present[name]} -> {value}"
        for name, value in requested.items()
        if present[name] not in (_SATISFIED_BY[value] if name == "alarm_status" else {value})
    ]
