"""Whatever answers, a caller gets a typed error: one short line, without a secret."""

from __future__ import annotations

import json
import math
from email.utils import format_datetime

from hypothesis import example, given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from airflow_provider_minut.api.http.response import Response, error_from_response, parse_json, retry_after
from airflow_provider_minut.exceptions import MinutError, MinutResponseError
from tests.strategies import almost, json_values, texts

SECRET = "5ecret5ecret5ecret5ecret5ecret00"
MOST = 800  # characters of a message: what the server said, and our own words
header_values = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=60)
dates = st.datetimes().map(format_datetime) | st.from_regex(
    r"\A[A-Z][a-z]{2}, [0-9]{1,3} [A-Z][a-z]{2} [0-9]{1,6} [0-9:]{1,9} ([+-][0-9]{1,12}|[A-Z]{1,4})?\Z"
)
locations = st.one_of(header_values, header_values.map("http://{}".format), header_values.map("//[{}".format))
# What a server says, with a secret in it, perhaps at the very place where it is cut.
echoes = st.tuples(st.integers(0, 320), texts).map(lambda t: "x" * t[0] + SECRET + t[1])
bodies = st.one_of(
    st.binary(max_size=200),
    (almost({"message": texts, "error": texts, "error_description": texts}) | json_values).map(json.dumps).map(str.encode),
    echoes.map(lambda echo: json.dumps({"message": echo}).encode()),
    echoes.map(lambda echo: echo.encode("utf-8", "replace")),
    (texts | echoes).map(lambda said: f"<title>{said}</title>".encode("utf-8", "replace")),
)  # fmt: skip
headers = st.fixed_dictionaries(
    {},
    optional={
        "content-type": st.sampled_from(["application/json", "text/plain", "text/html; x"]) | header_values,
        "location": locations,
        "retry-after": st.one_of(header_values, dates, st.integers(0, 10**25).map(str)),
        "date": header_values | dates,
    },
).map(CaseInsensitiveDict)
long_kind = CaseInsensitiveDict({"content-type": "x\x1b" * 5000})


def check(error):
    assert isinstance(error, MinutError)
    assert str(error).isprintable()
    assert len(str(error)) <= MOST
    assert SECRET[:8] not in str(error)


@given(st.integers(100, 999).filter(lambda status: not 200 <= status < 300), headers, bodies)
@example(302, CaseInsensitiveDict({"location": "http://[x"}), b"")
@example(302, CaseInsensitiveDict({"location": f"http://{'x' * 9000}\x1b/"}), b"")
@example(400, CaseInsensitiveDict(), json.dumps({"message": "x" * 280 + SECRET}).encode())
def test_error_answer_is_a_typed_error_of_one_short_line_without_a_secret(status, headers, body):
    error = error_from_response("GET /x", Response(status, headers, body), secrets=(SECRET,))
    check(error)
    assert str(error).startswith(f"GET /x returned {status}")


@given(headers, bodies)
@example(CaseInsensitiveDict(), f"<title>{SECRET}</title>".encode())
@example(long_kind, b"<")
def test_answer_is_json_or_a_typed_error_of_one_short_line_without_a_secret(headers, body):
    try:
        parse_json("GET /x", Response(200, headers, body), secrets=(SECRET,))
    except MinutResponseError as error:
        check(error)


@given(headers)
def test_retry_after_is_a_number_of_seconds_or_nothing(headers):
    wait = retry_after(headers)
    assert wait is None or (wait >= 0 and math.isfinite(wait))
