"""Signatures of webhook deliveries.

Minut documents an HMAC whose key is the webhook's secret. What is signed, with which algorithm, and in which
header is not documented: algorithm, encoding and header are settings of the webhook, whose defaults are what
several public integrations assume; that the raw body is signed is inferred.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Any

ALGORITHMS: Mapping[str, Callable[..., Any]] = {"sha256": hashlib.sha256, "sha1": hashlib.sha1}
ENCODINGS: Mapping[str, Callable[[bytes], str]] = {
    "hex": bytes.hex,
    "base64": lambda digest: base64.b64encode(digest).decode(),
}


def sign(body: bytes, secret: str, algorithm: str, encoding: str) -> str:
    """Return the signature of a body: an HMAC, encoded."""
    # Minut may use SHA-1, which is not broken as an HMAC.
    return ENCODINGS[encoding](hmac.new(secret.encode(), body, ALGORITHMS[algorithm]).digest())


def is_valid(signature: str | None, body: bytes, secret: str, algorithm: str, encoding: str) -> bool:
    """Return whether a signature is that of the body; compared in constant time."""
    expected = sign(body, secret, algorithm, encoding)
    return hmac.compare_digest(expected.encode(), (signature or "").encode(errors="replace"))
