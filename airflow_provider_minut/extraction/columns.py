"""Types of columns: each column has values of one type, or ``None``, in every format and database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from operator import itemgetter
from typing import Any

from airflow_provider_minut.api.times import parse_time
from airflow_provider_minut.api.values import flag_of, number_of, text_of
from airflow_provider_minut.extraction.extractor import Row

ADDITIONAL_FIELDS = "additional_fields"


def _time_of(value: Any) -> datetime | None:
    return value if isinstance(value, datetime) else parse_time(value)


# The Python type of a value that needs no conversion, and the conversion of any other.
_TYPES: dict[str, tuple[type, Callable[[Any], Any]]] = {
    "text": (str, text_of),
    "time": (datetime, _time_of),
    "number": (float, number_of),
    "flag": (bool, flag_of),
}


def typed(columns: Mapping[str, str], rows: Iterable[Row]) -> Iterator[Row]:
    """Yield the rows with the right types; a value that does not fit moves to ``additional_fields``.

    :param columns: Type of each column: ``text``, ``time``, ``number`` or ``flag``.
    :param rows: Rows; other fields are not changed.
    """
    types = [(name, *_TYPES[kind]) for name, kind in columns.items()]
    values, exact_types = itemgetter(*columns), tuple(exact for _, exact, _ in types)
    for row in rows:
        try:
            fits = tuple(map(type, values(row))) == exact_types  # the fastest check of a usual row
        except KeyError:
            fits = False
        if not fits:
            _fit(types, row)
        yield row


def _fit(types: Iterable[tuple[str, type, Callable[[Any], Any]]], row: Row) -> None:
    for name, exact, convert in types:
        value = row.get(name)
        if value is not None and type(value) is not exact:
            row[name] = convert(value)
            if row[name] is None:
                row[ADDITIONAL_FIELDS] = _with(row.get(ADDITIONAL_FIELDS), name, value)


def _with(misfits: Any, name: str, value: Any) -> dict[str, Any]:
    if misfits is None:
        return {name: value}
    return (misfits if isinstance(misfits, dict) else {ADDITIONAL_FIELDS: misfits}) | {name: value}
