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
        ({"homes": [{"a": 1}, {"a": 2}]}, {"homes": [{"a": "integer"}]}),
        ({"values": [[1, 2.5], [2, 3.5]]}, {"values": [["integer", "number"]]}),
        ([{"a": [1]}, {"a": ["x"]}], [{"a": ["integer", "text"]}]),
        ([list(range(9)), ["x"] * 10], [["integer", "text"]]),
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


def test_which_keys_are_shown_can_be_decided_otherwise() -> None:
    value = [{"name": "Alex", "alex": {"name": 1}}]
    assert shape_of(value, shown={"name"}.__contains__) == [{"<key>": {"name": "integer"}, "name": "text"}]


def test_what_is_nested_too_deeply_is_cut() -> None:
    deep: object = 1
    for _ in range(900):
        deep = [{"a": deep}]
    shape = shape_of(deep)
    assert "<deeper>" in str(shape)
    assert "integer" not in str(shape)
