"""Devices, their settings and their sensor history over HTTP."""

from __future__ import annotations

import itertools

import pytest

from tests.unit.sandbox.support import DAY, DEVICE, HOME, HOUR, iso, to_ms

PATH = f"/devices/{DEVICE}"
SENSORS = ["sound_level", "temperature", "humidity", "motion_events", "pressure", "battery"]
REACTION = {"type": "sound_level_high", "notifications": [], "value": 75, "duration_seconds": 600}


def test_first_devices_are_those_that_they_always_were(quiet):
    devices = quiet.get("/devices")
    assert devices.keys() == {"devices"}
    assert [(d["description"], d["home"][-1]) for d in devices["devices"]] == [
        ("Hallway", "1"),
        ("Kitchen", "1"),
        ("Studio", "2"),
    ]


@pytest.mark.parametrize("count", [0, 2, 1000])
def test_fleets_up_to_1000_devices_are_not_paginated(api, count):
    content = api(devices=count).get("/devices", limit=1, offset=1)
    assert (len(content["devices"]), "paging" in content) == (count, False)


def test_larger_fleets_are_paginated(api):
    client = api(devices=1_500, homes=10)
    first, second = client.get("/devices"), client.get("/devices", offset=1_000)
    assert second["paging"] == {"total_count": 1_500, "limit": 1_000, "offset": 1_000}
    ids = [device["device_id"] for device in first["devices"] + second["devices"]]
    assert len(set(ids)) == 1_500
    assert client.get(f"/devices/{ids[-1]}") == second["devices"][-1]
    assert client.error("GET", "/devices?limit=1001").startswith("limit: ")


def test_device_has_the_data_of_its_last_check_in(api, clock):
    client = api()
    device = client.get(PATH)
    heard = to_ms(device["last_heard_from_at"])
    assert heard <= clock.ms < to_ms(device["next_heartbeat_at"]) <= clock.ms + HOUR
    latest = device["latest_sensor_values"]
    assert latest.keys() == {"temperature", "sound", "humidity", "accelerometer_z"}
    times = {to_ms(value["time"]) for value in latest.values()}
    assert len(times) == 4
    assert heard - 10_000 < min(times) <= max(times) <= heard
    assert device["home"] == HOME
    clock.now = to_ms(device["next_heartbeat_at"]) / 1000 - 0.001
    assert client.get(PATH) == device
    clock.now += 0.001
    assert client.get(PATH)["latest_sensor_values"] != latest


def test_silent_devices_were_heard_of_three_days_ago(api, clock):
    devices = api(devices=10, silent_share=0.3).get("/devices")["devices"]
    silent = [d for d in devices if to_ms(d["last_heard_from_at"]) <= clock.ms - 3 * DAY]
    assert len(silent) == 3
    assert [device for device in devices if device["offline"]] == silent
    assert all(to_ms(d["next_heartbeat_at"]) > clock.ms for d in devices)


def settings(device):
    """Return the settings of a device, wherever its shape has them."""
    return {name: (device.get("configuration") or device)[name] for name in ("reactions", "quiet_hours")}


@pytest.mark.parametrize("shape", ["documented", "seen", "old", "odd"])
@pytest.mark.parametrize("nested", [False, True])
def test_settings_are_replaced_where_the_shape_has_them(api, shape, nested):
    client = api(shape=shape)
    before = client.get(PATH)
    quiet = {"enabled": False, "start": "22:00", "end": "07:00"}
    assert settings(before) == {"reactions": [REACTION], "quiet_hours": quiet}
    reaction = {"type": "sound_level_high_quiet_hours", "value": 65.5, "duration_seconds": 300}
    body = {"reactions": [reaction], "quiet_hours": {"enabled": True, "start": "23:30", "end": "06:00"}}
    after = client.request("PUT", PATH, json={"configuration": body} if nested else body).json()
    expected = body | {"reactions": [reaction | {"notifications": []}]}
    assert settings(after) == expected
    assert client.get(PATH) == after
    assert after.keys() == before.keys()
    renamed = client.request("PUT", PATH, json={"description": "Hall"}).json()
    assert renamed == after | {"description": "Hall"}


