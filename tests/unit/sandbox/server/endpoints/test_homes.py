"""Homes, their alarm and their events over HTTP."""

from __future__ import annotations

import time
import tracemalloc
from datetime import timedelta

import pytest

from tests.unit.sandbox.support import DAY, DEVICE, HOME, HOUR, from_ms, iso, to_ms

EVENTS = f"/homes/{HOME}/events"


def all_pages(api, limit, **params):
    events = []
    while True:
        content = api.get(EVENTS, limit=limit, offset=len(events), **params)
        events += content["home_events"]
        if len(events) >= content["paging"]["total_count"]:
            return events


def test_homes_page(api):
    client = api(homes=45)
    first, second = client.get("/homes"), client.get("/homes", offset=30)
    assert first["paging"] == {"total_count": 45, "limit": 30, "offset": 0}
    names = [home["name"] for home in first["homes"] + second["homes"]]
    assert names == ["Harbour Loft", "Garden Studio", *(f"Home {n}" for n in range(3, 46))]


@pytest.mark.parametrize("homes", [1, 2])
def test_home_alone_is_the_one_in_the_list(api, homes):
    client = api(homes=homes)
    assert [client.get(f"/homes/{home['home_id']}") for home in client.get("/homes")["homes"]] == (
        client.get("/homes")["homes"]
    )


def test_what_was_changed_is_changed_everywhere(api):
    client = api()
    changed = client.request("PUT", f"/homes/{HOME}", json={"alarm_status": "on", "name": "Loft"}).json()
    assert (changed["alarm_status"], changed["name"]) == ("on", "Loft")
    alarm = {"alarm_mode": "manual", "silent_alarm": True, "scheduled_alarm_active": False}
    assert client.request("PATCH", f"/homes/{HOME}/alarm", json={"silent_alarm": True}).json() == {
        "alarm_status": "on",
        **alarm,
    }
    assert client.get("/homes")["homes"][0] == client.get(f"/homes/{HOME}") == changed | alarm
    assert client.get("/homes")["homes"][1]["alarm_status"] == "off"


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("PUT", "", {"alarm_status": "armed"}, "alarm_status"),
        ("PUT", "", {"alarm_status": ["on"]}, "alarm_status"),
        ("PUT", "", {"name": ""}, "name"),
        ("PUT", "", {"silent_alarm": True}, "silent_alarm"),
        ("PUT", "", [], "body"),
        ("PATCH", "/alarm", {"silent_alarm": "yes"}, "silent_alarm"),
        ("PATCH", "/alarm", {"scheduled_alarm_active": 1}, "scheduled_alarm_active"),
        ("PATCH", "/alarm", {"alarm_mode": None}, "alarm_mode"),
        ("PATCH", "/alarm", {"name": "x"}, "name"),
    ],
)
def test_bad_change_is_named_and_changes_nothing(quiet, method, path, body, field):
    before = quiet.get(f"/homes/{HOME}")
    assert quiet.error(method, f"/homes/{HOME}{path}", json=body).startswith(f"{field}: ")
    assert quiet.get(f"/homes/{HOME}") == before


def test_body_that_is_not_json_or_too_long_is_rejected(quiet):
    assert quiet.error("PUT", f"/homes/{HOME}", data=b"{").startswith("body: ")
    assert quiet.error("PUT", f"/homes/{HOME}", data=b"[" * 60_000).startswith("body: ")
    quiet.error("PUT", f"/homes/{HOME}", 413, data=b" " * 70_000)


@pytest.mark.parametrize("id_", ["64aa0000000000000000b003", DEVICE, "x"])
@pytest.mark.parametrize("path", ["", "/events", "/alarm"])
def test_unknown_home_is_not_found(quiet, id_, path):
    method = "PATCH" if path == "/alarm" else "GET"
    assert quiet.error(method, f"/homes/{id_}{path}", 404) == "Not Found"


