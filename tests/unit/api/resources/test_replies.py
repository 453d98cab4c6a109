"""Lists and objects in replies: lenient in shape, and an error if nothing can be read."""

from __future__ import annotations

import pytest

from airflow_provider_minut.exceptions import MinutResponseError

LISTS = [
    ("iter_homes", "/homes", "homes", "home_id"),
    ("iter_devices", "/devices", "devices", "device_id"),
    ("iter_user_events", "/events", "events", "id"),
    ("iter_webhooks", "/webhooks", "hooks", "hook_id"),
]
lists = pytest.mark.parametrize(("method", "path", "key", "id_field"), LISTS)


@lists
def test_item_that_cannot_be_read_does_not_cost_its_neighbours(
    client, serve, caplog, method, path, key, id_field
):
    unreadable = [None, 5, "Jane Doe", [], {}, {"name": "Jane Doe"}, {id_field: ""}, {id_field: True}]
    serve("GET", path, {key: [{id_field: "a"}, *unreadable, {id_field: 12, "name": "x"}]})
    assert [item[id_field] for item in getattr(client, method)()] == ["a", "12"]
    assert client.rejected_count == len(unreadable)
    assert "Jane" not in caplog.text


@lists
@pytest.mark.parametrize("answer", [None, {}, [], {"KEY": None}, {"KEY": []}, {"paging": {"total_count": 0}}])
def test_missing_list_is_an_empty_one(client, serve, method, path, key, id_field, answer):
    serve("GET", path, {key: answer["KEY"]} if isinstance(answer, dict) and "KEY" in answer else answer)
    assert list(getattr(client, method)()) == []


@lists
@pytest.mark.parametrize(
    "answer",
    [
        "ok",
        5,
        True,
        {"KEY": "none"},
        {"KEY": {}},
        {"KEY": [None, {"name": "x"}]},
        {"items": [{"id": "a"}]},
        {"paging": {"total_count": 3}},
        {"message": "Internal error", "error_key": "internal"},
        {"error": "server_error", "status": 500},
    ],
)
def test_reply_of_which_nothing_can_be_read_is_an_error(client, serve, method, path, key, id_field, answer):
    serve("GET", path, {key: answer["KEY"]} if isinstance(answer, dict) and "KEY" in answer else answer)
    with pytest.raises(MinutResponseError, match=f"GET {path} returned"):
        list(getattr(client, method)())


def test_list_without_its_key_is_read(client, serve):
    serve("GET", "/devices", [{"device_id": "a"}, {"device_id": "b"}])
    assert [device["device_id"] for device in client.iter_devices()] == ["a", "b"]


@pytest.mark.parametrize(
    ("sent", "home"),
    [
        ({"home": "b1"}, "b1"),
        ({"home": 12}, "12"),
        ({"home_id": "b1"}, "b1"),
        ({"home": None, "home_id": "b1"}, "b1"),
        ({"home": {"home_id": "b1", "name": "x"}}, "b1"),
        ({"home": None}, None),
        ({}, None),
        ({"home": True}, True),
    ],
)
def test_home_of_a_device(client, serve, sent, home):
    serve("GET", "/devices", {"devices": [{"device_id": "d1", **sent}]})
    (device,) = client.iter_devices()
    assert device.get("home") == home
