"""What is sent about homes, and what is made of the answer."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from airflow_provider_minut.exceptions import MinutConfigurationError

HOME = "64aa0000000000000000b001"
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def test_homes_are_asked_for_in_pages_and_unknown_fields_pass(client, serve):
    home = {"home_id": HOME, "created_at": "2026-06-01T12:00:00.000Z", "brand_new_field": {"a": 1}}
    asked = serve("GET", "/homes", {"homes": [home], "paging": {"total_count": 1}})
    assert list(client.iter_homes()) == [{**home, "created_at": NOON}]
    assert [dict(request.args) for request in asked] == [{"limit": "100", "offset": "0"}]


def test_alarm_is_set_with_all_fields(client, serve):
    asked = serve("PATCH", f"/homes/{HOME}/alarm", None)
    client.set_alarm(HOME, "on", silent_alarm=True)
    assert asked[0].json == {
        "alarm_status": "on",
        "alarm_mode": "manual",
        "silent_alarm": True,
        "scheduled_alarm_active": False,
    }
    with pytest.raises(MinutConfigurationError, match="alarm_status"):
        client.set_alarm(HOME, "armed")


def test_home_is_updated_by_put(client, serve):
    asked = serve("PUT", f"/homes/{HOME}", {"home_id": HOME, "alarm_status": "off"})
    assert client.update_home(HOME, {"alarm_status": "off"})["alarm_status"] == "off"
    assert asked[0].json == {"alarm_status": "off"}
