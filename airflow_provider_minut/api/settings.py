"""How a client talks to Minut: where, how long, how often. Everything is checked before use."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from airflow_provider_minut.exceptions import MinutConfigurationError

DEFAULT_BASE_URL = "https://api.minut.com/v8"

# More seconds, requests, items or days are a slip of the pen.
MAX_SETTING = 1_000_000

COUNT_FIELDS = ("max_attempts", "requests_per_second", "requests_per_minute")


@dataclass(frozen=True, kw_only=True, slots=True)
class ClientSettings:
    """Settings of a :class:`~airflow_provider_minut.api.client.MinutClient`.

    :param base_url: API base URL with its version, ``https`` except for loopback.
    :param timeout: seconds one attempt may take; connecting gets at most 5 of them.
    :param max_attempts: how often one request is tried in all, at least 1.
    :param deadline: seconds one request may take with all its attempts and waits.
    :param requests_per_second: requests in any second, for all who share the client. Minut documents
        that more than 20 are delayed and more than 50 refused.
    :param requests_per_minute: requests in any minute, for all who share the client. Minut documents 120.
    :param verify: whether to verify TLS certificates, or the path of a CA bundle.
    :param proxies: proxy URL by scheme (``http``, ``https``); overrides the environment.
    :raises MinutConfigurationError: when a value cannot be used; the error names its field.
    """

    base_url: str = DEFAULT_BASE_URL
    timeout: float = 30.0
    max_attempts: int = 5
    deadline: float = 300.0
    requests_per_second: int = 20
    requests_per_minute: int = 120
    verify: bool | str = True
    # A proxy URL may hold a password.
    proxies: Mapping[str, str] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "base_url", checked_base_url(self.base_url))
        for name in ("timeout", "deadline"):
            _check_positive(name, getattr(self, name))
        for name in COUNT_FIELDS:
            _check_count(name, getattr(self, name))
        if isinstance(self.verify, str) and not _exists(self.verify):
            raise MinutConfigurationError(
                "verify", f"there is no CA bundle at {self.verify!r}; give a path, true or false"
            )
        for scheme, url in (self.proxies or {}).items():
            if scheme not in {"http", "https"} or not isinstance(url, str) or "://" not in url:
                reason = 'must be a proxy URL, or an object like {"https": "http://proxy:3128"}'
                raise MinutConfigurationError("proxies", reason)

    @property
    def is_loopback(self) -> bool:
        """Whether the API is on this very machine, as the sandbox is."""
        return _is_loopback(urlsplit(self.base_url).hostname or "")


def checked_base_url(url: str) -> str:
    """Return ``url`` without trailing slashes.

    :raises MinutConfigurationError: when it is no URL that credentials may be sent to. The
        text never repeats the URL, because what was pasted there may be a secret.
    """
    parts = _split(url)
    if parts.scheme not in {"https", "http"}:
        raise MinutConfigurationError("base_url", f"must start with https://, like {DEFAULT_BASE_URL}")
    if parts.username is not None or parts.password is not None:
        raise MinutConfigurationError("base_url", "must not hold credentials; they have their own fields")
    if parts.query or parts.fragment:
        raise MinutConfigurationError("base_url", "must not have a query (?) or a fragment (#)")
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        raise MinutConfigurationError(
            "base_url",
            "plain http would send the client secret readable; use https (http is for loopback only)",
        )
    return url.rstrip("/")


def _split(url: str) -> SplitResult:
    broken = MinutConfigurationError("base_url", f"is not a URL like {DEFAULT_BASE_URL}")
    if not url.isascii() or any(c.isspace() or not c.isprintable() for c in url):
        raise broken
    try:
        parts = urlsplit(url)
        usable = _is_host(parts.hostname or "") and parts.port != 0  # .port raises when out of range
    except ValueError:
        raise broken from None
    if not usable:
        raise broken
    return parts


def _is_host(host: str) -> bool:
    """Return whether the HTTP library takes it too: an address, or labels between single dots."""
    return _address(host) is not None or bool(re.fullmatch(r"([a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?", host))


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):  # too long, or where this user may not look
        return False


def _check_count(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise MinutConfigurationError(name, "must be a whole number of at least 1")
    if not 1 <= value <= MAX_SETTING:
        raise MinutConfigurationError(name, f"is {value}, must be at least 1 and at most {MAX_SETTING}")


def _check_positive(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MinutConfigurationError(name, "must be a number of seconds")
    if not 0 < value <= MAX_SETTING:
        raise MinutConfigurationError(
            name, f"is {value}, must be more than 0 seconds and at most {MAX_SETTING}"
        )
