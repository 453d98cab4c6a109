"""How the fields of a connection are read, and the errors of invalid ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from airflow.sdk import Connection

from airflow_provider_minut.api.settings import ClientSettings
from airflow_provider_minut.connection import read_connection
from airflow_provider_minut.exceptions import MinutConfigurationError

SECRET = "not-for-anybodys-eyes"
PROXIES = 'must be a proxy URL, or an object like {"https": "http://proxy:3128"}'


def read(extra=None, **fields):
    fields = {"login": "id", "password": SECRET, "host": None, "port": None, "schema": None, **fields}
    extra = json.dumps(extra) if isinstance(extra, dict) else extra
    return read_connection("my_minut", extra=extra, overrides={}, **fields)


def settings(extra=None, **fields):
    return read(extra, **fields)[1]


@pytest.mark.parametrize(
    ("fields", "base_url"),
    [
        ({}, "https://api.minut.com/v8"),
        ({"host": ""}, "https://api.minut.com/v8"),
        ({"port": 443}, "https://api.minut.com/v8"),
        ({"host": "https://api.minut.com/v8/"}, "https://api.minut.com/v8"),
        ({"host": "api.minut.com"}, "https://api.minut.com/v8"),
        ({"host": "https://api.minut.com", "schema": "v9"}, "https://api.minut.com/v9"),
        ({"host": "https://api.minut.com/v8", "port": 443}, "https://api.minut.com/v8"),
        ({"host": "https://api.minut.com/v8", "port": 0}, "https://api.minut.com/v8"),
        ({"host": "https://minut.example/v8", "port": 8443}, "https://minut.example:8443/v8"),
        ({"host": "https://minut.example:8443/v8", "port": 8443}, "https://minut.example:8443/v8"),
        ({"host": "http://127.0.0.1:8787/v8"}, "http://127.0.0.1:8787/v8"),
        ({"host": "http://127.9.9.9/v8"}, "http://127.9.9.9/v8"),
        ({"host": "http://[::1]:8787/v8"}, "http://[::1]:8787/v8"),
        ({"host": "http://localhost", "port": 8787}, "http://localhost:8787/v8"),
    ],
)
def test_base_url_is_composed(fields, base_url):
    assert settings(**fields).base_url == base_url


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"login": None}, "the field Client ID (login): is missing"),
        ({"login": " "}, "the field Client ID (login): is missing"),
        ({"login": "a:b"}, "the field Client ID (login): must not contain a colon"),
        ({"password": None}, "the field Client secret (password): is missing"),
        ({"password": ""}, "the field Client secret (password): is missing"),
        ({"password": "line\nbreak"}, "the field Client secret (password): contains a line break"),
        ({"host": "http://api.minut.com/v8"}, "the field API base URL (host): plain http would send"),
        (
            {"host": "http://127.0.0.1.evil.example/v8"},
            "the field API base URL (host): plain http would send",
        ),
        ({"host": "ftp://api.minut.com/v8"}, "the field API base URL (host): must start with https://"),
        ({"host": "https://"}, "the field API base URL (host): is not a URL"),
        ({"host": "https://a b/"}, "the field API base URL (host): is not a URL"),
        ({"host": "https://[::1/v8"}, "the field API base URL (host): is not a URL"),
        ({"host": "https://x:99999/v8"}, "the field API base URL (host): is not a URL"),
        ({"host": "https://x:nope/v8"}, "the field API base URL (host): is not a URL"),
        ({"host": f"https://u:{SECRET}@x/v8"}, "the field API base URL (host): must not contain credentials"),
        ({"host": "https://x/v8?a=1"}, "the field API base URL (host): must not have a query"),
        ({"host": "https://x:8443/v8", "port": 443}, "the field API base URL (host): has another port"),
        ({"host": "https://x/v8", "schema": "v9"}, "the field API base URL (host): already has a path"),
        ({"schema": "v9"}, "the field API base URL (host): already has a path"),
        ({"extra": "{"}, "the field Extra: is not valid JSON"),
        ({"extra": "[1]"}, "the field Extra: must be a JSON object"),
        (
            {"extra": {"timeout": -1}},
            "the extra 'timeout': must be a number of seconds greater than 0 and at most 1000000, not -1",
        ),
        (
            {"extra": {"timeout": 0}},
            "the extra 'timeout': must be a number of seconds greater than 0 and at most 1000000, not 0",
        ),
        (
            {"extra": {"timeout": "soon"}},
            "the extra 'timeout': must be a number of seconds greater than 0 and at most 1000000, not str",
        ),
        (
            {"extra": {"timeout": True}},
            "the extra 'timeout': must be a number of seconds greater than 0 and at most 1000000, not bool",
        ),
        (
            {"extra": '{"timeout": Infinity}'},
            "the extra 'timeout': must be a number of seconds greater than 0 and at most 1000000, not inf",
        ),
        (
            {"extra": {"max_attempts": 0}},
            "the extra 'max_attempts': must be a whole number of at least 1 and at most 1000000, not 0",
        ),
        (
            {"extra": {"max_attempts": 2.5}},
            "the extra 'max_attempts': must be a whole number of at least 1 and at most 1000000, not 2.5",
        ),
        (
            {"extra": {"verify": "/no/such/ca.pem"}},
            "the extra 'verify': must be true, false or the path of an existing CA bundle, not '/no/such/ca.pem'",
        ),
        (
            {"extra": {"verify": 1}},
            "the extra 'verify': must be true, false or the path of an existing CA bundle, not int",
        ),
        ({"extra": {"proxies": [SECRET]}}, "the extra 'proxies': " + PROXIES + ", not list"),
        ({"extra": {"proxies": {"ftp": SECRET}}}, "the extra 'proxies': " + PROXIES),
        ({"extra": {"proxies": {"http": [SECRET]}}}, "the extra 'proxies': " + PROXIES),
        ({"extra": {"proxies": SECRET}}, "the extra 'proxies': " + PROXIES),
        ({"extra": {"proxies": f"{{{SECRET}"}}, "the extra 'proxies': " + PROXIES),
    ],
)
def test_wrong_field_is_one_clear_error_without_secrets(fields, message):
    with pytest.raises(MinutConfigurationError) as caught:
        read(**fields)
    assert str(caught.value).startswith(f"Connection 'my_minut', {message}")
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_empty_extra_values_count_as_unset():
    """Opening and saving Airflow's form writes all its fields, the empty ones as null or ''."""
    saved = settings({"timeout": None, "max_attempts": "", "verify": None, "proxies": ""})
    assert saved == settings()


