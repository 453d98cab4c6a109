from __future__ import annotations

from datetime import UTC, datetime

import pytest

from airflow_provider_minut.exceptions import MinutConfigurationError
from airflow_provider_minut.utils.validation import checked_names, checked_time

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("value", [NOON, "2026-06-01T12:00:00Z", "2026-06-01 14:00+02:00"])
def test_time_may_be_a_datetime_or_text(value):
    assert checked_time("after", value) == NOON


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("tomorrow", "must be a datetime or ISO 8601 text"),
        ("2026-06-01", "must have a time zone"),
        (datetime(2026, 6, 1), "must have a time zone"),  # noqa: DTZ001
        (None, "must be a datetime, not NoneType"),
        (20260601, "must be a datetime, not int"),
    ],
)
def test_other_values_are_errors_that_name_the_argument(value, reason):
    with pytest.raises(MinutConfigurationError, match=f"^after: {reason}"):
        checked_time("after", value)


@pytest.mark.parametrize("values", [None, (), []])
def test_no_names_are_an_empty_tuple(values):
    assert checked_names("home_ids", values) == ()


@pytest.mark.parametrize("values", ["64aa", [1]])
def test_names_must_be_a_list_of_strings(values):
    with pytest.raises(MinutConfigurationError, match="^home_ids: must be a list of strings"):
        checked_names("home_ids", values)
