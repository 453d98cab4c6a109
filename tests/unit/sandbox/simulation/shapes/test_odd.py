"""What is odd is known: a null item cannot be read, and everything else is as documented or missing."""

from __future__ import annotations

import itertools

import pytest

from tests.unit.sandbox.support import DAY, DEVICE, HOME, iso, to_ms

SENSORS = ["sound_level", "temperature", "humidity", "motion_events", "pressure", "battery"]
HOMES, DEVICES = 45, 40
OPTIONS = {"homes": HOMES, "devices": DEVICES, "noisy_periods_per_day": 3, "late_share": 0}


@pytest.fixture
def both(api):
    """Return the odd and the documented shape of the same fleet at the same time."""
    return api(shape="odd", **OPTIONS), api(shape="documented", **OPTIONS)


def all_pages(client, path, name, **params):
    items, total = [], 1
    while len(items) < total:
        content = client.get(path, offset=len(items), **params)
        items += content[name]
        total = content["paging"]["total_count"]
    return items


def all_homes(client, limit=30):
    return all_pages(client, "/homes", "homes", limit=limit)


def all_devices(client):
    return client.get("/devices")["devices"]


def good(items):
    return [item for item in items if item is not None]


@pytest.mark.parametrize("read", [all_homes, all_devices])
def test_list_has_every_item_and_one_null(both, read):
    odd, documented = map(read, both)
    assert (odd.index(None), odd.count(None)) == (1, 1)
    assert len(good(odd)) == len(documented)
    assert odd[0] == documented[0]
    names = {"home_id", "device_id"}
    for item, expected in zip(good(odd), documented, strict=True):
        assert {k: v for k, v in item.items() if k in names} == {
            k: v for k, v in expected.items() if k in names
        }
        changed = [name for name in expected if item.get(name) != expected[name]]
        assert len(changed) == (item != documented[0]), item


@pytest.mark.parametrize("limit", [2, 3, 23, 30, 46, 100])
def test_pages_have_every_item_once(both, limit):
    assert all_homes(both[0], limit) == all_homes(both[0])


def test_pages_of_one_item_have_every_item(both):
    homes = all_homes(both[0], 1)
    assert {home["home_id"] for home in homes} == {home["home_id"] for home in all_homes(both[1])}


def test_every_oddity_of_a_device_occurs(both):
    devices = good(all_devices(both[0]))
    for name in ("latest_sensor_values", "home", "battery", "last_heard_from_at"):
        assert any(name not in device for device in devices), name
    assert any(device.get("home", "") is None for device in devices)
    assert any(device.get("battery") == {"percent": None} for device in devices)
    assert {device["description"].split(" ", 2)[-1][0] for device in devices} >= set("\ud83d\x00\u202e🏠")


def test_every_oddity_of_a_home_occurs(both):
    homes = good(all_homes(both[0]))
    assert any("alarm_status" not in home for home in homes)
    assert any("name" not in home for home in homes)
    text = "".join(home.get("name", "") for home in homes)
    assert set(text) >= set("\ud83d\x00\u202e🏠")


def test_unusual_text_is_escaped(both):
    body = both[0].request("GET", "/devices").content
    assert body.isascii()
    assert rb"\ud83d" in body
    assert rb"\u0000" in body


def time_of(item):
    return item["datetime"] * 1000 if isinstance(item["datetime"], int) else to_ms(item["datetime"])


@pytest.mark.parametrize("sensor", SENSORS)
def test_history_has_every_value_but_some_that_are_text(both, clock, sensor):
    window = {"start_at": iso(clock.ms - 7 * DAY), "end_at": iso(clock.ms), "include_min_max": True}
    odd, documented = (c.get(f"/devices/{DEVICE}/{sensor}", **window)["values"] for c in both)
    items = good(odd)
    numbers = {time_of(item): item["value"] for item in items if isinstance(item["value"], int | float)}
    texts = {time_of(item) for item in items if item["value"] == "unknown"}
    expected = {to_ms(item["datetime"]): item["value"] for item in documented}
    assert numbers == {time: value for time, value in expected.items() if time not in texts}
    repeated = len(items) - len(documented)
    assert repeated == sum(item["value"] is None for item in items)
    seconds = sum(isinstance(item["datetime"], int) for item in items)
    for count in (odd.count(None), len(texts), seconds, repeated / 2):
        assert count == pytest.approx(len(documented) / 50, rel=0.6)


def test_history_that_is_read_in_parts_is_the_same(both, clock):
    path, edges = f"/devices/{DEVICE}/sound_level", [clock.ms - DAY, clock.ms - DAY // 3, clock.ms]
    parts = [
        both[0].get(path, start_at=iso(a), end_at=iso(b))["values"] for a, b in itertools.pairwise(edges)
    ]
    assert parts[0] + parts[1] == both[0].get(path)["values"]


def test_each_device_but_the_first_has_one_history_without_values(both):
    without = []
    for device in good(all_devices(both[0]))[:7]:
        histories = [both[0].get(f"/devices/{device['device_id']}/{sensor}") for sensor in SENSORS]
        without.append([h.get("values", "missing") for h in histories if not h.get("values")])
    assert without == [[], *3 * [[None], ["missing"]]]


def test_event_of_an_unknown_type_and_device_is_in_the_lists_without_a_filter(both):
    path = f"/homes/{HOME}/events"
    events, expected = (all_pages(c, path, "home_events", limit=7) for c in both)
    assert (events.index(None), events.count(None)) == (1, 1)
    other = [event for event in good(events) if event["event_type"] == "type_of_next_year"]
    assert [event for event in good(events) if event not in other] == expected
    assert len(other) == 7
    devices = {device["device_id"] for device in good(all_devices(both[0]))}
    assert not devices & {event["device_id"] for event in other}
    types = "noise_detected,noise_quieted"
    assert good(all_pages(both[0], path, "home_events", event_type=types)) == expected
    user_events = both[0].get("/events", limit=100)["events"]
    assert user_events[1] is None
    assert "type_of_next_year" in {event["type"] for event in good(user_events)}


def test_list_without_items_has_no_null(both):
    for path, name in (
        (f"/homes/{HOME}/events?guest_ids=x", "home_events"),
        ("/events?offset=99999", "events"),
    ):
        assert both[0].get(path)[name] == []


def test_oddities_depend_on_the_seed(api):
    first, again, other = (api(shape="odd", devices=9, seed=seed) for seed in (1, 1, 2))
    assert all_devices(first) == all_devices(again)
    kinds = [[sorted(device) for device in good(all_devices(client))] for client in (first, other)]
    assert kinds[0] != kinds[1]
