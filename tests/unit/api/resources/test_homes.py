"""What is sent about homes, and what is made of the answer."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from airflow_provider_minut.exceptions import MinutConfigurationError, MinutResponseError

HOME = "64aa0000000000000000b001"
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def test_homes_are_asked_for_in_pages_and_unknown_fields_pass(client, serve):
    home = {"home_id": HOME, "created_at": "2026-06-01T12:00:00.000Z", "brand_new_field": {"a": 1}}
    asked = serve("GET", "/homes", {"homes": [home], "paging": {"total_count": 1}})
    assert list(client.iter_homes()) == [{**home, "created_at": NOON}]
    assert [dict(request.args) for request in asked] == [{"limit": "100", "offset": "0"}]


@pytest.mark.parametrize(
    "given",
    [
        {"alarm_status": "on"},
        {"alarm_status": "off", "silent_alarm": True},
        {"scheduled_alarm_active": False},
        {"alarm_mode": "manual"},
    ],
)
def test_only_what_is_given_of_the_alarm_is_sent(client, serve, given):
    asked = serve("PATCH", f"/homes/{HOME}/alarm", None)
    client.set_alarm(HOME, **given)
    assert [request.json for request in asked] == [given]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "alarm_status"),
        ({"alarm_status": "armed"}, "alarm_status"),
        ({"alarm_mode": 5}, "alarm_mode"),
        ({"silent_alarm": "yes"}, "silent_alarm"),
        ({"scheduled_alarm_active": 1}, "scheduled_alarm_active"),
    ],
)
def test_setting_of_the_alarm_that_is_none_is_an_error_that_names_it(client, httpserver, given, field):
    with pytest.raises(MinutConfigurationError, match=f"^{field}: must be"):
        client.set_alarm(HOME, **given)
    assert httpserver.log == []


@pytest.mark.parametrize(
    "answer",
    [
        "ok",
        5,
        True,
        {"message": "no", "error_key": "bad_request"},
        {"error": "invalid_request", "error_description": "no"},
        {"message": "no", "status": 500, "name": "InternalError"},
    ],
)
def test_answer_to_a_write_that_is_none_is_an_error(client, serve, answer):
    serve("PATCH", f"/homes/{HOME}/alarm", answer)
    with pytest.raises(MinutResponseError):
        client.set_alarm(HOME, "on")


@pytest.mark.parametrize(
    "answer", [None, {}, [], {"message": "updated"}, {"status": "ok"}, {"alarm_status": "on"}]
)
def test_answer_to_a_write_may_be_any_other_object(client, serve, answer):
    asked = serve("PATCH", f"/homes/{HOME}/alarm", answer)
    client.set_alarm(HOME, "on")
    assert len(asked) == 1


def test_home_is_updated_by_put(client, serve):
    asked = serve("PUT", f"/homes/{HOME}", {"home_id": HOME, "alarm_status": "off"})
    assert client.update_home(HOME, {"alarm_status": "off"})["alarm_status"] == "off"
    assert asked[0].json == {"alarm_status": "off"}
