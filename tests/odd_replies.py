"""Replies with every oddity at once, for property tests: what is good in them, and how much is unreadable.

JSON cannot hold ``1e999`` or a lone surrogate as such: :func:`to_json` writes both as they were seen.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st

from airflow_provider_minut.exceptions import MinutResponseError
from tests.strategies import json_values, texts

START = datetime(2026, 4, 15, tzinfo=UTC)
END = START + timedelta(days=1)
STEP = timedelta(minutes=5)
OVERFLOW = "@overflow@"  # becomes the number 1e999
NAN, INFINITY = float("nan"), float("inf")
MAX_UNREADABLE = 4  # in one reply
UNKNOWN = object()  # any value, if only it can be stored

# Replies with status 200 that are no answer: an error body, a bare text, a login page, JSON that is cut.
NO_ANSWERS = (
    '{"message": "Internal error", "error_key": "internal_server_error"}',
    '{"error": "server_error", "error_description": "try later"}',
    '"ok"',
    "ok",
    "<!DOCTYPE html><html><title>Log in</title></html>",
    '{"homes": [{"home_id": "64bb',
    "5",
    "true",
)


def to_json(value):
    """Return JSON text with ``NaN``, ``Infinity``, ``1e999`` and escaped surrogates in it."""
    return json.dumps(value).replace(f'"{OVERFLOW}"', "1e999")


def safe(text):
    """Return text as every reader must give it on: no NUL, one U+FFFD for each lone surrogate."""
    decoded = json.loads(json.dumps(text))  # a high and a low surrogate in a row are one character
    return re.sub("[\ud800-\udfff]", "\ufffd", decoded.replace("\0", ""))


@dataclass(frozen=True)
class OddReply:
    """A reply with a list.

    :param key: Key of the list.
    :param items: Items, in order.
    :param rest: Other members of the reply.
    :param good: What a reader makes of the good items, in the order of a good reader.
    :param unreadable: Number of items that no reader can make sense of.
    """

    key: str
    items: list[Any]
    rest: dict[str, Any] = field(default_factory=dict)
    good: list[dict[str, Any]] = field(default_factory=list)
    unreadable: int = 0

    @property
    def is_unreadable(self):
        """Whether it has items and none is readable."""
        return self.unreadable > 0 and not self.good

    def text(self, offset=0, limit=None):
        """Return one page as JSON."""
        until = None if limit is None else offset + limit
        return to_json({**self.rest, self.key: self.items[offset:until]})


names = st.one_of(
    st.sampled_from(
        ["Villa \ud83d", "N\0ul", "\ud83d\ude00 pair", "\ud83d\0\ude00", "\u202egnol", "😀", "", "\0"]
    ),
    texts,
)
offsets = st.sampled_from([0, 2, -5])


def times(moment):
    """Return all ways in which a time with whole milliseconds was seen."""
    whole = moment.replace(microsecond=0)
    text = moment.isoformat(timespec="milliseconds")
    ways = [text.replace("+00:00", "Z"), text, round(moment.timestamp() * 1000)]
    ways += [moment.astimezone(timezone(timedelta(hours=h))).isoformat() for h in (2, -5)]
    if moment == whole:
        ways += [
            round(moment.timestamp()),
            moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
            text.removesuffix("+00:00"),
        ]
    return st.sampled_from(ways)


no_times = st.sampled_from(
    [
        None,
        "",
        "yesterday",
        "2026-13-45T99:00:00Z",
        True,
        [],
        {},
        [1],
        10**30,
        1.5e300,
        NAN,
        OVERFLOW,
        "\ud83d",
    ]
)
moments = st.integers(0, 10**6).map(lambda number: START + timedelta(milliseconds=number * 50))

# A value as it comes, and what it means.
good_values = st.one_of(
    st.integers(-(2**53), 2**53).map(lambda number: (number, number)),
    st.floats(allow_nan=False, allow_infinity=False).map(lambda number: (number, number)),
    st.sampled_from([(text, float(text)) for text in ("23.5", "-4", "0", "1e3", "38.25")]),
)
no_values = st.sampled_from(
    [
        None,
        NAN,
        INFINITY,
        -INFINITY,
        OVERFLOW,
        "n/a",
        "unknown",
        "nan",
        "Infinity",
        "1e999",
        True,
        [],
        {},
        [1],
        {"a": NAN},
    ]
)
odd_values = good_values | no_values.map(lambda value: (value, None)) | st.just((10**400, UNKNOWN))


@st.composite
def readings_at(draw, moment):
    """One moment: an item, or two of which one has no value; and what they mean."""
    value, meaning = draw(odd_values)

    def item(value):
        time = draw(times(moment))
        if draw(st.booleans()):
            return [time, value]
        extra = draw(
            st.sampled_from([{}, {"min": 1, "max": 70.5}, {"min": NAN, "max": None}, {"\ud83d": "\0"}])
        )
        return {draw(st.sampled_from(["datetime", "time"])): time, "value": value, **extra}

    items = [item(value)]
    if draw(st.booleans()):
        again = None if meaning is not None or draw(st.booleans()) else value
        items.insert(draw(st.integers(0, 1)), item(again))
    expected = {"time": moment, "value": meaning}
    if meaning is None and isinstance(value, str) and value in {"n/a", "unknown"} and len(items) == 1:
        expected["additional_fields"] = {"value": value}
    return items, expected


unreadable_readings = st.one_of(
    st.sampled_from(
        [None, 5, 1.5, True, "x", "2026-04-15T10:00:00Z", [], {}, [[]], [None], [1776247200], {"value": 1}]
    ),
    no_times.map(lambda time: {"datetime": time, "value": 1}),
    no_times.map(lambda time: [time, 1]),
)


@st.composite
def histories(draw):
    """Replies of a sensor's history within one day."""
    numbers = draw(st.lists(st.integers(0, 287), unique=True, max_size=6))
    found = [draw(readings_at(START + STEP * number)) for number in sorted(numbers)]
    unreadable = draw(st.lists(unreadable_readings, max_size=MAX_UNREADABLE))
    items = draw(st.permutations([item for items, _ in found for item in items] + unreadable))
    rest = draw(
        st.sampled_from(
            [{}, {"unit": "", "time_resolution": 300}, {"unit": None, "time_resolution": "\ud83d"}]
        )
    )
    return OddReply("values", items, rest, [expected for _, expected in found], len(unreadable))