@pytest.mark.parametrize("shape", ["documented", "seen", "old"])
def test_settings_that_are_written_back_as_they_were_read_change_nothing(api, shape):
    client = api(shape=shape)
    before = client.get(PATH)
    body = {name: before[name] for name in ("configuration", "reactions", "quiet_hours") if name in before}
    assert client.request("PUT", PATH, json=body).json() == before


def test_setting_at_the_top_level_overrides_the_other(api):
    louder = {"reactions": [REACTION | {"value": 80}]}
    body = {"configuration": {"reactions": [REACTION]}, **louder}
    assert settings(api().request("PUT", PATH, json=body).json())["reactions"] == louder["reactions"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"reactions": REACTION}, "reactions"),
        ({"reactions": [1]}, "reactions.0"),
        ({"reactions": [{"type": "sound_level_high"}]}, "reactions.0.value"),
        ({"reactions": [REACTION | {"x": 1}]}, "x"),
        ({"reactions": [REACTION | {"type": "noise"}]}, "reactions.0.type"),
        ({"reactions": [REACTION | {"type": []}]}, "reactions.0.type"),
        ({"reactions": [REACTION | {"value": "75"}]}, "reactions.0.value"),
        ({"reactions": [REACTION | {"value": True}]}, "reactions.0.value"),
        ({"reactions": [REACTION | {"notifications": "push"}]}, "reactions.0.notifications"),
        ({"reactions": [REACTION | {"duration_seconds": 299}]}, "reactions.0.duration_seconds"),
        ({"reactions": [REACTION | {"duration_seconds": 901}]}, "reactions.0.duration_seconds"),
        ({"reactions": [REACTION | {"duration_seconds": 600.0}]}, "reactions.0.duration_seconds"),
        ({"quiet_hours": "22:00"}, "quiet_hours"),
        ({"quiet_hours": {"enabled": True}}, "quiet_hours.start"),
        ({"quiet_hours": {"enabled": True, "start": "24:00", "end": "07:00"}}, "quiet_hours.start"),
        ({"quiet_hours": {"enabled": True, "start": "22:00", "end": "7:00"}}, "quiet_hours.end"),
        ({"quiet_hours": {"enabled": 1, "start": "22:00", "end": "07:00"}}, "quiet_hours.enabled"),
        ({"quiet_hours": None}, "quiet_hours"),
        ({"description": None}, "description"),
        ({"configuration": None}, "configuration"),
        ({"configuration": {"reactions": REACTION}}, "configuration.reactions"),
        ({"configuration": {"x": 1}}, "x"),
        ({"name": "x"}, "name"),
        ("x", "body"),
    ],
)
def test_bad_setting_is_named_and_changes_nothing(quiet, body, field):
    before = quiet.get(PATH)
    assert quiet.error("PUT", PATH, json=body).startswith(f"{field}: ")
    assert quiet.get(PATH) == before


def test_number_that_is_not_json_is_rejected(quiet):
    body = b'{"reactions": [{"type": "sound_level_high", "value": NaN}]}'
    assert quiet.error("PUT", PATH, data=body).startswith("reactions.0.value: ")


@pytest.mark.parametrize("id_", ["64aa0000000000000000d004", HOME, "x"])
def test_unknown_device_or_sensor_is_not_found(quiet, id_):
    quiet.error("GET", f"/devices/{id_}", 404)
    quiet.error("PUT", f"/devices/{id_}", 404, json={})
    quiet.error("GET", f"/devices/{id_}/sound_level", 404)
    quiet.error("GET", f"{PATH}/part_als", 404)


def readings(content):
    """Return the times, in milliseconds since the epoch, and the values of a history in any shape."""
    pairs = [value.values() if isinstance(value, dict) else value for value in content["values"]]
    return [(to_ms(time) if isinstance(time, str) else 1000 * time, value) for time, value in pairs]


