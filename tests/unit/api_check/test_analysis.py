"""Differences between replies and what the provider expects."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_minut.api_check.analysis import analyse
from airflow_provider_minut.api_check.beliefs import Source
from airflow_provider_minut.api_check.endpoints import ENDPOINTS
from airflow_provider_minut.api_check.features import FEATURES, assess
from airflow_provider_minut.api_check.field_names import KNOWN_FIELDS, FieldNames
from airflow_provider_minut.api_check.replies import Reply
from tests.unit.api_check.account import DEVICE, DEVICE_PATH, HISTORY, HOME, HOME_PATH, REPLIES, TIME, check

ONE_HOME, ONE_DEVICE = "/homes/{home_id}", "/devices/{device_id}"
SOUND, MOTION = f"{ONE_DEVICE}/sound_level", f"{ONE_DEVICE}/motion_events"


def changed(thing, **changes):
    return {name: value for name, value in {**thing, **changes}.items() if value is not ...}


def differences(finding):
    return [f"{difference} ({difference.source})" for difference in finding.differences]


def test_what_the_newest_clients_saw_is_what_the_provider_expects():
    for finding in check().values():
        assert (finding.problem, differences(finding), finding.unknown) == ("", [], ())
        assert finding.items


@pytest.mark.parametrize(
    ("home", "expected"),
    [
        (changed(HOME, alarm_status=...), ["alarm_status or detailed_alarm_status: missing (seen)"]),
        (changed(HOME, alarm_status=None), ["alarm_status or detailed_alarm_status: missing (seen)"]),
        (
            changed(HOME, alarm_status=True),
            ["alarm_status or detailed_alarm_status: boolean instead of text (seen)"],
        ),
        (changed(HOME, created_at=1776247200), ["created_at: integer instead of time (seen)"]),
        (changed(HOME, silent_alarm=[]), ["silent_alarm: list instead of boolean (seen)"]),
        (changed(HOME, name="2026-06-01"), []),
    ],
)
def test_missing_and_unexpected_fields_are_differences(home, expected):
    assert differences(check({HOME_PATH: home})[ONE_HOME]) == expected


def test_settings_are_found_at_the_top_level_too():
    device = {**changed(DEVICE, configuration=...), **DEVICE["configuration"]}
    assert differences(check({DEVICE_PATH: device})[ONE_DEVICE]) == []


def test_what_is_around_a_missing_field_is_named_instead_of_the_field():
    without = changed(DEVICE, configuration=..., battery=...)
    assert differences(check({DEVICE_PATH: without})[ONE_DEVICE]) == [
        "battery.percent: missing (seen)",
        "[configuration.]reactions: missing (seen)",
        "[configuration.]quiet_hours: missing (inferred)",
    ]
    device = {**without, "battery": {"percent": 87}, "reactions": [], "quiet_hours": {"start": "22:00"}}
    assert differences(check({DEVICE_PATH: device})[ONE_DEVICE]) == [
        "[configuration.]quiet_hours.enabled: missing (inferred)",
        "[configuration.]quiet_hours.end: missing (inferred)",
    ]


def test_fields_that_the_provider_does_not_know_are_listed():
    device = copy.deepcopy(DEVICE) | {"room_id": "r1", "Alex's room": {"deep": 1}, "alex": 1}
    device["latest_sensor_values"]["sound"]["unit"] = "dB"
    device["configuration"]["reactions"][0]["priority"] = 1
    finding = check({DEVICE_PATH: device})[ONE_DEVICE]
    assert finding.unknown == (
        "<key>",
        "configuration.reactions.*.priority",
        "latest_sensor_values.*.unit",
        "room_id",
    )
    assert check({"/homes": {"homes": [HOME], "next": TIME}})["/homes"].unknown == ("next",)


@pytest.mark.parametrize(
    "reply", [None, {}, {"values": None}, {"values": []}, {"unit": "", "values": [None]}]
)
def test_a_history_may_be_empty(reply):
    finding = check({f"{DEVICE_PATH}/sound_level": reply})[SOUND]
    assert (finding.problem, finding.items) == ("", 0)


def test_a_history_may_be_of_objects_pairs_and_nulls():
    mixed = {**HISTORY, "values": [[1776247200, 3], {"time": TIME, "value": None}, None]}
    finding = check({f"{DEVICE_PATH}/motion_events": mixed})[MOTION]
    assert (finding.problem, finding.items) == ("", 2)
    assert differences(finding) == [
        "values: objects among lists (seen)",
        "datetime or time: time instead of integer (seen)",
    ]
    assert not finding.limits("readings")


@pytest.mark.parametrize("reply", [None, {}, {"homes": None}, {"homes": []}, {"paging": {"total_count": 0}}])
def test_a_list_may_be_empty(reply):
    finding = check({"/homes": reply})["/homes"]
    assert (finding.problem, finding.items) == ("", 0)


def test_a_list_may_come_without_an_object_around_it():
    finding = check({"/homes": [HOME]})["/homes"]
    assert (finding.problem, finding.items) == ("", 1)
    assert differences(finding) == ["reply: list instead of object (seen)"]
    assert not finding.limits("homes")


@pytest.mark.parametrize(
    ("path", "reply", "problem"),
    [
        ("/users/me", None, "the reply is not an object but null"),
        ("/users/me", [], "the reply is not an object but list"),
        ("/homes", "ok", "the reply has no list homes"),
        ("/homes", {"data": [HOME]}, "the reply has no list homes"),
        ("/homes", {"message": "no", "error_key": "x"}, "the reply has no list homes"),
        ("/homes", {"homes": {"a": 1}}, "the reply has no list homes"),
        ("/homes", {"homes": [{"id": "h1"}, 5]}, "no item can be read"),
        ("/users/me", {"id": "u1"}, "the reply cannot be read"),
        (f"{DEVICE_PATH}/sound_level", {"values": 5}, "the reply has no list values"),
        (f"{DEVICE_PATH}/sound_level", {"values": [{"at": TIME, "value": 1}]}, "no item can be read"),
        (f"{DEVICE_PATH}/sound_level", {"values": [[1, 2, 3]]}, "no item can be read"),
        (f"{DEVICE_PATH}/sound_level", "ok", "the reply has no list values"),
    ],
)
def test_what_cannot_be_read_is_a_problem(path, reply, problem):
    findings = check({path: reply})
    assert [finding.problem for finding in findings.values() if finding.problem] == [problem]


def test_one_item_that_cannot_be_read_limits_every_feature_of_the_endpoint():
    finding = check({"/homes": {"homes": [HOME, changed(HOME, home_id=None), 5]}})["/homes"]
    assert finding.problem == ""
    reasons = ["homes: some items cannot be read"]
    assert finding.limits("homes") == finding.limits("page") == reasons


def test_each_difference_has_the_source_of_the_belief():
    finding = check({"/users/me": {"user_id": "u1"}})["/users/me"]
    assert {difference.source for difference in finding.differences} == {Source.DOCUMENTED}


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just(TIME)
KEYS = st.sampled_from(sorted(KNOWN_FIELDS)) | st.text(max_size=8)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=20,
)


@given(st.lists(JSON, min_size=len(ENDPOINTS), max_size=len(ENDPOINTS)), st.booleans())
def test_no_reply_raises_an_exception(data, wrapped):
    replies = [
        Reply(endpoint=endpoint, data={endpoint.list_key: each} if wrapped else each)
        for endpoint, each in zip(ENDPOINTS, data, strict=True)
    ]
    shown = FieldNames(data)
    findings = {reply.endpoint.path: analyse(reply, shown) for reply in replies}
    for feature in FEATURES:
        assess(feature, findings)


def test_a_reply_may_be_nested_deeply():
    deep: object = {}
    for _ in range(900):
        deep = {"data": [deep]}
    finding = check({"/users/me": {**REPLIES["/users/me"], "data": deep}})["/users/me"]
    assert "<deeper>" in str(finding.shape)
