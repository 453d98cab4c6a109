"""The shape that public clients were seen to parse is the default."""

from __future__ import annotations

import re

from tests.unit.sandbox.support import DAY, DEVICE, HOME, iso, to_ms

PATH = f"/devices/{DEVICE}"


def test_motion_is_pairs_of_whole_seconds_and_counts(api, clock):
    begin = clock.ms // DAY * DAY - DAY
    window = {"start_at": iso(begin), "end_at": iso(begin + DAY), "time_resolution": 900}
    motion = api().get(f"{PATH}/motion_events", include_min_max=True, **window)
    assert (motion["unit"], motion["time_resolution"]) == ("", 900)
    expected = api(shape="documented").get(f"{PATH}/motion_events", **window)["values"]
    assert motion["values"] == [[to_ms(v["datetime"]) // 1000, v["value"]] for v in expected]
    assert 0 in [count for _, count in motion["values"]]
    assert {type(number) for pair in motion["values"] for number in pair} == {int}


def test_other_histories_are_objects(api):
    client, documented = api(), api(shape="documented")
    for sensor in ("sound_level", "temperature", "humidity"):
        assert client.get(f"{PATH}/{sensor}") == documented.get(f"{PATH}/{sensor}")


def test_settings_are_only_under_configuration(api):
    device, documented = api().get(PATH), api(shape="documented").get(PATH)
    settings = {name: documented.pop(name) for name in ("reactions", "quiet_hours")}
    assert device["configuration"] == settings
    assert not device.keys() & settings.keys()
    assert documented.items() <= device.items()


def test_device_has_what_clients_read(api):
    client = api(devices=50)
    devices = client.get("/devices")["devices"]
    first = devices[0]
    assert re.fullmatch("[0-9a-f]{12}", first["device_mac"])
    assert first["firmware"].keys() == {"installed", "wanted"}
    assert first.keys() >= {
        "hardware_version",
        "mount_status",
        "charge_status",
        "mould_risk_level",
        "insights",
    }
    assert {type(device["wlan"]["rssi"]) for device in devices} == {int}
    assert len({device["device_mac"] for device in devices}) == 50
    assert len({device["wlan"]["rssi"] for device in devices}) > 10
    assert client.get(PATH) == first


def test_alarm_is_armed_after_a_grace_period(api, clock):
    client, path = api(), f"/homes/{HOME}"
    assert client.get(path)["detailed_alarm_status"] == "off"

    def state(home):
        return [home[k] for k in ("alarm_status", "detailed_alarm_status", "grace_period_expires_at")]

    armed = client.request("PUT", path, json={"alarm_status": "on"}).json()
    expires = armed["grace_period_expires_at"]
    assert state(armed) == ["on", "on_grace_period", expires]
    assert to_ms(expires) == clock.ms + 45_000
    clock.now += 44
    assert state(client.request("PUT", path, json={"alarm_status": "on"}).json()) == state(armed)
    clock.now += 1
    assert state(client.get(path)) == ["on", "on", None]
    client.request("PATCH", f"{path}/alarm", json={"alarm_status": "off"})
    assert state(client.get(path)) == ["off", "off", None]
    client.request("PATCH", f"{path}/alarm", json={"alarm_status": "on"})
    assert state(client.get(path))[1] == "on_grace_period"