@pytest.mark.parametrize("sensor", SENSORS)
def test_history_is_that_of_the_last_day_up_to_the_last_check_in(quiet, clock, sensor):
    content = quiet.get(f"{PATH}/{sensor}")
    times = [time for time, _ in readings(content)]
    heard = to_ms(quiet.get(PATH)["last_heard_from_at"])
    assert content.keys() == {"unit", "time_resolution", "values"}
    assert content["time_resolution"] == 420
    first = -(-(clock.ms - DAY) // 420_000) * 420_000
    assert times == list(range(first, heard + 1, 420_000))


def test_start_is_included_and_end_is_not(quiet, clock):
    begin = clock.ms // DAY * DAY - DAY
    window = {"start_at": iso(begin), "end_at": iso(begin + 4 * HOUR), "time_resolution": 3600}
    values = quiet.get(f"{PATH}/temperature", **window)["values"]
    assert [to_ms(value["datetime"]) for value in values] == [begin + n * HOUR for n in range(4)]


def test_windows_put_together_are_the_whole(quiet, clock):
    edges = [clock.ms - DAY, clock.ms - DAY + 12_345_678, clock.ms - 3 * HOUR, clock.ms]
    parts = [
        quiet.get(f"{PATH}/sound_level", start_at=iso(a), end_at=iso(b))["values"]
        for a, b in itertools.pairwise(edges)
    ]
    assert [value for part in parts for value in part] == quiet.get(f"{PATH}/sound_level")["values"]


def test_nulls_min_and_max_are_included_on_request(quiet, clock):
    window = {"start_at": iso(clock.ms - DAY), "end_at": iso(clock.ms + DAY), "include_min_max": True}
    known = quiet.get(f"{PATH}/sound_level", **window)["values"]
    filled = quiet.get(f"{PATH}/sound_level", null_fill=True, **window)["values"]
    assert all(value["min"] <= value["value"] <= value["max"] for value in known)
    assert filled[: len(known)] == known
    rest = filled[len(known) :]
    assert len(rest) >= DAY // 420_000
    assert all(value["value"] is value["min"] is value["max"] is None for value in rest)


def test_coarse_motion_is_the_sum_of_fine_motion(quiet, clock):
    begin = clock.ms // DAY * DAY - 2 * DAY
    window = {"start_at": iso(begin), "end_at": iso(begin + DAY)}
    fine = readings(quiet.get(f"{PATH}/motion_events", time_resolution=60, **window))
    coarse = readings(quiet.get(f"{PATH}/motion_events", time_resolution=86_400, **window))
    assert coarse == [(begin, sum(value for _, value in fine))]
    assert (len(fine), coarse[0][1] > 100) == (1440, True)


def test_nothing_is_measured_before_the_history_or_after_the_last_check_in(api, clock):
    client = api(silent_share=1)
    assert client.get(f"{PATH}/humidity")["values"] == []
    early = {"start_at": "2019-12-31T00:00:00Z", "end_at": "2020-01-02T00:00:00Z"}
    values = client.get(f"{PATH}/humidity", **early)["values"]
    assert values[0]["datetime"] >= "2019-12-31T23:5"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("time_resolution", 59),
        ("time_resolution", 86_401),
        ("time_resolution", "x"),
        ("null_fill", "perhaps"),
        ("include_min_max", "perhaps"),
        ("start_at", "2027-01-15T00:00:00"),
        ("end_at", "now"),
        ("start_at", "2026-12-15T07:59:59Z"),  # 31 days and a second
    ],
)
def test_bad_parameter_is_named(quiet, field, value):
    assert quiet.error("GET", f"{PATH}/sound_level", params={field: value}).startswith(f"{field}: ")


def test_31_days_are_allowed(quiet):
    values = quiet.get(f"{PATH}/sound_level", start_at="2026-12-15T08:00:00Z", time_resolution=86_400)[
        "values"
    ]
    assert len(values) == 31
