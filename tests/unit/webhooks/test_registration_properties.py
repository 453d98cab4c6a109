"""Any value of a webhook's variable or header."""

from __future__ import annotations

import json

from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_minut.webhooks.registration import RegisteredWebhook
from tests.deliveries import registered
from tests.strategies import almost, json_values, texts

WEBHOOK = registered(hook_secret="never-to-be-shown-12345")
stored = almost(
    {
        "hook_id": texts,
        "url": texts,
        "events": st.lists(texts, max_size=3),
        "hook_secret": st.just(WEBHOOK.hook_secret) | texts,
        "token": st.none() | texts,
        "header": st.sampled_from(["X-Minut-Signature", "x y"]),
        "algorithm": st.sampled_from(["sha256", "sha1"]),
        "encoding": st.sampled_from(["hex", "base64"]),
    },
    missing=False,
)
GOOD = json.loads(WEBHOOK.to_json())


@given(st.one_of(st.text(), (stored | json_values).map(json.dumps)), st.binary(max_size=50))
@example("[" * 100_000, b"")
@example(json.dumps({**GOOD, "algorithm": []}), b"")
@example(json.dumps({**GOOD, "encoding": {}}), b"")
@example(json.dumps({**GOOD, "hook_secret": "\ud800"}), b"")
@example(json.dumps({**GOOD, "token": "\ud800"}), b"")
def test_variable_is_a_webhook_that_can_verify_or_an_error_without_a_value(text, body):
    try:
        webhook = RegisteredWebhook.from_json(text)
    except ValueError as error:
        assert ": must be " in str(error)
        assert WEBHOOK.hook_secret not in str(error)
    else:
        assert webhook.is_signed(body, webhook.sign(body))
        assert RegisteredWebhook.from_json(webhook.to_json()) == webhook


@given(st.binary(max_size=50), texts)
@example(b"", "\ud800")
def test_only_the_signature_is_accepted(body, signature):
    assert not WEBHOOK.is_signed(body, signature)
    assert not WEBHOOK.is_signed(body + b" ", WEBHOOK.sign(body))
    assert WEBHOOK.is_signed(body, WEBHOOK.sign(body))
