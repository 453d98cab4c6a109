"""The shape of data: its types and field names, without any of its values. For logs and reports."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from airflow_provider_minut.api.times import from_text

MAX_SHAPE_CHARACTERS = 300
MAX_SHAPE_DEPTH = 16
# Of an object with more fields than this, all of one shape, the keys are probably data.
MAX_FIELDS_OF_ONE_SHAPE = 20
# A longer list of values is not a row, whose values have a type each.
MAX_ROW_LENGTH = 8
# A key that does not look like a field name may be data: an ID, a name or an address.
_FIELD_NAME = re.compile(r"(?!.*[0-9]{4})[A-Za-z_][A-Za-z0-9_]{0,39}")
OTHER_KEY = "<key>"
DEEPER = "<deeper>"

_SCALARS = {bool: "boolean", int: "integer", float: "number", type(None): "null"}


def is_field_name(key: str) -> bool:
    """Return whether a key looks like a field name. That it is no data is not certain."""
    return bool(_FIELD_NAME.fullmatch(key))


def type_name(value: Any) -> str:
    """Return the name of the type of parsed JSON; text that is a time is a ``time``."""
    if isinstance(value, Mapping):
        return "object"
    if isinstance(value, list):
        return "list"
    if isinstance(value, str):
        return "time" if from_text(value) else "text"
    return _SCALARS.get(type(value), "unknown")


def shape_of(value: Any, *, shown: Callable[[str], bool] = is_field_name) -> Any:
    """Return the shape of parsed JSON, as JSON.

    A scalar becomes the name of its type; text that is a time becomes ``time``. An object keeps its field
    names; a field that only some objects of a list have ends with ``?``. A list becomes a list of the
    distinct shapes of its items, in which all objects are merged to one, all short lists of one length too,
    and all other lists: ``[["integer", "number"]]`` is a list of pairs. Keys that may be data become
    ``<key>``; what is nested too deeply becomes ``<deeper>``.

    :param value: Parsed JSON.
    :param shown: Returns whether a key is shown. Default: if it looks like a field name.
    """
    return _shape(value, shown, MAX_SHAPE_DEPTH)


def shape_text(value: Any) -> str:
    """Return the shape of parsed JSON as one short line, like ``{"home_id": "integer", "name": "null"}``.

    :param value: Parsed JSON.
    """
    text = json.dumps(shape_of(value))
    return text if len(text) <= MAX_SHAPE_CHARACTERS else f"{text[:MAX_SHAPE_CHARACTERS]}…"


def _shape(value: Any, shown: Callable[[str], bool], depth: int) -> Any:
    if not isinstance(value, Mapping | list):
        return type_name(value)
    if not depth:
        return DEEPER
    if isinstance(value, Mapping):
        return _shape_of_objects([value], shown, depth - 1)
    return _shape_of_items(value, shown, depth - 1)


def _shape_of_items(items: list[Any], shown: Callable[[str], bool], depth: int) -> list[Any]:
    rows: dict[int, list[list[Any]]] = {}
    others = []
    for item in items:
        if isinstance(item, list) and 0 < len(item) <= MAX_ROW_LENGTH:
            rows.setdefault(len(item), []).append(item)
        else:
            others.append(item)
    of_rows = [
        [_one_of(column, shown, depth) for column in zip(*same, strict=True)] for same in rows.values()
    ]
    return _distinct([*of_rows, *_merged(others, shown, depth)])


def _one_of(values: Iterable[Any], shown: Callable[[str], bool], depth: int) -> Any:
    """Return the shape of the values of one field."""
    shapes = _distinct(_merged(values, shown, depth))
    return shapes[0] if len(shapes) == 1 else {"one of": shapes}


def _merged(values: Iterable[Any], shown: Callable[[str], bool], depth: int) -> Iterator[Any]:
    """Yield the shapes of scalars, and one shape for all objects, and one for all lists."""
    objects, lists = [], []
    for value in values:
        if isinstance(value, Mapping):
            objects.append(value)
        elif isinstance(value, list):
            lists.append(value)
        else:
            yield type_name(value)
    if objects:
        yield _shape_of_objects(objects, shown, depth - 1) if depth else DEEPER
    if lists:
        yield _shape_of_items(list(chain(*lists)), shown, depth - 1) if depth else DEEPER


def _shape_of_objects(
    objects: list[Mapping[str, Any]], shown: Callable[[str], bool], depth: int
) -> dict[str, Any]:
    values: dict[str, list[Any]] = {}
    for item in objects:
        for key, value in item.items():
            values.setdefault(key if shown(key) else OTHER_KEY, []).append(value)
    fields = {}
    for key in sorted(values):
        optional = key != OTHER_KEY and len(values[key]) < len(objects)
        fields[f"{key}?" if optional else key] = _one_of(values[key], shown, depth)
    if len(fields) > MAX_FIELDS_OF_ONE_SHAPE and len(_distinct(fields.values())) == 1:
        return {OTHER_KEY: next(iter(fields.values()))}
    return fields


def _distinct(shapes: Iterable[Any]) -> list[Any]:
    by_text = {json.dumps(shape): shape for shape in shapes}
    return [by_text[text] for text in sorted(by_text)]
