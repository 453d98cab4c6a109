"""Where a Delta table is, and the options of its store: from Airflow's connections, for delta-rs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from airflow_provider_minut.exceptions import MinutConfigurationError

if TYPE_CHECKING:
    from airflow.sdk import Connection

Options = dict[str, str]

# The protocol that delta-rs knows, by that of a path.
_PROTOCOLS = {
    **dict.fromkeys(("s3", "s3a"), "s3"),
    **dict.fromkeys(("abfs", "abfss"), "abfss"),
    **dict.fromkeys(("az", "azure", "adl", "wasb", "wasbs"), "az"),
    **dict.fromkeys(("gs", "gcs"), "gs"),
}
# Options whose values do not belong into a message.
_SECRET_OPTION = re.compile(r"key|secret|token|sas")


class Location(NamedTuple):
    """Where a table is.

    :param uri: A local path or a URI, as delta-rs accepts it; without the ID of a connection.
    :param protocol: ``s3``, ``abfss``, ``az``, ``gs``; empty for a local path.
    :param conn_id: ID of the store's connection; ``None`` for the credentials of the worker.
    """

    uri: str
    protocol: str
    conn_id: str | None


def location_of(path: str, conn_id: str | None) -> Location:
    """Return where the table of a path is.

    :param path: A local path, or a URI that may contain the ID of the connection, as ``ObjectStoragePath``
        accepts it: ``s3://aws_default@bucket/minut/readings``.
    :param conn_id: ID of the connection; replaces that of the path.
    :raises MinutConfigurationError: if the protocol is not supported.
    """
    scheme, separator, rest = path.partition("://")
    if not separator or scheme in {"file", "local"}:
        return Location(rest if separator else path, "", None)
    if scheme not in _PROTOCOLS:
        known = ", ".join(f"{name}://" for name in _PROTOCOLS)
        raise MinutConfigurationError("path", f"must be a local path or begin with one of {known}")
    protocol = _PROTOCOLS[scheme]
    authority, _, key = rest.partition("/")
    user, at, host = authority.rpartition("@")
    if at and not (protocol in {"abfss", "az"} and "." in host):
        authority, conn_id = host, conn_id or user
    elif at:
        protocol = "abfss"  # container@account.dfs.core.windows.net
    return Location(f"{protocol}://{authority}/{key}", protocol, conn_id)


def store_options(location: Location) -> Options:
    """Return the options with which delta-rs opens the store; valid as long as temporary credentials are.

    :raises MinutConfigurationError: if the connection cannot be used.
    :raises AirflowNotFoundException: if there is no such connection.
    """
    options = _READERS[location.protocol](location.conn_id) if location.protocol else {}
    _mask(options)
    return {name: value for name, value in options.items() if value}


def redacted(text: str, options: Options) -> str:
    """Return a text in one line, without terminal colors and without the secrets of the options."""
    for name, value in options.items():
        if _SECRET_OPTION.search(name):
            text = text.replace(value, "***")
    text = re.sub(r"([?&]sig=)[^&\s]+", r"\1***", text)
    text = re.sub(r"\x1b\[\d*m|↳", "", text)
    return " ".join(text.split())


def _mask(options: Options) -> None:
    from airflow.sdk.log import mask_secret

    for name, value in options.items():
        if value and _SECRET_OPTION.search(name):
            mask_secret(value)


def _aws(conn_id: str | None) -> Options:
    """Return options for S3: with Amazon's provider for Airflow those of its session, roles included."""
    try:
        from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
    except ImportError:
        return _aws_fields(conn_id)
    hook = AwsBaseHook(aws_conn_id=conn_id, client_type="s3")
    session = hook.get_session()
    credentials = session.get_credentials()
    # Credentials of a role are refreshed by the session; each call returns the present ones.
    found = credentials.get_frozen_credentials() if credentials else None
    options = {
        "aws_access_key_id": found.access_key if found else "",
        "aws_secret_access_key": found.secret_key if found else "",
        "aws_session_token": (found.token or "") if found else "",
        "aws_skip_signature": "" if found else "true",
        "allow_invalid_certificates": "true" if hook.conn_config.verify is False else "",
    }
    url = hook.conn_config.get_service_endpoint_url(service_name="s3")
    return options | _aws_endpoint(url, session.region_name)


