"""What of an alarm is a change, and which statuses count as armed."""

from __future__ import annotations

import pytest

from airflow_provider_minut.api.resources.alarm import alarm_changes, alarm_status_of


@pytest.mark.parametrize(
    ("home", "status"),
    [
        ({}, None),
        ({"alarm_status": "on"}, "on"),
        ({"alarm_status": "off", "detailed_alarm_status": "on_grace_period"}, "on_grace_period"),
        ({"alarm_status": "on", "detailed_alarm_status": None}, "on"),
        ({"alarm_status": "on", "detailed_alarm_status": "brand_new"}, "on"),
        ({"alarm_status": ["on"]}, None),
    ],
)
def test_detailed_status_takes_precedence_if_it_is_known(home, status):
    assert alarm_status_of(home) == status


@pytest.mark.parametrize(
    ("status", "requested", "changes"),
    [
        ("on", "on", []),
        ("on_grace_period", "on", []),
        ("critical_event", "on", []),
        ("off", "off", []),
        ("off", "on", ["alarm_status: off -> on"]),
        ("off_grace_period", "on", ["alarm_status: off_grace_period -> on"]),
        ("off_grace_period", "off", ["alarm_status: off_grace_period -> off"]),
        ("critical_event", "off", ["alarm_status: critical_event -> off"]),
        (None, "on", ["alarm_status: unknown -> on"]),
    ],
)
def test_status_is_compared_with_those_that_satisfy_it(status, requested, changes):
    assert alarm_changes({"home_id": "b1", "alarm_status": status}, {"alarm_status": requested}) == changes


def test_only_what_is_requested_is_compared():
    home = {"alarm_status": "on", "silent_alarm": True, "scheduled_alarm_active": 1, "alarm_mode": "manual"}
    assert alarm_changes(home, {"silent_alarm": True, "scheduled_alarm_active": True}) == []
    assert alarm_changes(home, {"silent_alarm": False}) == ["silent_alarm: True -> False"]
    assert alarm_changes({}, {"silent_alarm": False, "alarm_mode": "manual"}) == [
        "silent_alarm: unknown -> False",
        "alarm_mode: unknown -> manual",
    ]
