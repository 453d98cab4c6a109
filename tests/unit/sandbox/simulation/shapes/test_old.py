"""The shapes of earlier versions."""

from __future__ import annotations

import pytest

from tests.unit.sandbox.support import DEVICE, HOME, to_ms

PATH = f"/devices/{DEVICE}"


@pytest.mark.parametrize(
    ("sensor", "kind"),
    [("sound_level", str), ("temperature", str), ("humidity", int), ("motion_events", int)],
)
def test_history_is_pairs_with_text_or_whole_seconds(api, sensor, kind):
    old = api(shape="old").get(f"{PATH}/{sensor}")
    expected = api(shape="documented").get(f"{PATH}/{sensor}")
    assert {type(time) for time, _ in old["values"]} == {kind}
    pairs = [(v["datetime"], v["value"]) for v in expected["values"]]
    if kind is int:
        pairs = [(to_ms(time) // 1000, value) for time, value in pairs]
    assert [tuple(pair) for pair in old["values"]] == pairs
    assert (old["unit"], old["time_resolution"]) == (expected["unit"], expected["time_resolution"])


def test_device_has_the_names_of_earlier_versions(api):
    device, documented = api(shape="old").get(PATH), api(shape="documented").get(PATH)
    assert device["home_id"] == HOME
    assert not device.keys() & {"home", "next_heartbeat_at", "reactions", "quiet_hours"}
    assert device["latest_sensor_values"]["sound_pressure"] == documented["latest_sensor_values"]["sound"]
    assert "sound" not in device["latest_sensor_values"]
    assert device["configuration"].keys() == {
        "version",
        "installed_on_device_at",
        "updated_at",
        "room_type",
        "reactions",
        "quiet_hours",
    }


def test_home_has_the_alarm_without_details(api):
    assert api(shape="old").get(f"/homes/{HOME}") == api(shape="documented").get(f"/homes/{HOME}")
