"""Settings of a client: base URL, timeouts, retries, rate limits, TLS and proxies. All are validated."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from airflow_provider_minut.exceptions import MinutConfigurationError

DEFAULT_BASE_URL = "https://api.minut.com/v8"

# A larger number of seconds or requests is a typo.
MAX_SETTING = 1_000_000

COUNT_FIELDS = ("max_attempts", "requests_per_second", "requests_per_minute")


@dataclass(frozen=True, kw_only=True, slots=True)
class ClientSettings:
    """Settings of a :class:`~airflow_provider_minut.api.client.MinutClient`.

    :param base_url: API base URL with its version; ``https``, except for loopback addresses.
    :param timeout: Seconds that one attempt may take; connecting may take at most 5 of them.
    :param max_attempts: Maximum number of attempts of one request, at least 1.
    :param deadline: Seconds that one request may take in total, with all attempts and delays.
    :param requests_per_second: Rate limit per second, shared by all processes that use the client ID. Minut
        documents 5 a second, with bursts that are delayed above 20 and rejected above 50; the default is the
        largest burst that is not delayed.
    :param requests_per_minute: Rate limit per minute, shared likewise. Minut documents 120.
    :param verify: Whether to verify TLS certificates, or the path of a CA bundle.
    :param proxies: Proxy URL by scheme (``http``, ``https``); overrides the environment.
    :raises MinutConfigurationError: if a value is invalid; the error names its field.
    """

    base_url: str = DEFAULT_BASE_URL
    timeout: float = 30.0
    max_attempts: int = 5
    deadline: float = 300.0
    requests_per_second: int = 20
    requests_per_minute: int = 120
    verify: bool | str = True
    # A proxy URL may contain a password.
    proxies: Mapping[str, str] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "base_url", checked_base_url(self.base_url))
        for name in ("timeout", "deadline"):
            _check_number(name, getattr(self, name), "a number of seconds greater than 0", int, float)
        for name in COUNT_FIELDS:
            _check_number(name, getattr(self, name), "a whole number of at least 1", int)
        if not (isinstance(self.verify, bool) or (isinstance(self.verify, str) and _exists(self.verify))):
            given = repr(self.verify) if isinstance(self.verify, str) else type(self.verify).__name__
            raise MinutConfigurationError(
                "verify", f"must be true, false or the path of an existing CA bundle, not {given}"
            )
        if self.proxies is not None and not _are_proxies(self.proxies):
            given = "" if isinstance(self.proxies, Mapping) else f", not {type(self.proxies).__name__}"
            reason = f'must be a proxy URL, or an object like {{"https": "http://proxy:3128"}}{given}'
            raise MinutConfigurationError("proxies", reason)

    @property
    def is_loopback(self) -> bool:
        """Whether the API is on this machine, like the sandbox."""
        return _is_loopback(urlsplit(self.base_url).hostname or "")


def checked_base_url(url: str) -> str:
    """Return ``url`` without trailing slashes.

    :raises MinutConfigurationError: if credentials must not be sent to it. The error does not contain the
        URL, which may be a secret pasted by mistake.
    """
    parts = _split(url)
    if parts.scheme not in {"https", "http"}:
        raise MinutConfigurationError("base_url", f"must start with https://, like {DEFAULT_BASE_URL}")
    if parts.username is not None or parts.password is not None:
        raise MinutConfigurationError("base_url", "must not contain credentials; they have their own fields")
    if parts.query or parts.fragment:
        raise MinutConfigurationError("base_url", "must not have a query (?) or a fragment (#)")
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        raise MinutConfigurationError(
            "base_url",
            "plain http would send the client secret unencrypted; use https (http is for loopback only)",
        )
    return url.rstrip("/")


def _split(url: str) -> SplitResult:
    invalid = MinutConfigurationError("base_url", f"is not a URL like {DEFAULT_BASE_URL}")
    if not url.isascii() or any(c.isspace() or not c.isprintable() for c in url):
        raise invalid
    try:
        parts = urlsplit(url)
        valid = _is_host(parts.hostname or "") and parts.port != 0  # .port raises when out of range
    except ValueError:
        raise invalid from None
    if not valid:
        raise invalid
    return parts


def _is_host(host: str) -> bool:
    """Return whether the HTTP library accepts it too: an address, or labels between single dots."""
    return _address(host) is not None or bool(re.fullmatch(r"([a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?", host))


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _are_proxies(proxies: object) -> bool:
    return isinstance(proxies, Mapping) and all(
        scheme in {"http", "https"} and isinstance(url, str) and "://" in url
        for scheme, url in proxies.items()
    )


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):  # too long, or permission denied
        return False


def _check_number(name: str, value: Any, accepted: str, *types: type) -> None:
    if type(value) not in types or not 0 < value <= MAX_SETTING:  # bool is a subclass of int
        given = value if type(value) in {int, float} else type(value).__name__
        raise MinutConfigurationError(name, f"must be {accepted} and at most {MAX_SETTING}, not {given}")