@pytest.mark.parametrize("per_day", [0.5, 3, 50])
def test_pages_are_the_truth(api, clock, per_day):
    client = api(noisy_periods_per_day=per_day)
    start, end = clock.ms - 8 * DAY, clock.ms + DAY
    truth = list(client.sandbox.events(HOME, from_ms(start), from_ms(end)))
    assert all_pages(client, 37, start_at=iso(start), end_at=iso(end)) == truth[::-1]
    assert len({event["event_id"] for event in truth}) == len(truth) > 3
    assert all(start <= to_ms(event["event_time"]) <= clock.ms for event in truth)
    assert {event["event_type"] for event in truth} == {"noise_detected", "noise_quieted"}
    assert truth[0].keys() == {"event_id", "event_type", "event_time", "home_id", "sensor_value"}


def test_defaults_are_the_newest_30_of_the_last_week(api, clock):
    client = api(noisy_periods_per_day=24)
    content = client.get(EVENTS)
    week = list(client.sandbox.events(HOME, from_ms(clock.ms - 7 * DAY), from_ms(clock.ms + 1)))
    assert content["paging"] == {"total_count": len(week), "limit": 30, "offset": 0}
    assert content["home_events"] == week[::-1][:30]


def test_event_types_filter(quiet):
    both = quiet.get(EVENTS, event_type="noise_quieted,noise_detected", limit=100)
    assert both == quiet.get(EVENTS, limit=100)
    for name in ("noise_detected", "noise_quieted"):
        some = [event for event in both["home_events"] if event["event_type"] == name]
        content = quiet.get(EVENTS, event_type=name, limit=100)
        assert content["home_events"] == some
        assert content["paging"]["total_count"] == len(some)


def test_no_home_has_guests(quiet):
    content = quiet.get(EVENTS, guest_ids="64aa0000000000000000f001")
    assert (content["home_events"], content["paging"]["total_count"]) == ([], 0)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("event_type", "disturbance_ended"),
        ("event_type", "noise_detected,"),
        ("event_type", ""),
        ("start_at", "2027-01-15T00:00:00"),
        ("start_at", "2027-01-15"),
        ("start_at", "yesterday"),
        ("end_at", "2027-13-01T00:00:00Z"),
        ("end_at", ""),
        ("limit", "0"),
        ("limit", "101"),
        ("limit", "x"),
        ("offset", "-1"),
    ],
)
def test_bad_parameter_is_named(quiet, field, value):
    assert quiet.error("GET", EVENTS, params={field: value}).startswith(f"{field}: ")


@pytest.mark.parametrize(
    "text",
    [
        "2027-01-10T00:00:00Z",
        "2027-01-10T00:00:00.000Z",
        "2027-01-10T02:30:00+02:30",
        "2027-01-09T23:59:59.9999999Z",
    ],
)
def test_times_are_accepted_in_every_notation_of_iso_8601(quiet, text):
    expected = quiet.get(EVENTS, start_at="2027-01-10T00:00:00.000Z", limit=100)
    assert quiet.get(EVENTS, start_at=text, limit=100) == expected


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_first_and_last_times_are_accepted(quiet, text):
    quiet.get(EVENTS, start_at=text, end_at=text)


def test_late_events_appear_later_where_their_time_puts_them(api, clock):
    client = api(noisy_periods_per_day=50, late_share=0.3)
    window = {"start_at": iso(clock.ms - 6 * HOUR), "end_at": iso(clock.ms)}
    before = all_pages(client, 100, **window)
    clock.now += 4 * 3600
    after = all_pages(client, 100, **window)
    late = [event for event in after if event not in before]
    assert late
    assert [event for event in after if event in before] == before
    assert min(late, key=lambda event: event["event_time"]) != after[0]
    clock.now += 10**6  # the whole window has long been complete
    assert all_pages(client, 100, **window) == after


