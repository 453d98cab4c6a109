"""Signatures of deliveries."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import replace

import pytest

from tests.deliveries import registered

BODY = b'{"event": {}}'


@pytest.mark.parametrize(("algorithm", "hashed"), [("sha256", hashlib.sha256), ("sha1", hashlib.sha1)])
def test_signature_is_the_hmac_of_the_raw_body(algorithm, hashed):
    webhook = registered(algorithm=algorithm)
    expected = hmac.new(webhook.hook_secret.encode(), BODY, hashed).hexdigest()
    assert webhook.sign(BODY) == expected
    assert webhook.is_signed(BODY, expected)
    assert not webhook.is_signed(BODY + b" ", expected)


def test_signature_in_base64_is_the_same_digest():
    webhook = registered()
    digest = bytes.fromhex(webhook.sign(BODY))
    assert replace(webhook, encoding="base64").sign(BODY) == base64.b64encode(digest).decode()


@pytest.mark.parametrize("signature", [None, "", "0" * 64, "é", "sha256="])
def test_other_signatures_are_rejected(signature):
    assert not registered().is_signed(BODY, signature)
