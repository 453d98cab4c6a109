"""A registered webhook: what is remembered of it, and how its deliveries are told from forgeries.

What Minut signs, with which algorithm, and in which header is not in any public source: all of it is a
setting of the webhook, and the defaults are what several public integrations assume.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from airflow_provider_minut.exceptions import MinutConfigurationError

VARIABLE_PREFIX = "minut_webhook_secret_"
"""Airflow masks variables whose name contains ``secret``."""

ALGORITHMS: Mapping[str, Callable[..., Any]] = {"sha256": hashlib.sha256, "sha1": hashlib.sha1}
ENCODINGS: Mapping[str, Callable[[bytes], str]] = {
    "hex": bytes.hex,
    "base64": lambda digest: base64.b64encode(digest).decode(),
}

_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")
_HEADER = re.compile(r"[A-Za-z0-9-]{1,100}")


@dataclass(frozen=True, kw_only=True)
class RegisteredWebhook:
    """A webhook as Minut knows it, and how its deliveries are signed.

    :param hook_id: Minut's id of it.
    :param url: where deliveries go.
    :param events: names of user events, or ``("*",)``.
    :param hook_secret: key of the signature; Minut shows it once, when the webhook is created.
    :param token: the ``token`` that Minut sends back with each delivery; ``None`` if there is none.
    :param header: which header has the signature.
    :param algorithm: ``sha256`` or ``sha1``, of the HMAC over the raw body.
    :param encoding: ``hex`` (lower case) or ``base64``.
    :raises MinutConfigurationError: a value cannot be used; the error names the field, and no value.
    """

    hook_id: str
    url: str
    events: tuple[str, ...]
    hook_secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    header: str = "X-Minut-Signature"
    algorithm: str = "sha256"
    encoding: str = "hex"

    def __post_init__(self) -> None:
        texts = {name: getattr(self, name) for name in ("hook_id", "url", "hook_secret")}
        for name, value in texts.items():
            _check(_is_text(value) and value, name, "a text that is not empty")
        events = self.events
        _check(isinstance(events, tuple) and all(isinstance(e, str) for e in events), "events", "names")
        _check(self.token is None or _is_text(self.token), "token", "a text")
        _check(isinstance(self.header, str) and _HEADER.fullmatch(self.header), "header", "a header's name")
        _check(self.algorithm in list(ALGORITHMS), "algorithm", " or ".join(ALGORITHMS))
        _check(self.encoding in list(ENCODINGS), "encoding", " or ".join(ENCODINGS))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return what :meth:`to_json` wrote.

        :raises MinutConfigurationError: it is something else; the error names the field, and no value.
        """
        try:
            values = json.loads(text)
        except (ValueError, RecursionError):
            values = None
        _check(isinstance(values, dict), "the variable", "a JSON object")
        known = {field.name for field in fields(cls)}
        required = {"hook_id", "url", "events", "hook_secret"}
        _check(
            required <= values.keys() <= known, "the variable", f"an object with {', '.join(sorted(known))}"
        )
        _check(isinstance(values["events"], list), "events", "a list")
        return cls(**{**values, "events": tuple(values["events"])})

    def to_json(self) -> str:
        """Return all of it as text. It is a secret."""
        return json.dumps(asdict(self))

    def sign(self, body: bytes) -> str:
        """Return the signature of a delivery with this body."""
        # SHA-1 is what the other side may have chosen; as an HMAC it has not been broken.
        digest = hmac.new(self.hook_secret.encode(), body, ALGORITHMS[self.algorithm]).digest()
        return ENCODINGS[self.encoding](digest)

    def is_signed(self, body: bytes, signature: str | None) -> bool:
        """Return whether this is the body's signature, in a time that tells nothing of it."""
        return hmac.compare_digest(self.sign(body).encode(), (signature or "").encode(errors="replace"))

    def send(self, event: Mapping[str, Any], url: str, timeout: float = 30) -> int:
        """Send an event to a receiver as Minut would; return the HTTP status.

        :param url: of the receiver; it may be another way to it than Minut's.
        :param timeout: seconds.
        :raises OSError: nothing answered.
        """
        import requests

        body = json.dumps({"hook_id": self.hook_id, "event": dict(event), "token": self.token}).encode()
        headers = {"Content-Type": "application/json", self.header: self.sign(body)}
        # Not to be led to another host: the body has what Minut echoes, and its signature.
        reply = requests.post(url, data=body, headers=headers, timeout=timeout, allow_redirects=False)
        return reply.status_code


def variable_name(name: str) -> str:
    """Return the name of the Airflow variable that holds a webhook.

    :param name: of the webhook, the last part of its receiver's path.
    :raises MinutConfigurationError: it is no name: letters, digits, ``_`` and ``-``, at most 100.
    """
    _check(_NAME.fullmatch(name), "name", "1 to 100 letters, digits, _ or -")
    return VARIABLE_PREFIX + name


def _is_text(value: Any) -> bool:
    """Return whether it is a text that can be sent; JSON can escape what has no UTF-8."""
    return isinstance(value, str) and value == value.encode(errors="replace").decode()


def _check(is_good: Any, name: str, accepted: str) -> None:
    if not is_good:
        raise MinutConfigurationError(name, f"must be {accepted}")
