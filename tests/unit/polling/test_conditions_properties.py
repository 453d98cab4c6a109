"""What sensors wait for in odd replies: a result for XCom, or a typed error."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_minut.exceptions import MinutError
from airflow_provider_minut.polling.conditions import HeartbeatCondition, HomeEventCondition
from tests.odd_client import OddClient
from tests.odd_replies import DEVICE, HOME, START, devices, home_events, json_text

SINCE = START.isoformat()


@given(home_events)
@settings(max_examples=20)
def test_events_of_any_shape_end_in_a_result(reply):
    condition = HomeEventCondition(home_ids=[HOME], event_types=[], since=SINCE)
    try:
        result = condition.poll(OddClient(reply)).result
    except MinutError:
        assert reply.is_unreadable
    else:
        assert len(result or []) == len(reply.good)
        json_text(result)


@given(devices.filter(lambda reply: reply.items), st.data())
@settings(max_examples=20)
def test_device_of_any_shape_ends_in_a_result(reply, data):
    objects = {f"/devices/{DEVICE}": data.draw(st.sampled_from(reply.items))}
    condition = HeartbeatCondition(device_id=DEVICE, after=SINCE)
    try:
        found = condition.poll(OddClient(objects=objects))
    except MinutError:
        return
    json.dumps(found.result, allow_nan=False)
    found.note.encode()
