"""What is sent about devices, and what is made of the answer. The sandbox is asked the same in integration/."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from werkzeug import Response

DEVICE = "64aa0000000000000000d001"
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def test_devices_come_in_one_answer_with_their_times_parsed(client, serve):
    text = "2026-06-01T12:00:00.000Z"
    value = {"time": text, "value": 38.25}
    device = {
        "device_id": DEVICE,
        "last_heard_from_at": text,
        "latest_sensor_values": {"sound": value, "odd": 1},
    }
    asked = serve("GET", "/devices", {"devices": [device]})
    (found,) = client.iter_devices()
    assert found["last_heard_from_at"] == NOON
    assert found["latest_sensor_values"] == {"sound": {"time": NOON, "value": 38.25}, "odd": 1}
    assert [dict(request.args) for request in asked] == [{}]


def test_devices_in_pages_are_followed_to_the_end(client, httpserver):
    def handler(request):
        offset = int(request.args.get("offset", 0))
        ids = [f"{n:024x}" for n in range(offset, min(offset + 2, 5))]
        return Response(
            json.dumps({"devices": [{"device_id": i} for i in ids], "paging": {"total_count": 5}})
        )

    httpserver.expect_request("/v8/devices").respond_with_handler(handler)
    assert len(list(client.iter_devices())) == 5


def test_thresholds_are_read_merged_and_written(client, serve):
    there = [
        {"type": "sound_level_high", "value": 75, "duration_seconds": 600, "notifications": ["push"]},
        {"type": "temperature_high", "value": 30},
    ]
    serve("GET", f"/devices/{DEVICE}", {"device_id": DEVICE, "reactions": there})
    asked = serve("PUT", f"/devices/{DEVICE}", {"device_id": DEVICE})
    client.update_device(DEVICE, reactions=[{"type": "sound_level_high", "value": 70}])
    assert asked[0].json == {"reactions": [{**there[0], "value": 70}, there[1]]}
