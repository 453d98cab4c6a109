"""Reads scalar values leniently in form and strictly in meaning: text, numbers and booleans."""

from __future__ import annotations

import math
import re
from typing import Any

from airflow_provider_minut.exceptions import MinutConfigurationError

_NUMBER = re.compile(r"[+-]?[0-9]{1,30}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?")
# A greater whole number cannot be stored exactly as floating-point number.
MAX_EXACT = 2**53


def text_of(value: Any) -> str | None:
    """Return text; a number becomes text. ``None`` if the value is neither."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def number_of(value: Any) -> float | None:
    """Return a finite number; text that is a number becomes one. ``None`` if the value is neither."""
    if isinstance(value, str):
        text = value.strip()
        if not _NUMBER.fullmatch(text):
            return None
        value = float(text) if re.search("[.eE]", text) else int(text)
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            return value if abs(value) <= MAX_EXACT else float(value)
        except OverflowError:
            return None
    return value if isinstance(value, float) and math.isfinite(value) else None


def flag_of(value: Any) -> bool | None:
    """Return a boolean; 0, 1 and the text of a boolean become one. ``None`` if the value is neither."""
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.strip().lower())
    return bool(value) if value in (0, 1) else None


def id_of(value: Any) -> str | None:
    """Return an ID as text; a whole number becomes text. ``None`` if the value is no ID."""
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def checked_id(name: str, value: str) -> str:
    """Return an ID that is safe in a path.

    :raises MinutConfigurationError: if it is not an ID.
    """
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9_-]+", value):
        raise MinutConfigurationError(name, "must be an ID of Minut, like 64aa0000000000000000b001")
    return value
