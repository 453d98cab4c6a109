"""The output of ``minut-status``."""

from __future__ import annotations

import json
import re

import pytest

from airflow_provider_minut.api.shared_state.factory import open_shared_state
from airflow_provider_minut.cli.status import main
from airflow_provider_minut.hooks.minut import MinutHook


@pytest.fixture(autouse=True)
def own_directory(minut_sandbox, tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__MINUT__SHARED_STATE", f"file://{tmp_path}/state")
    yield
    open_shared_state.cache_clear()


def test_working_connection_is_described_without_a_secret(minut_sandbox, capsys, tmp_path):
    hook = MinutHook()
    hook.get_current_user()
    hook.get_current_user()
    assert main([]) == 0
    output = capsys.readouterr().out
    assert f"API           {minut_sandbox.base_url}\n" in output
    assert re.search(r"^User          .+ \(user .+\)$", output, re.MULTILINE)
    assert f"Shared state  directory {tmp_path}/state\n" in output
    assert re.search(
        r"^Token         fresh, expires \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC \(in \d+ s\)$",
        output,
        re.MULTILINE,
    )
    assert re.search(
        r"^Rate limit    \d of 20 requests in the last second, 3 of 120 in the last minute$",
        output,
        re.MULTILINE,
    )
    assert minut_sandbox.stats()["token_requests"] == 1, "it uses the shared token"
    assert minut_sandbox.client_secret not in output
    assert hook.get_access_token() not in output


def test_pause_and_waiting_requests_are_shown(minut_sandbox, capsys):
    client = MinutHook().get_conn()
    client._rate_limiter.pause(2)
    assert main([]) == 0
    client._rate_limiter.pause(60)
    capsys.readouterr()
    assert main([]) == 1
    output = capsys.readouterr().out
    assert re.search(r"paused for (59|60) s after a 429 response", output)
    assert "Error         GET /users/me was not sent" in output


def test_rejected_credentials_are_an_error(minut_sandbox, capsys, monkeypatch):
    fields = json.loads(minut_sandbox.connection_json) | {"password": "not-the-secret"}
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", json.dumps(fields))
    assert main(["other"]) == 1
    output = capsys.readouterr().out
    assert "Error         Minut rejected the client credentials." in output
    assert "Token         none" in output
    assert "not-the-secret" not in output


def test_missing_connection_is_an_error(capsys):
    assert main(["no_such"]) == 1
    assert "no_such" in capsys.readouterr().out.split("Error", 1)[1]
