"""The shape of data: its types and field names, without any of its values. For logs and reports."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from airflow_provider_minut.api.times import from_text

MAX_SHAPE_CHARACTERS = 300
# Of an object with more fields than this, all of one shape, the keys are probably data.
MAX_FIELDS_OF_ONE_SHAPE = 20
# A key that does not look like a field name may be data: an ID, a name or an address.
_FIELD_NAME = re.compile(r"(?!.*[0-9]{4})[A-Za-z_][A-Za-z0-9_]{0,39}")
OTHER_KEY = "<key>"


def shape_of(value: Any) -> Any:
    """Return the shape of parsed JSON, as JSON.

    A scalar becomes the name of its type; text that is a time becomes ``time``. An object keeps its field
    names; a field that only some objects of a list have ends with ``?``. A list becomes a list of the
    distinct shapes of its items, in which all objects are merged to one, and all lists of one length too:
    ``[["integer", "number"]]`` is a list of pairs. Keys that may be data become ``<key>``.

    :param value: Parsed JSON.
    """
    if isinstance(value, Mapping):
        return _shape_of_objects([value])
    if isinstance(value, list):
        objects = [item for item in value if isinstance(item, Mapping)]
        rows: dict[int, list[list[Any]]] = {}
        for item in value:
            if isinstance(item, list):
                rows.setdefault(len(item), []).append(item)
        scalars = (shape_of(item) for item in value if not isinstance(item, Mapping | list))
        merged = [_shape_of_objects(objects)] if objects else []
        return _distinct([*scalars, *map(_shape_of_rows, rows.values()), *merged])
    if isinstance(value, str):
        return "time" if from_text(value) else "text"
    names = {bool: "boolean", int: "integer", float: "number", type(None): "null"}
    return names.get(type(value), "unknown")


def shape_text(value: Any) -> str:
    """Return the shape of parsed JSON as one short line, like ``{"home_id": "integer", "name": "null"}``.

    :param value: Parsed JSON.
    """
    text = json.dumps(shape_of(value))
    return text if len(text) <= MAX_SHAPE_CHARACTERS else f"{text[:MAX_SHAPE_CHARACTERS]}…"


def _shape_of_rows(rows: list[list[Any]]) -> list[Any]:
    return [_one_of(column) for column in zip(*rows, strict=True)]


def _one_of(values: Iterable[Any]) -> Any:
    shapes = shape_of(list(values))
    return shapes[0] if len(shapes) == 1 else {"one of": shapes}


def _shape_of_objects(objects: list[Mapping[str, Any]]) -> dict[str, Any]:
    values: dict[str, list[Any]] = {}
    for item in objects:
        for key, value in item.items():
            values.setdefault(key if _FIELD_NAME.fullmatch(key) else OTHER_KEY, []).append(value)
    fields = {}
    for key in sorted(values):
        optional = key != OTHER_KEY and len(values[key]) < len(objects)
        fields[f"{key}?" if optional else key] = _one_of(values[key])
    if len(fields) > MAX_FIELDS_OF_ONE_SHAPE and len(_distinct(fields.values())) == 1:
        return {OTHER_KEY: next(iter(fields.values()))}
    return fields


def _distinct(shapes: Iterable[Any]) -> list[Any]:
    by_text = {json.dumps(shape): shape for shape in shapes}
    return [by_text[text] for text in sorted(by_text)]
