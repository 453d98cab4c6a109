"""A registered webhook, as it is stored in an Airflow variable."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from airflow_provider_minut.exceptions import MinutConfigurationError
from airflow_provider_minut.webhooks import signature
from airflow_provider_minut.webhooks.signature import ALGORITHMS, ENCODINGS

VARIABLE_PREFIX = "minut_webhook_secret_"
"""Airflow masks variables whose name contains ``secret``."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")
_HEADER = re.compile(r"[A-Za-z0-9-]{1,100}")


@dataclass(frozen=True, kw_only=True)
class RegisteredWebhook:
    """A webhook that is registered with Minut, and how its deliveries are signed.

    :param hook_id: Minut's ID of the webhook.
    :param url: URL to which Minut sends deliveries.
    :param events: Names of user events, or ``("*",)``.
    :param hook_secret: Key of the signature; Minut returns it only when the webhook is created.
    :param token: ``token`` that Minut sends back with each delivery; ``None`` if there is none. Where is
        not documented; a client of v1 found it as the value of the header ``Authorization``.
    :param header: Name of the header that contains the signature.
    :param algorithm: Algorithm of the HMAC over the raw body, ``sha256`` or ``sha1``.
    :param encoding: Encoding of the signature, ``hex`` (lower case) or ``base64``.
    :raises MinutConfigurationError: if a value is invalid; the error names the field, and contains no value.
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
            _check(_is_text(value) and value, name, "a non-empty string")
        events = self.events
        _check(isinstance(events, tuple) and all(isinstance(e, str) for e in events), "events", "strings")
        _check(self.token is None or _is_text(self.token), "token", "a string")
        _check(isinstance(self.header, str) and _HEADER.fullmatch(self.header), "header", "a header name")
        _check(self.algorithm in list(ALGORITHMS), "algorithm", " or ".join(ALGORITHMS))
        _check(self.encoding in list(ENCODINGS), "encoding", " or ".join(ENCODINGS))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the webhook that :meth:`to_json` wrote.

        :raises MinutConfigurationError: if it is invalid; the error names the field, and contains no value.
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
        """Return the webhook as JSON, including its secrets."""
        return json.dumps(asdict(self))

    def sign(self, body: bytes) -> str:
        """Return the signature of a delivery with this body."""
        return signature.sign(body, self.hook_secret, self.algorithm, self.encoding)

    def is_signed(self, body: bytes, given: str | None) -> bool:
        """Return whether this is the signature of the body; compared in constant time."""
        return signature.is_valid(given, body, self.hook_secret, self.algorithm, self.encoding)

    def send(self, event: Mapping[str, Any], url: str, timeout: float = 30) -> int:
        """Send an event to a receiver like a delivery; return the HTTP status.

        :param event: Event as Minut sends it.
        :param url: URL of the receiver, which may differ from the URL that Minut uses.
        :param timeout: Timeout of the request in seconds.
        :raises OSError: if there is no response.
        """
        import requests

        body = json.dumps({"hook_id": self.hook_id, "event": dict(event), "token": self.token}).encode()
        headers = {"Content-Type": "application/json", self.header: self.sign(body)}
        # No redirects to other hosts: the request contains the token and a valid signature.
        response = requests.post(url, data=body, headers=headers, timeout=timeout, allow_redirects=False)
        return response.status_code


def variable_name(name: str) -> str:
    """Return the name of the Airflow variable of a webhook.

    :param name: Name of the webhook, the last part of the receiver's path.
    :raises MinutConfigurationError: if the name is not 1 to 100 letters, digits, ``_`` or ``-``.
    """
    _check(_NAME.fullmatch(name), "name", "1 to 100 letters, digits, _ or -")
    return VARIABLE_PREFIX + name


def _is_text(value: Any) -> bool:
    """Return whether a value is a string that UTF-8 can encode; JSON can escape other strings."""
    return isinstance(value, str) and value == value.encode(errors="replace").decode()


def _check(is_valid: Any, name: str, accepted: str) -> None:
    if not is_valid:
        raise MinutConfigurationError(name, f"must be {accepted}")
