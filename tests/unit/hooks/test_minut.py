"""The hook, against the sandbox, with connections as Airflow hands them out."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from types import SimpleNamespace

import pytest
from airflow.sdk import log as sdk_log
from asgiref.sync import sync_to_async

from airflow_provider_minut.api.auth.token import TokenEntry
from airflow_provider_minut.exceptions import MinutAuthenticationError, MinutConfigurationError
from airflow_provider_minut.get_provider_info import CONN_FIELDS, UI_FIELD_BEHAVIOUR
from airflow_provider_minut.hooks.minut import MinutHook
from tests.conftest import CLIENT_SECRET


def connect(monkeypatch, **fields):
    fields = {"conn_type": "minut", "login": "id", "password": CLIENT_SECRET, **fields}
    monkeypatch.setenv("AIRFLOW_CONN_MINUT_DEFAULT", json.dumps(fields))


def test_connection_is_read_when_first_needed():
    MinutHook("there_is_no_such_connection")


def test_client_is_built_once(minut_sandbox):
    hook = MinutHook()
    assert hook.get_conn() is hook.get_conn()


def test_current_user_comes_back(minut_sandbox):
    assert MinutHook().get_current_user()["fullname"] == "Alex Sandbox"


def test_two_hooks_share_one_token(minut_sandbox):
    assert MinutHook().get_access_token() == MinutHook().get_access_token()
    assert minut_sandbox.stats()["token_requests"] == 1


def test_token_that_expires_is_replaced(minut_sandbox):
    minut_sandbox.set_token_lifetime(0.2)
    hook = MinutHook()
    first = hook.get_access_token()
    minut_sandbox.set_token_lifetime(3600)
    time.sleep(0.2)
    assert hook.get_access_token() != first
    hook.get_current_user()


def test_revoked_token_is_replaced_within_the_call(minut_sandbox):
    hook = MinutHook()
    hook.get_current_user()
    minut_sandbox.revoke_tokens()
    hook.get_current_user()
    assert minut_sandbox.stats()["token_requests"] == 2


def test_rotated_secret_is_a_clear_error(minut_sandbox):
    hook = MinutHook()
    hook.get_current_user()
    minut_sandbox.rotate_secret()
    minut_sandbox.revoke_tokens()
    with pytest.raises(MinutAuthenticationError, match="'Developer tools'"):
        hook.get_current_user()


def test_triggers_get_the_client_without_blocking(minut_sandbox):
    async def ask():
        client = await MinutHook().aget_conn()
        return await sync_to_async(client.get_current_user, thread_sensitive=False)()

    assert asyncio.run(ask())["user_id"]


def test_good_connection_tests_good(minut_sandbox):
    text = "Connection successfully tested. Authenticated as Alex Sandbox (user 64aa0000000000000000a001)."
    assert MinutHook().test_connection() == (True, text)


def test_connection_test_proves_the_credentials_and_not_an_old_token(minut_sandbox):
    hook = MinutHook()
    hook.get_current_user()
    minut_sandbox.rotate_secret()
    tokens = hook.get_conn()._tokens
    tokens._token.issued_at -= 120
    tokens._shared.write(TokenEntry(tokens._token).dump(), lifetime=60)
    assert hook.test_connection()[0] is False


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"password": "wrong" * 6}, "rejected the client credentials"),
        ({"password": ""}, "the field Client secret (password): is missing"),
        ({"host": "http://127.0.0.1:9/v8"}, "connection refused"),
        ({"host": "https://no-such-host.invalid/v8"}, "the host name could not be resolved"),
        ({"extra": {"timeout": -1}}, "the extra 'timeout': must be a number of seconds"),
    ],
)
def test_bad_connection_tests_bad_within_seconds(minut_sandbox, monkeypatch, fields, message):
    fields = {"login": minut_sandbox.client_id, "host": minut_sandbox.base_url, **fields}
    connect(monkeypatch, **fields)
    started = time.monotonic()
    works, text = MinutHook().test_connection()
    assert (works, message in text) == (False, True), text
    assert time.monotonic() - started < 5


def test_missing_connection_tests_bad():
    works, text = MinutHook("there_is_no_such_connection").test_connection()
    assert (works, text.startswith("The connection could not be tested (AirflowNotFoundException)")) == (
        False,
        True,
    )


def test_hanging_server_tests_bad_within_seconds(monkeypatch):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        connect(monkeypatch, host=f"http://127.0.0.1:{silent.getsockname()[1]}/v8", extra={"timeout": 300})
        started = time.monotonic()
        assert MinutHook().test_connection()[0] is False
        assert time.monotonic() - started < 8


def test_bad_setting_names_connection_and_field(monkeypatch):
    connect(monkeypatch, extra={"timeout": -3})
    with pytest.raises(MinutConfigurationError, match="'minut_default', the extra 'timeout'"):
        MinutHook().get_conn()


def test_airflow_masks_token_and_basic_value(minut_sandbox, monkeypatch):
    masked = []
    monkeypatch.setattr(sdk_log, "mask_secret", lambda value, name=None: masked.append(value))
    hook = MinutHook()
    token = hook.get_access_token()
    assert masked == [hook.get_conn()._tokens._auth._credentials.basic, token]


def test_proxy_with_a_password_is_masked(minut_sandbox, monkeypatch):
    masked = []
    monkeypatch.setattr(sdk_log, "mask_secret", lambda value, name=None: masked.append(value))
    connect(monkeypatch, extra={"proxies": {"https": "http://u:hunter22@p:1"}})
    MinutHook().get_conn()
    assert "http://u:hunter22@p:1" in masked


def test_debug_log_of_the_http_libraries_shows_no_secret(minut_sandbox, caplog):
    caplog.set_level(logging.DEBUG)
    hook = MinutHook()
    hook.get_current_user()
    credentials = hook.get_conn()._tokens._auth._credentials
    for secret in (credentials.client_secret, credentials.basic, hook.get_access_token()):
        assert secret not in caplog.text


class RecordedField:
    """Stands in for a WTForms field, as Airflow 3.1's own stand-ins do when FAB is not installed."""

    def __init__(self, label, description, widget, validators=()):
        self.label, self.description, self.widget = label, description, widget