@pytest.mark.parametrize("extra", [None, "", "  ", "{}"])
def test_empty_extra_is_fine(extra):
    assert settings(extra) == settings()


def test_extra_values_may_be_strings_as_in_a_uri(tmp_path):
    bundle = tmp_path / "ca.pem"
    bundle.touch()
    read_back = settings(
        {"timeout": "2.5", "max_attempts": " 3 ", "verify": str(bundle), "proxies": '{"https": "http://p:1"}'}
    )
    assert (read_back.timeout, read_back.max_attempts) == (2.5, 3)
    assert (read_back.verify, read_back.proxies) == (str(bundle), {"https": "http://p:1"})


@pytest.mark.parametrize(
    ("value", "verify"), [("false", False), ("True", True), (False, False), (True, True)]
)
def test_verify_may_be_text(value, verify):
    assert settings({"verify": value}).verify is verify


def test_one_proxy_url_serves_both_schemes():
    assert settings({"proxies": "http://p:1"}).proxies == {"http": "http://p:1", "https": "http://p:1"}


def test_unknown_extra_keys_are_named_and_their_values_are_not(caplog):
    settings({"tiemout": SECRET, "timeout": 5})
    assert "Ignoring unknown extras in connection 'my_minut': tiemout. Supported: timeout, " in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    "uri",
    [
        "minut://id:s%40cret%2F@https%3A%2F%2Fminut.example%2Fv8?timeout=7",
        "minut://https://id:s%40cret%2F@minut.example/v8?timeout=7",
        "minut://id:s%40cret%2F@minut.example/v8?timeout=7",
        "minut://id:s%40cret%2F@minut.example:443/v8?timeout=7",
    ],
)
def test_connection_uris_of_every_kind_mean_the_same(uri):
    connection = Connection.from_uri(uri, conn_id="my_minut")
    credentials, read_back = read_connection(
        "my_minut",
        login=connection.login,
        password=connection.password,
        host=connection.host,
        port=connection.port,
        schema=connection.schema,
        extra=connection.extra,
        overrides={},
    )
    assert (credentials.client_id, credentials.client_secret) == ("id", "s@cret/")
    assert (read_back.base_url, read_back.timeout) == ("https://minut.example/v8", 7.0)


@pytest.mark.parametrize(
    ("field", "value"),
    [("timeout", True), ("deadline", "5"), ("deadline", float("nan")), ("max_attempts", 1.0), ("max_attempts", True),
     ("max_attempts", 10**7), ("timeout", 10**400)],
)  # fmt: skip
def test_override_that_is_not_such_a_number_is_an_error_that_names_it(field, value):
    with pytest.raises(MinutConfigurationError) as caught:
        ClientSettings(**{field: value})
    assert caught.value.field == field


def test_ca_bundle_that_this_user_may_not_read_is_an_error(monkeypatch):
    def forbidden(_path):
        raise PermissionError

    monkeypatch.setattr(Path, "exists", forbidden)
    with pytest.raises(MinutConfigurationError, match="path of an existing CA bundle, not '/private/ca.pem'"):
        ClientSettings(verify="/private/ca.pem")
