"""What is sent says what was meant, or names the field that cannot be sent."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum

import pytest

from airflow_provider_minut.api.http.encoding import encode_body, encode_query
from airflow_provider_minut.exceptions import MinutConfigurationError

NOON = datetime(2026, 6, 1, 14, tzinfo=timezone(timedelta(hours=2)))
NAIVE = datetime(2026, 6, 1)  # noqa: DTZ001


class Status(str, Enum):  # noqa: UP042 - the str() of a StrEnum is its value already
    ON = "on"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (False, "false"),
        (5, "5"),
        (0.5, "0.5"),
        ("a b", "a b"),
        ("", ""),
        (NOON, "2026-06-01T12:00:00.000Z"),
        (["noise_detected", "noise_quieted"], "noise_detected,noise_quieted"),
        ((True, NOON, 5), "true,2026-06-01T12:00:00.000Z,5"),
        ([], ""),
        (Status.ON, "on"),
        ("emoji \U0001f600", "emoji \U0001f600"),
    ],
)
def test_query(value, text):
    assert encode_query({"name": value, "omitted": None}) == {"name": text}
    assert encode_query(None) is None


def test_body():
    body = {"a": [True, None, NOON, ("x", 1)], "b": {"c": 0.5}, "s": Status.ON}
    assert encode_body(body) == {
        "a": [True, None, "2026-06-01T12:00:00.000Z", ["x", 1]],
        "b": {"c": 0.5},
        "s": "on",
    }
    assert encode_body(None) is None
    assert encode_body([1]) == [1]


UNSENDABLE = [
    (float("nan"), "must be a finite number"),
    (float("-inf"), "must be a finite number"),
    (NAIVE, "must have a time zone"),
    ("Villa \ud83d", "must be text that UTF-8 can encode"),
    (b"bytes", "not bytes"),
    ({1, 2}, "not set"),
    (Decimal("1.5"), "not Decimal"),
    (date(2026, 6, 1), "not date"),
    (object(), "not object"),
]


@pytest.mark.parametrize(("value", "reason"), UNSENDABLE)
def test_what_cannot_be_sent_is_an_error_that_names_its_place(value, reason):
    for given, field in ((value, "since"), ([1, value], r"since\[1\]")):
        with pytest.raises(MinutConfigurationError, match=f"^{field}: .*{reason}"):
            encode_query({"since": given})
    for body, field in (
        (value, "json"),
        ({"value": value}, "value"),
        ({"reactions": [{"value": value}]}, r"reactions\[0\]\.value"),
        ([[value]], r"json\[0\]\[0\]"),
    ):
        with pytest.raises(MinutConfigurationError, match=f"^{field}: .*{reason}"):
            encode_body(body)


@pytest.mark.parametrize("name", [5, None, "\ud83d"])
def test_name_that_is_no_text_is_an_error(name):
    with pytest.raises(MinutConfigurationError, match="^query: must"):
        encode_query({name: 1})
    with pytest.raises(MinutConfigurationError, match="^json: must"):
        encode_body({name: 1})
    with pytest.raises(MinutConfigurationError, match="^reactions: must"):
        encode_body({"reactions": {name: 1}})


@pytest.mark.parametrize("params", ["a=1", [("a", "1")], 5])
def test_query_that_is_no_object_is_an_error(params):
    with pytest.raises(MinutConfigurationError, match="^query: must be an object"):
        encode_query(params)


@pytest.mark.parametrize("value", [{"a": {}}, {"a": []}, {"a": None}])
def test_query_is_flat(value):
    with pytest.raises(MinutConfigurationError, match="^filter: must be text"):
        encode_query({"filter": value})


def test_body_that_contains_itself_is_an_error():
    inside = []
    inside.append(inside)
    with pytest.raises(MinutConfigurationError, match="^reactions: is nested too deeply"):
        encode_body({"reactions": inside})


def test_error_shows_no_value():
    with pytest.raises(MinutConfigurationError) as caught:
        encode_body({"token": b"secret"})
    assert "secret" not in str(caught.value)


def test_utc_is_sent_as_it_is():
    assert encode_query({"at": NOON.astimezone(UTC)}) == {"at": "2026-06-01T12:00:00.000Z"}
