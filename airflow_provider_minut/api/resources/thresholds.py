"""Thresholds and quiet hours of a device: what is to be written, and what that changes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from airflow_provider_minut.api.models import Device, QuietHours, Reaction
from airflow_provider_minut.exceptions import MinutConfigurationError


def check_thresholds(reactions: Iterable[Reaction], quiet_hours: QuietHours | None) -> None:
    """Check what is to be written to a device.

    :raises MinutConfigurationError: it cannot be used; the error names the field.
    """
    for reaction in reactions:
        if not isinstance(reaction, dict) or not isinstance(reaction.get("type"), str):
            raise MinutConfigurationError("reactions", 'must be objects with a type, like "sound_level_high"')
    # Literal keys are lost in the loop; what is found is checked below.
    times = {name: (quiet_hours or {}).get(name) for name in ("start", "end")}  # type: ignore[call-overload]  # see above
    for name, time in times.items() if quiet_hours is not None else ():
        if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", str(time)):
            raise MinutConfigurationError(
                "quiet_hours", f"its {name} must be like 22:00, in the home's time zone"
            )


def threshold_changes(
    device: Device, reactions: Iterable[Reaction], quiet_hours: QuietHours | None
) -> list[str]:
    """Return what would change on a device, for people: ``sound_level_high.value: 75 -> 70``."""
    now: dict[str, Any] = {reaction["type"]: reaction for reaction in reactions_of(device)}
    now["quiet_hours"] = device.get("quiet_hours") or {}
    wanted: dict[str, Any] = {reaction["type"]: reaction for reaction in reactions}
    wanted["quiet_hours"] = quiet_hours or {}
    return [
        f"{name}.{field}: {_shown(now.get(name, {}), field)} -> {value}"
        for name, fields in wanted.items()
        for field, value in fields.items()
        if field != "type" and now.get(name, {}).get(field) != value
    ]


def _shown(fields: Mapping[str, Any], field: str) -> str:
    return str(fields[field]) if field in fields else "not set"


def merged_thresholds(
    device: Device, reactions: Iterable[Reaction], quiet_hours: QuietHours | None
) -> dict[str, Any]:
    """Return what to write so that a device has these reactions besides those it has already.

    :param device: as it is now.
    :param reactions: by ``type``; fields that are not given stay as they are.
    :param quiet_hours: ``None`` leaves them out.
    """
    merged: dict[str, Any] = {reaction["type"]: reaction for reaction in reactions_of(device)}
    wanted = list(reactions)
    for reaction in wanted:
        merged[reaction["type"]] = {**merged.get(reaction["type"], {}), **reaction}
    body: dict[str, Any] = {"reactions": list(merged.values())} if wanted else {}
    return body | ({"quiet_hours": dict(quiet_hours)} if quiet_hours else {})


def reactions_of(device: Device) -> list[Any]:
    """Return the reactions, which v8 documents for writing; old versions had them in ``configuration``."""
    found = device.get("reactions")
    if found is None:
        configuration = device.get("configuration")
        found = configuration.get("reactions") if isinstance(configuration, dict) else None
    return [reaction for reaction in found or [] if isinstance(reaction, dict) and "type" in reaction]
