"""Webhooks are registered, listed and deleted."""

from __future__ import annotations

import re

import pytest

URL = "https://example.com/minut"


def register(api, **body):
    return api.request("POST", "/webhooks", json={"url": URL, "events": ["*"], **body})


def test_secret_is_returned_once(api):
    client = api()
    response = register(client, events=["disturbance_first_notice", "disturbance_ended"], token="t0p")
    hook = response.json()
    assert response.status_code == 200
    assert re.fullmatch("[0-9a-f]{40}", hook.pop("hook_secret"))
    assert re.fullmatch("[0-9a-f]{24}", hook["hook_id"])
    assert hook["created_at"] == "2027-01-15T08:00:00.000Z"
    assert (hook["url"], hook["token"]) == (URL, True)
    assert client.get("/webhooks") == {"hooks": [hook]}
    assert "t0p" not in response.text


def test_deleted_hook_is_gone(api):
    client = api()
    first, second = register(client).json(), register(client).json()
    assert (first["token"], first["hook_id"] != second["hook_id"]) == (False, True)
    response = client.request("DELETE", f"/webhooks/{first['hook_id']}")
    assert (response.status_code, response.content) == (204, b"")
    assert [hook["hook_id"] for hook in client.get("/webhooks")["hooks"]] == [second["hook_id"]]
    assert client.error("DELETE", f"/webhooks/{first['hook_id']}", 404) == "Not Found"


def test_loopback_needs_no_https(api):
    client = api()
    for url in ("http://127.0.0.1:8080/x", "http://localhost/x", "http://[::1]:1/"):
        assert register(client, url=url).status_code == 200


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"events": ["*", "tamper"]}, "wildcard events can only be used with a single event"),
        ({"events": ["*", "*"]}, "wildcard events can only be used with a single event"),
        ({"events": []}, "events: List should have at least 1 item after validation, not 0"),
        ({"events": "*"}, "events: Input should be a valid array"),
        ({"events": None}, "events: Input should be a valid array"),
        ({"events": [""]}, "events.0: String should have at least 1 character"),
        ({"events": ["tamper", ""]}, "events.1: String should have at least 1 character"),
        ({"events": [[]]}, "events.0: Input should be a valid string"),
        ({"url": None}, "url: Input should be a valid string"),
        ({"url": "http://example.com"}, "url: must be https, or http on loopback"),
        ({"url": "https://"}, "url: must be https, or http on loopback"),
        ({"url": "https://[x/"}, "url: must be https, or http on loopback"),
        ({"url": "ftp://127.0.0.1/"}, "url: must be https, or http on loopback"),
        ({"url": ""}, "url: must be https, or http on loopback"),
        ({"token": 1}, "token: Input should be a valid string"),
        ({"token": None}, "token: Input should be a valid string"),
        ({"token": ""}, "token: String should have at least 1 character"),
        ({"secret": "x"}, "secret: unknown field; must be one of url, events, token"),
    ],
)
def test_bad_hook_is_rejected_with_the_reason(quiet, body, message):
    assert quiet.error("POST", "/webhooks", json={"url": URL, "events": ["*"], **body}) == message
    assert quiet.get("/webhooks") == {"hooks": []}


@pytest.mark.parametrize("unknown", ["noise_detected", "event_of_next_year"])
def test_unknown_event_types_are_accepted_or_rejected_as_configured(api, unknown):
    body = {"url": URL, "events": ["tamper", unknown, "z"]}
    assert register(api(), **body).json()["events"] == body["events"]
    strict = api(unknown_events="reject")
    message = f"events: unknown event type {unknown!r}"
    assert strict.error("POST", "/webhooks", json=body) == message
    assert register(strict, events=["tamper", "smoke_detected"]).status_code == 200
    assert register(strict, events=["*"]).status_code == 200


def test_number_of_hooks_is_limited(api):
    client = api()
    assert {register(client).status_code for _ in range(100)} == {200}
    assert register(client).status_code == 400
