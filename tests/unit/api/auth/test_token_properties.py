"""Whatever the token endpoint answers, and whatever lies in the shared state."""

from __future__ import annotations

import json
import math
from random import uniform

from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_minut.api.auth.token import (
    MAX_LIFETIME_SECONDS,
    Token,
    TokenEntry,
    TokenState,
    token_from_response,
)
from airflow_provider_minut.exceptions import MinutResponseError, MinutStatusError
from tests.conftest import FakeClock
from tests.strategies import almost, json_values, numbers, texts

NOW = FakeClock().now
values = st.from_regex(r"[A-Za-z0-9._~+/-]+=*", fullmatch=True)
replies = almost(
    {
        "access_token": values,
        "token_type": st.sampled_from(["Bearer", "bearer"]),
        "expires_in": numbers | numbers.map(str),
        "error": texts,
    }
)
entries = almost(
    {
        "v": st.just(1),
        "rejection": texts,
        "retry_at": st.floats(NOW - 100, NOW + 100) | numbers,
        "access_token": values,
        "issued_at": st.floats(NOW - 4000, NOW + 100) | numbers,
        "lifetime": st.floats(1, 4000) | numbers,
    },
    missing=False,
)


def is_safe(token):
    """Whether a token can go into a header, and ends."""
    sendable = isinstance(token.value, str) and token.value.isascii() and token.value.isprintable()
    return sendable and " " not in token.value and 0 < token.lifetime <= MAX_LIFETIME_SECONDS


@given(replies | json_values)
def test_token_reply_gives_a_safe_token_or_a_typed_error_without_it(reply):
    try:
        token = token_from_response(reply, (NOW, 1000.0), uniform)
    except (MinutResponseError, MinutStatusError) as error:
        value = reply.get("access_token") if isinstance(reply, dict) else None
        assert not isinstance(value, str) or len(value) < 20 or value not in str(error)
    else:
        assert is_safe(token)
        assert token.value == reply["access_token"]
        assert token.issued_at == NOW


@given(entries | json_values)
@example({"v": 1, "rejection": "", "retry_at": 10**400})
@example({"v": 1, "rejection": "", "retry_at": 0, "access_token": "a", "issued_at": NOW, "lifetime": 10**400})
@example(
    {"v": 1, "rejection": "", "retry_at": 0, "access_token": "a", "issued_at": -(10**400), "lifetime": 1}
)
@example({"v": 1, "rejection": "", "retry_at": 0, "access_token": "a\nb", "issued_at": NOW, "lifetime": 60})
@example({"v": 1, "rejection": "", "retry_at": 0, "access_token": 7, "issued_at": NOW, "lifetime": 60})
@example(
    {"v": 1, "rejection": "", "retry_at": 0, "access_token": "a", "issued_at": NOW, "lifetime": math.inf}
)
def test_shared_entry_gives_a_safe_token_or_none(entry):
    clock = FakeClock()
    loaded = TokenEntry.load(json.dumps(entry).encode(), clock, uniform)
    assert loaded.token is None or is_safe(loaded.token)
    assert isinstance(loaded.rejection, str)
    assert math.isfinite(loaded.ends_at)
    clock.advance(MAX_LIFETIME_SECONDS + 61)  # no entry keeps a token, or a rejection, for ever
    assert loaded.token is None or loaded.token.state(clock) is TokenState.SPENT
    assert TokenEntry.load(loaded.dump(), clock, uniform).rejection == ""


@given(st.binary(max_size=200))
def test_shared_entry_that_is_no_json_is_no_entry(entry):
    loaded = TokenEntry.load(entry, FakeClock(), uniform)
    assert (loaded.token, loaded.rejection) == (None, "")


@given(values, st.floats(-3600, 0), st.floats(0.1, MAX_LIFETIME_SECONDS))
def test_entry_that_was_dumped_is_loaded(value, age, lifetime):
    clock = FakeClock()
    token = Token(value, clock.now + age, lifetime, clock.ticks + age, jitter=uniform)
    loaded = TokenEntry.load(TokenEntry(token).dump(), clock, uniform).token
    assert (loaded.value, loaded.issued_at, loaded.lifetime) == (value, token.issued_at, lifetime)


@given(
    st.floats(0.1, MAX_LIFETIME_SECONDS),
    st.lists(st.floats(0, MAX_LIFETIME_SECONDS), min_size=1, max_size=20),
)
def test_token_only_ages(lifetime, offsets):
    clock = FakeClock()
    token = Token("a", clock.now, lifetime, clock.ticks, jitter=uniform)
    order = list(TokenState)
    ages = []
    for offset in sorted(offsets):
        clock.now, clock.ticks = FakeClock().now + offset, FakeClock().ticks + offset
        ages.append(order.index(token.state(clock)))
    assert ages == sorted(ages)
    clock.advance(lifetime)
    assert token.state(clock) is TokenState.SPENT