def no_ids(id_field):
    """Return items that have no ID."""
    values = [None, "", "\0", True, [], {}, 1.5, NAN, OVERFLOW]
    return st.one_of(
        st.sampled_from(
            [None, 5, 1.5, True, "text", "64bb0000000000000000b001", [], ["x"], {}, {"name": "no ID"}]
        ),
        st.sampled_from([{id_field: value, "name": "\ud83d"} for value in values]),
    )


@st.composite
def lists(draw, key, id_field, fields):
    """Replies with a list of objects.

    :param fields: Strategy of an item's other fields, and what they mean.
    """
    numbers = draw(st.lists(st.integers(1, 10**6), unique=True, max_size=8))
    items = []
    for number in numbers:
        identity = draw(st.sampled_from([number, f"64bb{number:020x}"]))
        values, meaning = draw(fields)
        items.append(({id_field: identity, **values}, {id_field: str(identity), **meaning}))
    items += [(value, None) for value in draw(st.lists(no_ids(id_field), max_size=MAX_UNREADABLE))]
    items = draw(st.permutations(items))
    good = [meaning for _, meaning in items if meaning is not None]
    paging = {"total_count": len(items), "limit": 100, "offset": 0}
    rest = draw(
        st.sampled_from([{}, {"paging": paging}, {"paging": None}, {"paging": {"total_count": "\ud83d"}}])
    )
    return OddReply(key, [value for value, _ in items], rest, good, len(items) - len(good))


@st.composite
def described(draw, text_field=None, time_fields=(), **others):
    """Fields of an item and what they mean: a text, times, and others of any kind.

    :param others: Strategies of pairs of the fields that come, and of those that are meant.
    """
    values, meaning = {}, {}
    if text_field and draw(st.booleans()):
        text = draw(names)
        values[text_field], meaning[text_field] = text, safe(text)
    for name in time_fields:
        if draw(st.booleans()):
            moment = draw(moments)
            values[name], meaning[name] = draw(times(moment)), moment
    for strategy in others.values():
        comes, means = draw(strategy)
        values |= comes
        meaning |= means
    return values, meaning


def anything(*fields):
    """Return fields of any kind, whose meaning is not known."""
    values = st.sampled_from([NAN, OVERFLOW, "\ud83d", "\0", 1, {}, []]) | json_values
    return st.fixed_dictionaries({}, optional=dict.fromkeys(fields, values)).map(lambda found: (found, {}))


