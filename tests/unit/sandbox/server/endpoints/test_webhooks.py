"""Webhooks are registered, listed and deleted."""

from __future__ import annotations

import re

import pytest

URL = "https://example.com/minut"


def register(api, **body):
    return api.ask("POST", "/webhooks", json={"url": URL, "events": ["*"], **body})


def test_secret_is_told_once(api):
    asked = api()
    reply = register(asked, events=["disturbance_first_notice", "disturbance_ended"], token="t0p")
    hook = reply.json()
    assert reply.status_code == 200
    assert re.fullmatch("[0-9a-f]{40}", hook.pop("hook_secret"))
    assert re.fullmatch("[0-9a-f]{24}", hook["hook_id"])
    assert hook["created_at"] == "2027-01-15T08:00:00.000Z"
    assert (hook["url"], hook["token"]) == (URL, True)
    assert asked.get("/webhooks") == {"hooks": [hook]}
    assert "t0p" not in reply.text


def test_deleted_hook_is_gone(api):
    asked = api()
    first, second = register(asked).json(), register(asked).json()
    assert (first["token"], first["hook_id"] != second["hook_id"]) == (False, True)
    reply = asked.ask("DELETE", f"/webhooks/{first['hook_id']}")
    assert (reply.status_code, reply.content) == (204, b"")
    assert [hook["hook_id"] for hook in asked.get("/webhooks")["hooks"]] == [second["hook_id"]]
    assert asked.error("DELETE", f"/webhooks/{first['hook_id']}", 404) == "Not found"


def test_loopback_needs_no_https(api):
    asked = api()
    for url in ("http://127.0.0.1:8080/x", "http://localhost/x", "http://[::1]:1/"):
        assert register(asked, url=url).status_code == 200


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"events": ["*", "tamper"]}, "wildcard events can only be used with a single event"),
        ({"events": ["*", "*"]}, "wildcard events can only be used with a single event"),
        ({"events": []}, "events: must be a list that is not empty"),
        ({"events": "*"}, "events: must be a list that is not empty"),
        ({"events": None}, "events: must be a list that is not empty"),
        ({"events": [""]}, "events: there is no ''"),
        ({"events": [[]]}, "events: there is no []"),
        ({"events": ["noise_detected"]}, "events: there is no 'noise_detected'"),
        ({"url": None}, "url: must be a string that is not empty"),
        ({"url": "http://example.com"}, "url: must be https, or http on loopback"),
        ({"url": "https://"}, "url: must be https, or http on loopback"),
        ({"url": "https://[x/"}, "url: must be https, or http on loopback"),
        ({"url": "ftp://127.0.0.1/"}, "url: must be https, or http on loopback"),
        ({"token": 1}, "token: must be a string that is not empty"),
        ({"secret": "x"}, "secret: unknown; there are url, events, token"),
    ],
)
def test_bad_hook_is_refused_with_the_reason(quiet, body, message):
    assert quiet.error("POST", "/webhooks", json={"url": URL, "events": ["*"], **body}) == message
    assert quiet.get("/webhooks") == {"hooks": []}


def test_hooks_are_no_leak(api):
    asked = api()
    assert {register(asked).status_code for _ in range(100)} == {200}
    assert register(asked).status_code == 400
