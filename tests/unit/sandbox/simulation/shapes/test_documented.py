"""The documented shape, which the other shapes change."""

from __future__ import annotations

import pytest

from tests.unit.sandbox.support import DEVICE, HOME

PATH = f"/devices/{DEVICE}"


@pytest.fixture
def documented(api):
    return api(shape="documented")


def test_settings_are_at_the_top_level(documented):
    device = documented.get(PATH)
    assert device["reactions"][0]["type"] == "sound_level_high"
    assert device["quiet_hours"]["start"] == "22:00"
    assert not device.keys() & {"configuration", "wlan", "firmware"}


@pytest.mark.parametrize("sensor", ["sound_level", "motion_events"])
def test_every_history_has_objects(documented, sensor):
    values = documented.get(f"{PATH}/{sensor}")["values"]
    assert {tuple(value) for value in values} == {("datetime", "value")}
    assert values[0]["datetime"].endswith(".000Z")


def test_home_has_the_alarm_without_details(documented):
    home = documented.get(f"/homes/{HOME}")
    assert home["alarm_status"] == "off"
    assert "detailed_alarm_status" not in home
