from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from airflow_provider_minut.api.times import check_aware, from_text, parse_fields, to_text
from airflow_provider_minut.exceptions import MinutConfigurationError

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["2026-06-01T12:00:00.000Z", "2026-06-01T12:00:00Z", "2026-06-01T14:00:00+02:00", "2026-06-01T12:00:00"],
)
def test_times_are_parsed_as_aware_with_or_without_fraction(text):
    time = from_text(text)
    assert time == NOON
    assert time.utcoffset() is not None


@pytest.mark.parametrize("text", [None, 5, "", "soon", ["2026-06-01T12:00:00Z"], "2026-13-01T00:00:00Z"])
def test_value_that_is_not_a_time_is_unchanged(text):
    assert from_text(text) is None
    item = {"created_at": text}
    parse_fields(item, ["created_at", "missing"])
    assert item == {"created_at": text}


def test_times_are_sent_in_utc_with_milliseconds():
    assert to_text(NOON.astimezone(timezone(timedelta(hours=2)))) == "2026-06-01T12:00:00.000Z"


@pytest.mark.parametrize(
    ("time", "reason"),
    [
        (datetime(2026, 6, 1), "must have a time zone"),  # noqa: DTZ001
        ("2026-06-01T12:00:00Z", "must be a datetime, not str"),
        (None, "must be a datetime, not NoneType"),
        (datetime.max.replace(tzinfo=UTC), "must be between the years 2 and 9998, not in 9999"),
    ],
)
def test_time_that_cannot_be_sent_is_an_error_that_names_the_argument(time, reason):
    with pytest.raises(MinutConfigurationError, match=f"^start_at: {reason}"):
        check_aware("start_at", time)
