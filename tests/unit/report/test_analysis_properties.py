"""The report about a home of any shape."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_minut.exceptions import MinutError
from airflow_provider_minut.report.analysis import analyze
from tests.odd_client import OddClient
from tests.odd_replies import DEVICE, HOME, PERIOD, devices, histories, home_events, homes


@given(st.tuples(homes, devices, histories(), home_events))
@settings(max_examples=20)
def test_data_of_any_shape_is_analyzed(replies):
    client = OddClient(*replies)
    try:
        home = next(iter(client.iter_homes()), {"home_id": HOME})
        found = list(client.iter_devices())
        readings = list(client.iter_readings(DEVICE, "sound_level", **PERIOD))
        events = list(client.iter_home_events(HOME, **PERIOD))
    except MinutError:
        return
    identity = {"device_id": DEVICE, "sensor": "sound_level"}
    data = analyze(home, found, [{**identity, **reading} for reading in readings], events, **PERIOD)
    values = [reading["value"] for reading in readings if reading["value"] is not None]
    assert sorted(data.values("sound_level")) == sorted(map(float, values))
    assert isinstance(data.home, str)
    for device in data.devices:
        device.name.encode()
