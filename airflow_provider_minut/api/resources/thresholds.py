"""Thresholds and quiet hours of a device: validation, the resulting changes, and the request body."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from airflow_provider_minut.api.models import Device, QuietHours, Reaction
from airflow_provider_minut.exceptions import MinutConfigurationError


def check_thresholds(reactions: Iterable[Reaction], quiet_hours: QuietHours | None) -> None:
    """Validate the thresholds and quiet hours for a device.

    :raises MinutConfigurationError: if a value is invalid; the error names the field.
    """
    for reaction in reactions:
        if not isinstance(reaction, dict) or not isinstance(reaction.get("type"), str):
            raise MinutConfigurationError(
                "reactions", 'must be objects with a "type", like "sound_level_high"'
            )
    # The loop loses the literal type of the keys; the values are checked below.
    times = {name: (quiet_hours or {}).get(name) for name in ("start", "end")}  # type: ignore[call-overload]  # see above
    for name, time in times.items() if quiet_hours is not None else ():
        if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", str(time)):
            raise MinutConfigurationError(
                "quiet_hours", f"its {name} must be a time like 22:00, in the home's time zone"
            )


def threshold_changes(
    device: Device, reactions: Iterable[Reaction], quiet_hours: QuietHours | None
) -> list[str]:
    """Return the changes on a device as text, like ``sound_level_high.value: 75 -> 70``."""
    now: dict[str, Any] = {reaction["type"]: reaction for reaction in reactions_of(device)}
    now["quiet_hours"] = device.get("quiet_hours") or {}
    new: dict[str, Any] = {reaction["type"]: reaction for reaction in reactions}
    new["quiet_hours"] = quiet_hours or {}
    return [
        f"{name}.{field}: {_shown(now.get(name, {}), field)} -> {value}"
        for name, fields in new.items()
        for field, value in fields.items()
        if field != "type" and now.get(name, {}).get(field) != value
    ]


def _shown(fields: Mapping[str, Any], field: str) -> str:
    return str(fields[field]) if field in fields else "not set"


def merged_thresholds(
    device: Device, reactions: Iterable[Reaction], quiet_hours: QuietHours | None
) -> dict[str, Any]:
    """Return the request body that changes some of a device's reactions and keeps the others.

    :param device: The device, as the API returned it.
    :param reactions: Reactions to change, by ``type``; omitted fields are not changed.
    :param quiet_hours: Quiet hours; ``None`` omits them.
    """
    merged: dict[str, Any] = {reaction["type"]: reaction for reaction in reactions_of(device)}
    changes = list(reactions)
    for reaction in changes:
        merged[reaction["type"]] = {**merged.get(reaction["type"], {}), **reaction}
    body: dict[str, Any] = {"reactions": list(merged.values())} if changes else {}
    return body | ({"quiet_hours": dict(quiet_hours)} if quiet_hours else {})


def reactions_of(device: Device) -> list[Any]:
    """Return the reactions of a device, which v8 documents for writing; older versions: ``configuration``."""
    found = device.get("reactions")
    if found is None:
        configuration = device.get("configuration")
        found = configuration.get("reactions") if isinstance(configuration, dict) else None
    return [reaction for reaction in found or [] if isinstance(reaction, dict) and "type" in reaction]