def _aws_fields(conn_id: str | None) -> Options:
    if conn_id is None:
        return {}  # delta-rs reads the environment
    connection = _connection(conn_id)
    extra = connection.extra_dejson
    if extra.get("role_arn") or extra.get("profile_name"):
        raise MinutConfigurationError(
            "conn_id", "uses a role or a profile, which needs apache-airflow-providers-amazon"
        )
    return {
        "aws_access_key_id": connection.login or extra.get("aws_access_key_id", ""),
        "aws_secret_access_key": connection.password or extra.get("aws_secret_access_key", ""),
        "aws_session_token": extra.get("aws_session_token", ""),
        **_aws_endpoint(extra.get("endpoint_url"), extra.get("region_name")),
    }


def _aws_endpoint(url: str | None, region: str | None) -> Options:
    # Stores other than Amazon's often have no regions, but requests are signed with one.
    return {"aws_region": region or ("us-east-1" if url else ""), **_endpoint("aws_endpoint_url", url)}


def _azure(conn_id: str | None) -> Options:
    """Return options for Azure: from a connection of type ``wasb``, ``adls`` or ``azure_data_lake``."""
    if conn_id is None:
        return {}
    connection = _connection(conn_id)
    fields = _fields(connection)
    if fields.get("connection_string"):
        return _azure_connection_string(fields["connection_string"])
    host = connection.host or ""
    host_name = urlsplit(host if "://" in host else f"//{host}").hostname or ""
    is_principal = bool(fields.get("tenant_id"))
    password = connection.password or ""
    account = host_name.partition(".")[0] if host_name.endswith(".core.windows.net") else ""
    login = "" if is_principal else connection.login or ""
    endpoint = fields.get("account_host") or (host if host_name and not account and "." in host_name else "")
    return {
        "azure_storage_account_name": fields.get("account_name") or account or login or host_name,
        "azure_storage_account_key": fields.get("account_key")
        or fields.get("shared_access_key")
        or ("" if is_principal else password),
        "azure_storage_sas_key": _query_of(fields.get("sas_token", "")),
        "azure_storage_tenant_id": fields.get("tenant_id") or fields.get("workload_identity_tenant_id", ""),
        "azure_storage_client_id": (connection.login or "")
        if is_principal
        else fields.get("managed_identity_client_id") or fields.get("workload_identity_client_id", ""),
        "azure_storage_client_secret": password if is_principal else "",
        **_endpoint("azure_storage_endpoint", endpoint),
    }


def _azure_connection_string(text: str) -> Options:
    parts = dict(part.split("=", 1) for part in text.split(";") if "=" in part)
    return {
        "azure_storage_account_name": parts.get("AccountName", ""),
        "azure_storage_account_key": parts.get("AccountKey", ""),
        "azure_storage_sas_key": _query_of(parts.get("SharedAccessSignature", "")),
        **_endpoint("azure_storage_endpoint", parts.get("BlobEndpoint")),
    }


def _google(conn_id: str | None) -> Options:
    """Return options for Google: from a connection of type ``google_cloud_platform``."""
    if conn_id is None:
        return {}
    fields = _fields(_connection(conn_id))
    if fields.get("impersonation_chain"):
        raise MinutConfigurationError(
            "conn_id", "must have a key; delta-rs does not support impersonation_chain"
        )
    key = fields.get("keyfile_dict", "")
    return {
        "google_service_account_key": key if isinstance(key, str) else json.dumps(key),
        "google_service_account": fields.get("key_path") or fields.get("keyfile_path", ""),
        "google_skip_signature": "true" if fields.get("is_anonymous") else "",
        **_endpoint("google_base_url", fields.get("gcs.endpoint")),
    }


_READERS: dict[str, Callable[[str | None], Options]] = {
    "s3": _aws,
    "abfss": _azure,
    "az": _azure,
    "gs": _google,
}


def _connection(conn_id: str) -> Connection:
    from airflow.sdk import BaseHook

    return BaseHook.get_connection(conn_id)


def _fields(connection: Connection) -> dict[str, Any]:
    """Return the extras, whose names older connections begin with ``extra__TYPE__``."""
    prefix = f"extra__{connection.conn_type}__"
    return {name.removeprefix(prefix): value for name, value in connection.extra_dejson.items()}


def _query_of(token: str) -> str:
    """Return a SAS token; it may be given as the URL of the account with the token."""
    return token.rpartition("?")[2]


def _endpoint(option: str, url: str | None) -> Options:
    if not url:
        return {}
    url = (url if "://" in url else f"https://{url}").rstrip("/")
    return {option: url, "allow_http": "true" if url.startswith("http://") else ""}
