"""Encodes query parameters and request bodies as the API writes its values, or rejects them.

Booleans are ``true`` and ``false``, times are UTC with milliseconds, and a list in a query is joined by
commas (developer.minut.com, Fetching events).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from airflow_provider_minut.api.times import check_aware, to_text
from airflow_provider_minut.exceptions import MinutConfigurationError

MAX_DEPTH = 50
_ACCEPTED = "must be text, a number, a boolean, an aware datetime"


def encode_query(params: Any) -> dict[str, str] | None:
    """Return query parameters as text; those that are ``None`` are omitted.

    :param params: Parameters by name.
    :raises MinutConfigurationError: if a value cannot be sent; the error names the parameter.
    """
    if params is None:
        return None
    if not isinstance(params, Mapping):
        raise MinutConfigurationError("query", f"must be an object, not {type(params).__name__}")
    return {
        _key("query", name): _query_text(name, value) for name, value in params.items() if value is not None
    }


def encode_body(body: Any) -> Any:
    """Return a request body as JSON types.

    :param body: JSON types, and aware datetimes and tuples in them.
    :raises MinutConfigurationError: if a value cannot be sent; the error names its place, like
        ``reactions[0].value``.
    """
    return _json("", body, MAX_DEPTH)


def _query_text(name: str, value: Any) -> str:
    if _is_list(value):
        return ",".join(_scalar_text(f"{name}[{number}]", item) for number, item in enumerate(value))
    return _scalar_text(name, value)


def _scalar_text(field: str, value: Any) -> str:
    value = _scalar(field, value, f"{_ACCEPTED} or a list of these")
    return value if isinstance(value, str) else json.dumps(value)


def _json(field: str, value: Any, depth: int) -> Any:
    if value is None:
        return None
    if isinstance(value, Mapping):
        _check_depth(field, depth)
        return {
            _key(field or "json", name): _json(f"{field}.{name}" if field else name, item, depth - 1)
            for name, item in value.items()
        }
    if _is_list(value):
        _check_depth(field, depth)
        name = field or "json"
        return [_json(f"{name}[{number}]", item, depth - 1) for number, item in enumerate(value)]
    return _scalar(field or "json", value, f"{_ACCEPTED}, null, a list or an object")


def _scalar(field: str, value: Any, accepted: str) -> Any:
    if isinstance(value, datetime):
        return to_text(check_aware(field, value))
    if isinstance(value, str):
        return _text(field, value)
    if isinstance(value, float) and not math.isfinite(value):
        raise MinutConfigurationError(field, "must be a finite number")
    if isinstance(value, bool | int | float):
        return value
    raise MinutConfigurationError(field, f"{accepted}, not {type(value).__name__}")


def _text(field: str, value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise MinutConfigurationError(
            field, "must be text that UTF-8 can encode; it contains a lone surrogate"
        ) from None
    return str.__str__(value)  # of an Enum, its value


def _key(field: str, name: Any) -> str:
    if not isinstance(name, str):
        raise MinutConfigurationError(field, f"must have text as names, not {type(name).__name__}")
    return _text(field, name)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray)


def _check_depth(field: str, depth: int) -> None:
    if not depth:
        raise MinutConfigurationError(field.split(".")[0].split("[")[0], "is nested too deeply")
