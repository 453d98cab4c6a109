"""What JSON can contain and others cannot store."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_minut.api.safe_json import loads


@pytest.mark.parametrize(
    ("text", "data"),
    [
        (r'"Villa \ud83d"', "Villa \ufffd"),
        (r'"\ud83d\ude00"', "\U0001f600"),
        (r'"\uDE00\uD83D"', "\ufffd\ufffd"),
        (r'["a\u0000b", {"\u0000c": "\u0000"}]', ["ab", {"c": ""}]),
        ("[NaN, Infinity, -Infinity, 1e999, -1e999]", [None] * 5),
        ("[1.5, 1e3, 12345678901234567890]", [1.5, 1000.0, 12345678901234567890]),
        (r'"\\ud83d"', r"\ud83d"),
        ('"\u202eright to left"', "\u202eright to left"),
    ],
)
def test_text_and_numbers_become_safe_and_all_else_stays(text, data):
    assert loads(text) == data


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(values, st.booleans())
def test_every_json_can_be_stored_afterwards(value, ascii_only):
    text = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "replace").decode()
    stored = json.dumps(loads(text), ensure_ascii=False, allow_nan=False).encode()
    assert b"\\u0000" not in stored
    assert json.loads(stored) == loads(text)


def test_what_is_no_json_is_a_value_error():
    with pytest.raises(ValueError, match="Expecting value"):
        loads("nope")
