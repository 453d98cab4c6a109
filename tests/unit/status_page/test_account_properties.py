"""The page about an account of any shape."""

from __future__ import annotations

from dataclasses import asdict

from hypothesis import given, settings

from airflow_provider_minut.exceptions import MinutError
from airflow_provider_minut.status_page.account import _snapshot
from tests.odd_client import OddClient
from tests.odd_replies import devices, homes, json_text


@given(homes, devices)
@settings(max_examples=20)
def test_snapshot_has_all_homes_and_devices(home_reply, device_reply):
    client = OddClient(home_reply, device_reply)
    try:
        snapshot = _snapshot(list(client.iter_homes()), list(client.iter_devices()), True)
    except MinutError:
        assert home_reply.is_unreadable or device_reply.is_unreadable
        return
    json_text(asdict(snapshot))
    assert snapshot.counts["homes"] == len(home_reply.good) == len(snapshot.homes)
    assert snapshot.counts["devices"] == len(device_reply.good) == len(snapshot.devices)
    for row in (*snapshot.homes, *snapshot.devices):
        assert isinstance(row["name"], str)
        assert row["name"]
