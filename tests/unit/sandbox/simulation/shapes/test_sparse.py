"""A sparse reply has nothing that may be missing."""

from __future__ import annotations

from tests.unit.sandbox.support import DEVICE, HOME

PATH = f"/devices/{DEVICE}"


def test_sparse_responses_have_only_the_required_fields(api):
    client = api(shape="sparse", silent_share=1, devices=1001, noisy_periods_per_day=3)
    homes = client.get("/homes")
    assert homes == {
        "homes": [
            {"home_id": HOME, "name": "Harbour Loft"},
            {"home_id": HOME[:-1] + "2", "name": "Garden Studio"},
        ]
    }
    assert client.get("/devices").keys() == {"devices"}
    assert client.get(PATH) == {"device_id": DEVICE, "home": HOME}
    assert client.get(f"{PATH}/battery") == {"unit": "V", "time_resolution": 420}
    events = client.get(f"/homes/{HOME}/events")
    assert events.keys() == {"home_events"}
    assert events["home_events"][0].keys() == {"event_id", "event_type", "event_time", "home_id"}
    changed = client.request("PUT", f"/homes/{HOME}", json={"alarm_status": "on", "name": "Loft"})
    assert changed.json() == {"home_id": HOME, "name": "Loft"}
    assert client.request("PATCH", f"/homes/{HOME}/alarm", json={"alarm_status": "on"}).json() == {}
