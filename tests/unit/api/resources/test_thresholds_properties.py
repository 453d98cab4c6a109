"""Thresholds are changed on devices of any shape: what is written is what is asked for, and stays."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_minut.api.resources.devices import read_device
from airflow_provider_minut.api.resources.thresholds import (
    merged_thresholds,
    quiet_hours_of,
    reactions_of,
    threshold_changes,
)
from airflow_provider_minut.api.safe_json import loads
from tests.odd_replies import DEVICE, json_text, to_json
from tests.strategies import json_values

types = st.sampled_from(["sound_level_high", "sound_level_high_quiet_hours", "temperature_high"])
present = st.fixed_dictionaries(
    {"type": types | json_values},
    optional={"value": st.sampled_from([75, 70.5, "75", None, float("nan")]), "notifications": json_values},
)
reactions = st.lists(present | json_values, max_size=4) | json_values
quiet_hours = json_values | st.just({"enabled": True, "start": "22:00", "end": "07:00"})
places = st.fixed_dictionaries({}, optional={"reactions": reactions, "quiet_hours": quiet_hours})
devices = st.builds(
    lambda above, below: {"device_id": DEVICE, **above, **below},
    places,
    st.fixed_dictionaries({}, optional={"configuration": places | json_values}),
)
wanted = st.fixed_dictionaries({"type": types, "value": st.integers(60, 90)})
hours = st.none() | st.just({"enabled": False, "start": "23:00", "end": "06:30"})


@given(devices, st.lists(wanted, max_size=2, unique_by=lambda reaction: reaction["type"]), hours)
@settings(max_examples=100)
def test_second_time_there_is_nothing_to_change(sent, changes, quiet):
    device = read_device(loads(to_json(sent)))
    others = [r for r in reactions_of(device) if r["type"] not in {change["type"] for change in changes}]
    before = quiet_hours_of(device)
    planned = threshold_changes(device, changes, quiet)
    body = merged_thresholds(device, changes, quiet)
    json_text([planned, body])
    device |= body  # whether Minut replaces or merges an object, this is what a client knows of it
    assert threshold_changes(device, changes, quiet) == []
    assert [r for r in reactions_of(device) if r in others] == others
    assert quiet_hours_of(device) == ({**before, **quiet} if quiet else before)
    assert (planned == []) <= (merged_thresholds(device, changes, quiet) == body)
