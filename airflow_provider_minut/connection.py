"""What the fields of an Airflow connection mean. Plain values in, plain values out: no Airflow in here."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_minut.api.auth.credentials import ClientCredentials
from airflow_provider_minut.api.settings import COUNT_FIELDS, DEFAULT_BASE_URL, ClientSettings
from airflow_provider_minut.exceptions import MinutConfigurationError

log = logging.getLogger(__name__)

# Converts the text of each extra. Text that is not accepted raises an error and stays as it is.
_FROM_TEXT: dict[str, Callable[[str], Any]] = {
    "timeout": float,
    **dict.fromkeys(COUNT_FIELDS, int),
    "verify": lambda text: {"true": True, "false": False}[text.strip().lower()],
    "proxies": json.loads,
}
EXTRA_KEYS = tuple(_FROM_TEXT)
DEFAULT_PATH = urlsplit(DEFAULT_BASE_URL).path

# How a user knows what the API calls by its own name.
_FIELDS = {
    "client_id": "the field Client ID (login)",
    "client_secret": "the field Client secret (password)",
    "base_url": "the field API base URL (host)",
    "extra": "the field Extra",
}


def read_connection(
    conn_id: str,
    *,
    login: str | None,
    password: str | None,
    host: str | None,
    port: int | None,
    schema: str | None,
    extra: str | None,
    overrides: Mapping[str, Any],
) -> tuple[ClientCredentials, ClientSettings]:
    """Return what a connection says.

    :param conn_id: for messages.
    :param extra: the raw JSON text.
    :param overrides: settings that win over the connection's.
    :raises MinutConfigurationError: one clear error that names the connection and the field, and
        never a value that may be secret.
    """
    try:
        settings = _settings(_extra(conn_id, extra))
        settings["base_url"] = _base_url(host or "", port or None, schema or "")
        credentials = ClientCredentials(login or "", password or "")
        # What is overridden is checked all the same: a connection test must not pass where a task fails.
        return credentials, replace(ClientSettings(**settings), **overrides)
    except MinutConfigurationError as error:
        extra_key = f"the extra {error.field!r}" if error.field in EXTRA_KEYS else error.field
        where = f"Connection {conn_id!r}, {_FIELDS.get(error.field, extra_key)}"
        raise MinutConfigurationError(where, error.reason) from None


def _base_url(host: str, port: int | None, path: str) -> str:
    """Put the base URL together from the parts that forms, URIs and JSON notations fill.

    ``https://api.minut.com/v8`` may arrive whole in the host, or as host and schema (the path of a
    connection URI). A host without a path gets the API version that this package is made for.
    """
    url = host.strip() or DEFAULT_BASE_URL
    if "://" not in url:
        url = f"https://{url}"
    try:
        parts = urlsplit(url)
        given_port = parts.port
    except ValueError:
        return url  # ClientSettings says what is wrong with it
    if port and given_port not in {None, port}:
        raise MinutConfigurationError("base_url", "names another port than the field Port; empty one of them")
    if path.strip("/") and parts.path.strip("/"):
        raise MinutConfigurationError("base_url", "has a path already; empty the field Schema")
    if port and given_port is None and port != {"https": 443, "http": 80}.get(parts.scheme):
        parts = parts._replace(netloc=f"{parts.netloc}:{port}")
    if not parts.path.strip("/"):
        parts = parts._replace(path=f"/{path.strip('/')}" if path.strip("/") else DEFAULT_PATH)
    return parts.geturl()


def _extra(conn_id: str, extra: str | None) -> dict[str, Any]:
    """Return the known keys that have a value; the form writes the others as null or an empty string."""
    if not extra or not extra.strip():
        return {}
    try:
        values = json.loads(extra)
    except (ValueError, RecursionError):
        raise MinutConfigurationError("extra", "is not JSON") from None
    if not isinstance(values, dict):
        raise MinutConfigurationError("extra", 'must be a JSON object, like {"timeout": 30}')
    unknown = sorted(set(values) - set(EXTRA_KEYS))
    if unknown:
        text = "Connection %r has extra keys that mean nothing here and are ignored: %s. Known are: %s."
        log.warning(text, conn_id, ", ".join(unknown), ", ".join(EXTRA_KEYS))
    return {k: v for k, v in values.items() if k in EXTRA_KEYS and v not in (None, "")}


def _settings(extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the extra as settings. Text, as in a connection URI, is converted if possible."""
    settings = dict(extra)
    for key, value in extra.items():
        if isinstance(value, str):
            with suppress(KeyError, ValueError, RecursionError):  # ClientSettings rejects text that stays
                settings[key] = _FROM_TEXT[key](value)
    if isinstance(proxy := settings.get("proxies"), str):
        settings["proxies"] = {"http": proxy, "https": proxy}
    return settings
