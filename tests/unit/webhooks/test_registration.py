"""The settings of a webhook."""

from __future__ import annotations

import json

import pytest

from airflow_provider_minut.webhooks.registration import RegisteredWebhook, variable_name
from tests.deliveries import registered

BODY = b'{"event": {}}'


def test_json_round_trip():
    webhook = registered(
        events=("battery_low", "alarm_heard"), token="back", algorithm="sha1", encoding="base64"
    )
    assert RegisteredWebhook.from_json(webhook.to_json()) == webhook


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"hook_id": ""}, "hook_id"),
        ({"hook_id": 7}, "hook_id"),
        ({"hook_secret": None}, "hook_secret"),
        ({"events": "battery_low"}, "events"),
        ({"events": [7]}, "events"),
        ({"token": 7}, "token"),
        ({"header": "X:Y"}, "header"),
        ({"algorithm": "md5"}, "algorithm"),
        ({"encoding": "base32"}, "encoding"),
        ({"unknown": 1}, "the variable"),
    ],
)
def test_bad_value_is_named_without_the_value(changes, field):
    webhook = registered()
    text = json.dumps({**json.loads(webhook.to_json()), **changes})
    with pytest.raises(ValueError, match=f"^{field}: must be ") as caught:
        RegisteredWebhook.from_json(text)
    assert webhook.hook_secret not in str(caught.value)


@pytest.mark.parametrize("text", ["", "no json", "[]", "{}", "null", '{"hook_id": "x"}'])
def test_other_text_is_rejected(text):
    with pytest.raises(ValueError, match="^the variable: must be "):
        RegisteredWebhook.from_json(text)


def test_secrets_are_not_shown():
    webhook = registered(token="come-back")
    assert webhook.hook_secret not in repr(webhook)
    assert "come-back" not in repr(webhook)


@pytest.mark.parametrize("name", ["", "a b", "a/b", "é", "a" * 101, "a\n"])
def test_invalid_name(name):
    with pytest.raises(ValueError, match="^name: must be 1 to 100 letters"):
        variable_name(name)


def test_airflow_masks_the_variable():
    from airflow.sdk._shared.secrets_masker import should_hide_value_for_key

    assert should_hide_value_for_key(variable_name("main"))


def test_variable_is_named_after_the_webhook():
    assert variable_name("my-Hook_1") == "minut_webhook_secret_my-Hook_1"


def test_fields_with_a_default_may_be_missing():
    given = {"hook_id": "h", "url": "https://x", "events": [], "hook_secret": "s"}
    webhook = RegisteredWebhook.from_json(json.dumps(given))
    assert webhook == RegisteredWebhook(hook_id="h", url="https://x", events=(), hook_secret="s")
    assert (webhook.token, webhook.header) == (None, "X-Minut-Signature")
    assert (webhook.algorithm, webhook.encoding) == ("sha256", "hex")


def test_delivery_does_not_follow_redirects(httpserver):
    httpserver.expect_request("/here").respond_with_data(
        status=307, headers={"Location": httpserver.url_for("/there")}
    )
    webhook = registered()
    assert webhook.send({"id": "x"}, httpserver.url_for("/here")) == 307
    assert [request.path for request, _ in httpserver.log] == ["/here"]
