"""Which requests are sent, and that an error stops none of them."""

from __future__ import annotations

import pytest

from airflow_provider_minut.api_check.endpoints import ENDPOINTS
from airflow_provider_minut.api_check.replies import request_all
from airflow_provider_minut.exceptions import MinutConnectionError, MinutNotFoundError, MinutServerError
from tests.unit.api_check.account import DEVICE, DEVICE_PATH, HOME, HOME_PATH, NOW, REPLIES, FakeClient


def outcomes(client):
    return {reply.endpoint.path: reply.outcome for reply in request_all(client, NOW)}


def test_each_endpoint_is_requested_once_and_only_read():
    client = FakeClient()
    assert set(outcomes(client).values()) == {"answered"}
    assert sorted(path for _, path, _ in client.requests) == sorted(REPLIES)
    assert {method for method, _, _ in client.requests} == {"GET"}


def test_a_history_is_of_the_last_day():
    client = FakeClient()
    outcomes(client)
    params = {path: params for _, path, params in client.requests}
    times = {"start_at": "2026-06-01T10:00:00.000Z", "end_at": "2026-06-02T10:00:00.000Z"}
    assert params[f"{DEVICE_PATH}/humidity"] == {**times, "time_resolution": 300}
    assert params[f"{DEVICE_PATH}/sound_level"] == {
        **times,
        "time_resolution": 300,
        "include_min_max": True,
        "null_fill": True,
    }
    assert params[f"{HOME_PATH}/events"] == {**times, "limit": 100, "offset": 0}


def test_an_error_stops_nothing():
    client = FakeClient(
        {
            "/users/me": MinutConnectionError("secret text"),
            "/events": MinutServerError("secret text", status=502),
            f"{DEVICE_PATH}/battery": MinutNotFoundError("secret text", status=404),
            "/webhooks": RuntimeError("secret text"),
        }
    )
    found = outcomes(client)
    assert len(client.requests) == len(ENDPOINTS)
    assert found["/users/me"] == "failed: MinutConnectionError"
    assert found["/events"] == "failed: 502 (MinutServerError)"
    assert found["/devices/{device_id}/battery"] == "failed: 404 (MinutNotFoundError)"
    assert found["/webhooks"] == "failed: RuntimeError"
    assert found["/organizations"] == "answered"


@pytest.mark.parametrize(
    "homes",
    [
        None,
        "text",
        [],
        {},
        {"homes": None},
        {"homes": [None, {"home_id": None}, {"home_id": ""}]},
        {"homes": [{"home_id": "../users"}, {"home_id": True}]},
        MinutServerError("no", status=500),
    ],
)
def test_without_an_id_an_endpoint_is_not_tried(homes):
    found = outcomes(FakeClient({"/homes": homes}))
    assert found["/homes/{home_id}"] == found["/homes/{home_id}/events"] == "not tried: no home with an ID"
    assert found["/devices/{device_id}"] == "answered"


def test_first_device_that_was_heard_from_and_its_home_are_used():
    silent = {"device_id": "d0", "home": "h0", "last_heard_from_at": None}
    lists = {"/devices": {"devices": [silent, DEVICE]}, "/homes": {"homes": [{"home_id": "h0"}, HOME]}}
    client = FakeClient(lists)
    assert set(outcomes(client).values()) == {"answered"}
    unknown_home = {"/devices": {"devices": [{**DEVICE, "home": "h9"}]}}
    assert set(outcomes(FakeClient(unknown_home)).values()) == {"answered"}


def test_silent_device_is_better_than_none():
    silent = {name: value for name, value in DEVICE.items() if name != "last_heard_from_at"}
    assert set(outcomes(FakeClient({"/devices": {"devices": [silent]}})).values()) == {"answered"}


def test_an_id_may_be_a_number():
    lists = {
        "/homes": {"homes": [{"home_id": 12}]},
        "/homes/12": HOME,
        "/homes/12/events": {"home_events": []},
    }
    assert set(outcomes(FakeClient(lists)).values()) == {"answered"}
