"""What is sent to each endpoint, and what is made of the answer. The sandbox is asked the same in integration/."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from werkzeug import Response

from airflow_provider_minut.api.configuration import merged_configuration
from airflow_provider_minut.exceptions import MinutConfigurationError, MinutRequestError, MinutResponseError

HOME, DEVICE = "64aa0000000000000000b001", "64aa0000000000000000d001"
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
QUIET = {"enabled": True, "start": "22:00", "end": "07:00"}


@pytest.fixture
def client(make_client, token_endpoint):
    return make_client()


def serve(httpserver, method, path, answer, status=200):
    """Answer a request and return the list of those that came."""
    requests = []

    def handler(request):
        requests.append(request)
        return Response(
            "" if answer is None else __import__("json").dumps(answer),
            status,
            content_type="application/json",
        )

    httpserver.expect_request(f"/v8{path}", method=method).respond_with_handler(handler)
    return requests


def test_homes_are_asked_for_in_pages_and_unknown_fields_pass(client, httpserver):
    home = {"home_id": HOME, "created_at": "2026-06-01T12:00:00.000Z", "brand_new_field": {"a": 1}}
    asked = serve(httpserver, "GET", "/homes", {"homes": [home], "paging": {"total_count": 1}})
    assert list(client.iter_homes()) == [{**home, "created_at": NOON}]
    assert [dict(request.args) for request in asked] == [{"limit": "100", "offset": "0"}]


def test_page_size_that_is_refused_becomes_the_documented_one(client, httpserver):
    asked = []

    def handler(request):
        asked.append(request.args["limit"])
        if int(request.args["limit"]) > 50:
            return Response('{"message": "limit must be at most 50"}', 400)
        return Response('{"homes": [], "paging": {"total_count": 0}}')

    httpserver.expect_request("/v8/homes").respond_with_handler(handler)
    for _ in range(2):
        assert list(client.iter_homes()) == []
    assert asked == ["100", "30", "30"]


def test_refusal_for_another_reason_is_raised_and_changes_no_page_size(client, httpserver):
    asked = serve(httpserver, "GET", "/homes", {"message": "go away"}, 400)
    for _ in range(2):
        with pytest.raises(MinutRequestError, match="go away"):
            list(client.iter_homes())
    assert [request.args["limit"] for request in asked] == ["100", "30", "100", "30"]


def test_devices_come_in_one_answer_with_their_times_parsed(client, httpserver):
    text = "2026-06-01T12:00:00.000Z"
    value = {"time": text, "value": 38.25}
    device = {
        "device_id": DEVICE,
        "last_heard_from_at": text,
        "latest_sensor_values": {"sound": value, "odd": 1},
    }
    asked = serve(httpserver, "GET", "/devices", {"devices": [device]})
    (found,) = client.iter_devices()
    assert found["last_heard_from_at"] == NOON
    assert found["latest_sensor_values"] == {"sound": {"time": NOON, "value": 38.25}, "odd": 1}
    assert [dict(request.args) for request in asked] == [{}]


def test_devices_in_pages_are_followed_to_the_end(client, httpserver):
    def handler(request):
        offset = int(request.args.get("offset", 0))
        ids = [f"{n:024x}" for n in range(offset, min(offset + 2, 5))]
        return Response(
            __import__("json").dumps(
                {"devices": [{"device_id": i} for i in ids], "paging": {"total_count": 5}}
            )
        )

    httpserver.expect_request("/v8/devices").respond_with_handler(handler)
    assert len(list(client.iter_devices())) == 5


@pytest.mark.parametrize(
    ("method", "path", "field"),
    [("get_home", f"/homes/{HOME}", "home_id"), ("get_device", f"/devices/{HOME}", "device_id")],
)
def test_one_object_without_its_id_is_a_response_error(client, httpserver, method, path, field):
    serve(httpserver, "GET", path, {"name": "x"})
    with pytest.raises(MinutResponseError, match=field):
        getattr(client, method)(HOME)


def test_alarm_is_set_with_all_fields(client, httpserver):
    asked = serve(httpserver, "PATCH", f"/homes/{HOME}/alarm", None)
    client.set_alarm(HOME, "on", silent_alarm=True)
    assert asked[0].json == {
        "alarm_status": "on",
        "alarm_mode": "manual",
        "silent_alarm": True,
        "scheduled_alarm_active": False,
    }
    with pytest.raises(MinutConfigurationError, match="alarm_status"):
        client.set_alarm(HOME, "armed")


def test_home_is_updated_by_put(client, httpserver):
    asked = serve(httpserver, "PUT", f"/homes/{HOME}", {"home_id": HOME, "alarm_status": "off"})
    assert client.update_home(HOME, {"alarm_status": "off"})["alarm_status"] == "off"
    assert asked[0].json == {"alarm_status": "off"}


def test_thresholds_are_read_merged_and_written(client, httpserver):
    there = [
        {"type": "sound_level_high", "value": 75, "duration_seconds": 600, "notifications": ["push"]},
        {"type": "temperature_high", "value": 30},
    ]
    serve(httpserver, "GET", f"/devices/{DEVICE}", {"device_id": DEVICE, "reactions": there})
    asked = serve(httpserver, "PUT", f"/devices/{DEVICE}", {"device_id": DEVICE})
    client.update_device(DEVICE, reactions=[{"type": "sound_level_high", "value": 70}])
    assert asked[0].json == {"reactions": [{**there[0], "value": 70}, there[1]]}


@pytest.mark.parametrize(
    ("device", "reactions", "quiet_hours", "body"),
    [
        ({}, [], None, {}),
        ({}, [], QUIET, {"quiet_hours": QUIET}),
        ({}, [{"type": "a", "value": 1}], None, {"reactions": [{"type": "a", "value": 1}]}),
        (
            {"configuration": {"reactions": [{"type": "b"}]}},
            [{"type": "a"}],
            None,
            {"reactions": [{"type": "b"}, {"type": "a"}]},
        ),
        (
            {"reactions": ["odd", {"no": "type"}], "configuration": "odd"},
            [{"type": "a"}],
            None,
            {"reactions": [{"type": "a"}]},
        ),
    ],
)
def test_what_is_not_given_stays(device, reactions, quiet_hours, body):
    assert merged_configuration({"device_id": DEVICE, **device}, reactions, quiet_hours) == body


def test_webhooks_are_listed_created_and_deleted(client, httpserver):
    hook = {
        "hook_id": "64aa0000000000000000e001",
        "url": "https://x",
        "created_at": "2026-06-01T12:00:00.000Z",
    }
    serve(httpserver, "GET", "/webhooks", {"hooks": [hook]})
    created = serve(httpserver, "POST", "/webhooks", {**hook, "hook_secret": "s"})
    deleted = serve(httpserver, "DELETE", f"/webhooks/{hook['hook_id']}", None, 204)
    assert list(client.iter_webhooks()) == [{**hook, "created_at": NOON}]
    assert client.create_webhook("https://x", ["*"], token="t")["hook_secret"] == "s"
    assert created[0].json == {"url": "https://x", "events": ["*"], "token": "t"}
    client.delete_webhook(hook["hook_id"])
    assert len(deleted) == 1


@pytest.mark.parametrize("identity", ["", "../users", "a/b", "a?b", None, 5])
def test_id_that_is_none_is_an_error_before_anything_is_sent(client, httpserver, identity):
    calls = [client.get_home, client.get_device, client.delete_webhook, lambda i: client.set_alarm(i, "on")]
    for call in calls:
        with pytest.raises(MinutConfigurationError, match="_id"):
            call(identity)
    assert httpserver.log == []
