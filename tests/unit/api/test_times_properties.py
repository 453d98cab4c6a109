from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_minut.api.times import check_aware, from_text, parse_fields, to_text
from airflow_provider_minut.exceptions import MinutConfigurationError
from tests.strategies import json_values

zones = st.timedeltas(timedelta(hours=-23, minutes=-59), timedelta(hours=23, minutes=59)).map(timezone)
near_times = st.from_regex(r"[0-9]{4}-?[0-9W]{2,3}-?[0-9]{1,2}([T ].{0,30})?", fullmatch=True)
texts = st.one_of(st.datetimes(timezones=st.none() | zones).map(datetime.isoformat), near_times, st.text())


@given(texts | json_values)
def test_value_becomes_an_aware_time_or_is_unchanged(value):
    time = from_text(value)
    item = {"created_at": value}
    parse_fields(item, ["created_at"])
    if time is None:
        assert item["created_at"] is value
    else:
        assert time.tzinfo is UTC
        assert item == {"created_at": time}
        assert from_text(to_text(time)) == time.replace(microsecond=time.microsecond // 1000 * 1000)


@given(st.datetimes(timezones=zones))
@example(datetime.min.replace(tzinfo=UTC))
@example(datetime.max.replace(tzinfo=UTC))
@example(datetime.min.replace(tzinfo=timezone(timedelta(hours=14))))
def test_every_time_that_is_accepted_can_be_sent_and_means_the_same(time):
    try:
        accepted = check_aware("start_at", time)
    except MinutConfigurationError as error:
        assert time.year in {1, 9999}
        assert error.field == "start_at"
    else:
        margin = timedelta(milliseconds=1)
        assert (
            from_text(to_text(accepted - margin)) < accepted < from_text(to_text(accepted + margin)) + margin
        )
