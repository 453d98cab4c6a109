"""What the fields of an Airflow connection mean. Plain values in, plain values out: no Airflow in here."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_minut.api.auth.credentials import ClientCredentials
from airflow_provider_minut.api.settings import COUNT_FIELDS, DEFAULT_BASE_URL, ClientSettings
from airflow_provider_minut.exceptions import MinutConfigurationError

log = logging.getLogger(__name__)

EXTRA_KEYS = ("timeout", *COUNT_FIELDS, "verify", "proxies")
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
    """Return settings from extra values, which are strings when they come from a connection URI."""
    settings = dict(extra)
    if "timeout" in extra:
        settings["timeout"] = _number("timeout", extra["timeout"], float)
    for key in COUNT_FIELDS:
        if key in extra:
            settings[key] = _number(key, extra[key], int)
    if "verify" in extra:
        settings["verify"] = _verify(extra["verify"])
    if "proxies" in extra:
        settings["proxies"] = _proxies(extra["proxies"])
    return settings


def _number(key: str, value: Any, kind: type[int] | type[float]) -> Any:
    whole = "a whole number" if kind is int else "a number"
    try:
        if (
            isinstance(value, str | int | float)
            and not isinstance(value, bool)
            and kind(value) == float(value)
        ):
            return kind(value)
    except (ValueError, OverflowError):
        pass
    raise MinutConfigurationError(key, f"must be {whole}, is {type(value).__name__}")


def _verify(value: Any) -> bool | str:
    named = {"true": True, "false": False}
    if isinstance(value, str):
        return named.get(value.strip().lower(), value)
    if isinstance(value, bool):
        return value
    raise MinutConfigurationError("verify", f"must be true, false or a path, is {type(value).__name__}")


def _proxies(value: Any) -> dict[str, str]:
    """Return proxies by scheme: from an object, from its JSON text, or from one URL for everything."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise MinutConfigurationError("proxies", "begins like JSON but is none") from None
    if isinstance(value, str):
        return {"http": value, "https": value}
    if not isinstance(value, dict):
        raise MinutConfigurationError("proxies", f"must be a URL or an object, is {type(value).__name__}")
    return value