def test_added_event_is_seen_at_once_and_shifts_the_others(api, clock):
    client = api(noisy_periods_per_day=3)
    second = client.get(EVENTS, limit=5, offset=5)["home_events"]
    event_id = client.sandbox.add_event(HOME, from_ms(clock.ms - HOUR))
    newest = client.get(EVENTS, limit=5)["home_events"]
    assert event_id in {event["event_id"] for event in newest}
    assert client.get(EVENTS, limit=5, offset=6)["home_events"] == second
    other = client.sandbox.add_event(HOME, from_ms(clock.ms - HOUR), "noise_quieted")
    assert other != event_id
    assert client.get(EVENTS)["home_events"][0].keys() == newest[0].keys()
    assert other not in str(client.get("/homes/64aa0000000000000000b002/events"))


def test_event_of_the_current_millisecond_is_among_the_newest(api, clock):
    clock.now += 0.0009
    client = api()
    event_id = client.sandbox.add_event(HOME, from_ms(clock.ms) + timedelta(microseconds=900))
    assert client.get(EVENTS, limit=1)["home_events"][0]["event_id"] == event_id


def test_bad_event_cannot_be_added(api, clock):
    sandbox, now = api().sandbox, from_ms(clock.ms)
    with pytest.raises(ValueError, match="home_id"):
        sandbox.add_event("64aa0000000000000000b003", now)
    with pytest.raises(ValueError, match="event_type"):
        sandbox.add_event(HOME, now, "tamper")
    with pytest.raises(ValueError, match="time zone"):
        sandbox.add_event(HOME, now.replace(tzinfo=None))


def test_user_events_are_the_same_occurrences_under_other_names(api, clock):
    client = api(homes=3, noisy_periods_per_day=2)
    client.sandbox.add_event(HOME, from_ms(clock.ms - HOUR))
    names = {"disturbance_first_notice": "noise_detected", "disturbance_ended": "noise_quieted"}
    seen = client.get("/events", limit=100)["events"]
    assert seen[0].keys() == {"id", "type", "created_at", "user_id", "home_id"}
    homes = [home["home_id"] for home in client.get("/homes")["homes"]]
    truth = [
        event
        for home in homes
        for event in client.sandbox.events(home, from_ms(clock.ms - 7 * DAY), from_ms(clock.ms + 1))
    ]
    assert sorted((names[e["type"]], e["created_at"], e["home_id"]) for e in seen) == (
        sorted((e["event_type"], e["event_time"], e["home_id"]) for e in truth)
    )
    assert not {event["id"] for event in seen} & {event["event_id"] for event in truth}
    assert [e["created_at"] for e in seen] == sorted((e["created_at"] for e in seen), reverse=True)
    assert client.get("/events", limit=100, order="asc")["events"] == seen[::-1]
    assert client.get("/events", limit=3, offset=4)["events"] == seen[4:7]
    assert client.error("GET", "/events", params={"order": "up"}).startswith("order: ")


def test_million_events_are_served_in_little_memory_and_time(api, clock):
    client = api(homes=5_000, devices=5_000, noisy_periods_per_day=1000)
    window = {"start_at": iso(clock.ms - 501 * DAY), "limit": 100, "offset": 999_900}
    client.get(EVENTS, **window)
    began = time.perf_counter()
    for _ in range(5):
        content = client.get(EVENTS, **window)
    took = time.perf_counter() - began
    tracemalloc.start()
    try:
        client.get(EVENTS, **window)
        client.get("/homes", limit=100, offset=4_900)
        client.get(f"/devices/{DEVICE}/sound_level")
        small = tracemalloc.get_traced_memory()[1]
        assert len(client.get("/devices", offset=4_000)["devices"]) == 1000
        large = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert content["paging"]["total_count"] > 1_000_000
    assert len(content["home_events"]) == 100
    assert took / 5 < 0.1  # 5 ms on an idle machine
    assert small < 3_000_000
    assert large < 16_000_000  # two copies of 1,000 devices are in this process, one is the client's
