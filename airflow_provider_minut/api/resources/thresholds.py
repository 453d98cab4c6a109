"""Thresholds and quiet hours of a device: validation, the resulting changes, and the request body."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from airflow_provider_minut.api.models import Device, QuietHours, Reaction
from airflow_provider_minut.api.values import flag_of, number_of
from airflow_provider_minut.exceptions import MinutConfigurationError

# Fields of a configuration that only the server writes, by their names (v1 reference).
SET_BY_SERVER = frozenset({"installed_on_device_at", "updated_at", "version"})


def check_thresholds(reactions: Iterable[Reaction], quiet_hours: QuietHours | None) -> None:
    """Validate the thresholds and quiet hours for a device.

    :raises MinutConfigurationError: if a value is invalid; the error names the field.
    """
    for reaction in reactions:
        if not isinstance(reaction, dict) or not isinstance(reaction.get("type"), str):
            raise MinutConfigurationError(
                "reactions", 'must be objects with a "type", like "sound_level_high"'
            )
    given: Mapping[str, Any] = {} if quiet_hours is None else quiet_hours
    for name in ("start", "end") if quiet_hours is not None else ():
        if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", str(given.get(name))):
            raise MinutConfigurationError(
                "quiet_hours", f"its {name} must be a time like 22:00, in the home's time zone"
            )


def threshold_changes(
    device: Mapping[str, Any], reactions: Iterable[Reaction], quiet_hours: QuietHours | None
) -> list[str]:
    """Return the changes on a device as text, like ``sound_level_high.value: 75 -> 70``."""
    changes = []
    for reaction in reactions:
        present: list[Any] = [old for old in reactions_of(device) if old["type"] == reaction["type"]]
        for old in present or [{}]:
            changes += _changes(reaction["type"], old, reaction)
    return changes + _changes("quiet_hours", quiet_hours_of(device), quiet_hours or {})


def _changes(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    return [
        f"{name}.{field}: {old.get(field, 'not set')} -> {value}"
        for field, value in new.items()
        if field != "type" and not (field in old and _is_same(old[field], value))
    ]


def _is_same(old: Any, new: Any) -> bool:
    """Return whether two values mean the same, like 75 and "75", or 22:00:00 and 22:00."""
    if isinstance(new, bool):
        return flag_of(old) is new
    if isinstance(new, int | float):
        return number_of(old) == new
    return bool(old == new or (isinstance(new, str) and old == f"{new}:00"))


def merged_thresholds(
    device: Device, reactions: Iterable[Reaction], quiet_hours: QuietHours | None
) -> dict[str, Any]:
    """Return the request body that changes some of a device's settings and keeps the others.

    :param device: The device, as the API returned it.
    :param reactions: Reactions to change, by ``type``; omitted fields are not changed.
    :param quiet_hours: Quiet hours; ``None`` omits them.
    """
    settings: dict[str, Any] = {}
    if reactions := list(reactions):
        settings["reactions"] = _merged(_setting(device, "reactions"), reactions)
    if quiet_hours:
        settings["quiet_hours"] = {**quiet_hours_of(device), **quiet_hours}
    nested = {name: value for name, value in settings.items() if _is_nested(device, name)}
    body = {name: value for name, value in settings.items() if name not in nested}
    if nested:
        # Whether Minut replaces or merges the object is not documented; so it is written as a whole.
        kept = {k: v for k, v in _configuration(device).items() if k not in SET_BY_SERVER}
        body["configuration"] = kept | nested
    return body


def _merged(present: Any, reactions: Sequence[Reaction]) -> list[Any]:
    merged = [old for old in present if isinstance(old, dict)] if isinstance(present, list) else []
    for reaction in reactions:
        places = [n for n, old in enumerate(merged) if _is_reaction(old) and old["type"] == reaction["type"]]
        for place in places:
            merged[place] = {**merged[place], **reaction}
        if not places:
            merged.append(dict(reaction))
    return merged


def reactions_of(device: Mapping[str, Any]) -> list[Any]:
    """Return the reactions of a device: at its top level, as documented, or in its ``configuration``."""
    found = _setting(device, "reactions")
    return [reaction for reaction in found if _is_reaction(reaction)] if isinstance(found, list) else []


def quiet_hours_of(device: Mapping[str, Any]) -> dict[str, Any]:
    """Return the quiet hours of a device: at its top level, as documented, or in its ``configuration``."""
    found = _setting(device, "quiet_hours")
    return found if isinstance(found, dict) else {}


def _setting(device: Mapping[str, Any], name: str) -> Any:
    return (_configuration(device) if _is_nested(device, name) else device).get(name)


def _is_nested(device: Mapping[str, Any], name: str) -> bool:
    return not device.get(name) and name in _configuration(device)


def _configuration(device: Mapping[str, Any]) -> dict[str, Any]:
    found = device.get("configuration")
    return found if isinstance(found, dict) else {}


def _is_reaction(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("type"), str)