def test_both_forms_have_the_same_fields(monkeypatch):
    """Airflow 3.1 calls the hook, later ones read the provider info."""
    fields = {
        kind: type(kind, (RecordedField,), {}) for kind in ("IntegerField", "PasswordField", "StringField")
    }
    widgets = {"BS3PasswordFieldWidget": object, "BS3TextFieldWidget": object}
    monkeypatch.setitem(sys.modules, "wtforms", SimpleNamespace(**fields))
    monkeypatch.setitem(sys.modules, "wtforms.validators", SimpleNamespace(Optional=object))
    monkeypatch.setitem(sys.modules, "flask_appbuilder", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "flask_appbuilder.fieldwidgets", SimpleNamespace(**widgets))
    form = MinutHook.get_connection_form_widgets()
    assert {name: (field.label, field.description) for name, field in form.items()} == {
        name: (field["label"], field["description"]) for name, field in CONN_FIELDS.items()
    }
    assert {name: type(field).__name__ for name, field in form.items()} == {
        "timeout": "IntegerField",
        "max_attempts": "IntegerField",
        "requests_per_second": "IntegerField",
        "requests_per_minute": "IntegerField",
        "verify": "StringField",
        "proxies": "PasswordField",
    }
    behaviour = MinutHook.get_ui_field_behaviour()
    assert {key.replace("_", "-"): value for key, value in behaviour.items()} == UI_FIELD_BEHAVIOUR


def test_form_fields_are_the_settings_that_the_hook_reads():
    from airflow_provider_minut.connection import EXTRA_KEYS

    assert set(CONN_FIELDS) == set(EXTRA_KEYS)