home_of = st.sampled_from(
    [
        ({}, {}),
        ({"home": None}, {}),
        ({"home": "64bb0000000000000000b001"}, {"home": "64bb0000000000000000b001"}),
        ({"home": 12345}, {"home": "12345"}),
        ({"home_id": "64bb0000000000000000b002"}, {"home": "64bb0000000000000000b002"}),
        ({"home": None, "home_id": 7}, {"home": "7"}),
        ({"home": {"home_id": "64bb0000000000000000b003"}}, {"home": "64bb0000000000000000b003"}),
    ]
)


@st.composite
def latest_values(draw):
    """Latest values of a device: some sensors, each with a value, a time, both, or something else."""
    if draw(st.booleans()):
        return draw(st.sampled_from([{}, {"latest_sensor_values": None}, {"latest_sensor_values": []}])), {}
    found = {}
    for sensor in draw(
        st.lists(st.sampled_from(["temperature", "sound", "humidity", "\ud83d"]), unique=True)
    ):
        value, _ = draw(odd_values)
        good = {"time": draw(times(draw(moments))), "value": value}
        found[sensor] = draw(st.just(good) | st.sampled_from([None, 21.5, "n/a", [], {}, {"value": 1}]))
    return {"latest_sensor_values": found}, {}


settings = anything("reactions", "quiet_hours")
configurations = settings.map(lambda found: ({"configuration": found[0]}, {})) | anything("configuration")


def when(name):
    """Return the time of an event, and what it means; an event without a usable time is an event, too."""
    known = moments.flatmap(lambda at: times(at).map(lambda time: ({name: time}, {name: at})))
    return known | no_times.map(lambda time: ({name: time}, {})) | st.just(({}, {}))


homes = lists(
    "homes", "home_id", described("name", ("created_at",), any=anything("timezone", "alarm_status"))
)
devices = lists(
    "devices",
    "device_id",
    described(
        "description",
        ("last_heard_from_at", "next_heartbeat_at"),
        home=home_of,
        latest=latest_values(),
        settings=settings,
        configuration=configurations,
        any=anything("active", "offline", "battery", "wlan", "firmware", "mount_status", "charge_status"),
    ),
)
home_events = lists(
    "home_events",
    "event_id",
    described(
        "event_type",
        time=when("event_time"),
        any=anything("home_id", "device_id", "sensor_value"),
    ),
)
user_events = lists(
    "events",
    "id",
    described(
        "type",
        time=when("created_at"),
        any=anything("home_id", "device_id", "user_id"),
    ),
)
webhooks = lists("hooks", "hook_id", described("url", ("created_at",), any=anything("events", "token")))


@dataclass(frozen=True)
class Reader:
    """A method of the client that reads a list.

    :param replies: Strategy of its replies.
    :param path: Path of the requests.
    :param read: Calls it.
    """

    replies: st.SearchStrategy[OddReply]
    path: str
    read: Callable[[Any], Any]


PERIOD = {"start_at": START, "end_at": END}
HOME, DEVICE = "64bb0000000000000000b001", "64bb0000000000000000d001"
READERS = {
    "readings": Reader(
        histories(),
        f"/devices/{DEVICE}/sound_level",
        lambda client: client.iter_readings(DEVICE, "sound_level", **PERIOD),
    ),
    "homes": Reader(homes, "/homes", lambda client: client.iter_homes()),
    "devices": Reader(devices, "/devices", lambda client: client.iter_devices()),
    "home_events": Reader(
        home_events, f"/homes/{HOME}/events", lambda client: client.iter_home_events(HOME, **PERIOD)
    ),
    "user_events": Reader(user_events, "/events", lambda client: client.iter_user_events()),
    "webhooks": Reader(webhooks, "/webhooks", lambda client: client.iter_webhooks()),
}


def check_read(reply, read):
    """Check what a reader made of a reply.

    :param read: Returns the items and the number of rejected ones.
    """
    try:
        found, rejected = read()
    except MinutResponseError:
        assert reply.is_unreadable
        return
    assert not reply.is_unreadable
    assert len(found) == len(reply.good)
    assert rejected == reply.unreadable
    for item, expected in zip(found, reply.good, strict=True):
        check_storable(item)
        for name, value in expected.items():
            if value is not UNKNOWN:
                assert item[name] == value, name


def check_storable(value):
    """Check that a value can be stored anywhere: in UTF-8, PostgreSQL, JSON."""
    assert "\\u0000" not in json_text(value)


def json_text(value):
    """Return a value as strict JSON that UTF-8 can hold."""
    text = json.dumps(value, default=datetime.isoformat, allow_nan=False, ensure_ascii=False)
    return text.encode().decode()
