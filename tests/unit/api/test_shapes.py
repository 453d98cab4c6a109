"""Shapes: types and field names, and nothing else."""

from __future__ import annotations

import pytest

from airflow_provider_minut.api.shapes import MAX_SHAPE_CHARACTERS, shape_of, shape_text


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        (None, "null"),
        (True, "boolean"),
        (3, "integer"),
        (3.5, "number"),
        ("Harbour Loft", "text"),
        ("2026-06-01T10:00:00.000Z", "time"),
        ([], []),
        ([[]], [[]]),
        ({}, {}),
        ([[1776247200, 3], [1776248100, None]], [["integer", {"one of": ["integer", "null"]}]]),
        ([["2026-06-01T10:00:00.000Z", 38.5], None], ["null", ["time", "number"]]),
        ({"name": "Harbour Loft", "home_id": 12}, {"home_id": "integer", "name": "text"}),
        ([{"a": 1}, {"a": None, "b": "x"}], [{"a": {"one of": ["integer", "null"]}, "b?": "text"}]),
        ({"64aa0000000000000000b001": 1}, {"<key>": "integer"}),
        ({"jane@example.com": 1, "Storgatan 1": "x"}, {"<key>": {"one of": ["integer", "text"]}}),
        ({f"name_{chr(97 + n)}": 1 for n in range(21)}, {"<key>": "integer"}),
    ],
)
def test_a_shape_has_types_and_field_names(value: object, shape: object) -> None:
    assert shape_of(value) == shape


def test_the_text_of_a_shape_is_one_short_line() -> None:
    text = shape_text({f"field_{chr(97 + n)}": [n] * (n % 2) for n in range(26)})
    assert "\n" not in text
    assert len(text) <= MAX_SHAPE_CHARACTERS + 1
