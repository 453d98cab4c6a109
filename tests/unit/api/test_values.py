"""Scalars: lenient in form, strict in meaning."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_minut.api.values import flag_of, id_of, number_of, text_of


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (23.5, 23.5),
        (3, 3),
        ("23.5", 23.5),
        (" -4 ", -4),
        ("1e3", 1000.0),
        (2**60, float(2**60)),
        (10**400, None),
        ("1e999", None),
        (float("nan"), None),
        (float("inf"), None),
        *(
            (value, None)
            for value in (None, True, "n/a", "unknown", "NaN", "", "1_000", "٣", "0x10", [1], {})
        ),
    ],
)
def test_number(value, number):
    assert number_of(value) == number
    assert type(number_of(value)) is type(number)


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53))
def test_number_and_its_text_mean_the_same(value):
    assert number_of(value) == value
    assert number_of(str(value)) == value


@pytest.mark.parametrize(
    ("value", "flag"),
    [
        (True, True),
        (False, False),
        (1, True),
        (0, False),
        (1.0, True),
        ("true", True),
        ("False ", False),
        *((value, None) for value in (None, 2, "yes", "1", "", [], [True], {}, "on")),
    ],
)
def test_flag(value, flag):
    assert flag_of(value) is flag


@pytest.mark.parametrize(
    ("value", "text"),
    [("a", "a"), ("", ""), (12, "12"), (1.5, "1.5"), (True, None), (None, None), ([], None)],
)
def test_text(value, text):
    assert text_of(value) == text


@pytest.mark.parametrize(
    ("value", "identity"),
    [("a", "a"), (12, "12"), ("", None), (1.5, None), (True, None), (None, None), ({}, None)],
)
def test_id(value, identity):
    assert id_of(value) == identity
