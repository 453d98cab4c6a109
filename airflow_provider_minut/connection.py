"""Converts the fields of an Airflow connection to credentials and settings, without importing Airflow."""

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

# Names of fields in Airflow's connection form.
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
    """Return the credentials and settings of a connection.

    :param conn_id: ID of the connection, for messages.
    :param extra: Raw JSON text.
    :param overrides: Settings that override the connection's.
    :raises MinutConfigurationError: if a field is invalid; the error names the connection and the field, and
        contains no value that may be secret.
    """
    try:
        settings = _settings(_extra(conn_id, extra))
        settings["base_url"] = _base_url(host or "", port or None, schema or "")
        credentials = ClientCredentials(login or "", password or "")
        # Overridden settings are checked too: a connection test must not pass where a task fails.
        return credentials, replace(ClientSettings(**settings), **overrides)
    except MinutConfigurationError as error:
        extra_key = f"the extra {error.field!r}" if error.field in EXTRA_KEYS else error.field
        where = f"Connection {conn_id!r}, {_FIELDS.get(error.field, extra_key)}"
        raise MinutConfigurationError(where, error.reason) from None


def _base_url(host: str, port: int | None, path: str) -> str:
    """Return the base URL, composed of the fields that forms, URIs and JSON fill.

    ``https://api.minut.com/v8`` may be in the host, or split into host and schema (the path of a
    connection URI). A host without a path gets the API version that this package supports.
    """
    url = host.strip() or DEFAULT_BASE_URL
    if "://" not in url:
        url = f"https://{url}"
    try:
        parts = urlsplit(url)
        given_port = parts.port
    except ValueError:
        return url  # ClientSettings rejects it with a reason
    if port and given_port not in {None, port}:
        raise MinutConfigurationError("base_url", "has another port than the field Port; clear one of them")
    if path.strip("/") and parts.path.strip("/"):
        raise MinutConfigurationError("base_url", "already has a path; clear the field Schema")
    if port and given_port is None and port != {"https": 443, "http": 80}.get(parts.scheme):
        parts = parts._replace(netloc=f"{parts.netloc}:{port}")
    if not parts.path.strip("/"):
        parts = parts._replace(path=f"/{path.strip('/')}" if path.strip("/") else DEFAULT_PATH)
    return parts.geturl()


def _extra(conn_id: str, extra: str | None) -> dict[str, Any]:
    """Return the supported extras that have a value; the form stores empty fields as null or empty text."""
    if not extra or not extra.strip():
        return {}
    try:
        values = json.loads(extra)
    except (ValueError, RecursionError):
        raise MinutConfigurationError("extra", "is not valid JSON") from None
    if not isinstance(values, dict):
        raise MinutConfigurationError("extra", 'must be a JSON object, like {"timeout": 30}')
    unknown = sorted(set(values) - set(EXTRA_KEYS))
    if unknown:
        text = "Ignoring unknown extras in connection %r: %s. Supported: %s."
        log.warning(text, conn_id, ", ".join(unknown), ", ".join(EXTRA_KEYS))
    return {k: v for k, v in values.items() if k in EXTRA_KEYS and v not in (None, "")}


def _settings(extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the extra as settings. Text, as in a connection URI, is converted if possible."""
    settings = dict(extra)
    for key, value in extra.items():
        if isinstance(value, str):
            with suppress(KeyError, ValueError, RecursionError):  # ClientSettings rejects text that stays
                settings[key] = _FROM_TEXT[key](value)
        elif isinstance(value, float) and value.is_integer():
            settings[key] = int(value)  # JSON does not tell 3.0 from 3
    if isinstance(proxy := settings.get("proxies"), str):
        settings["proxies"] = {"http": proxy, "https": proxy}
    return settings
