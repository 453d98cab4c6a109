"""What whoever is on call reads."""

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
    told = capsys.readouterr().out
    assert f"API         {minut_sandbox.base_url}\n" in told
    assert re.search(r"^Belongs to  .+ \(user .+\)$", told, re.MULTILINE)
    assert f"Shared in   the directory {tmp_path}/state\n" in told
    assert re.search(
        r"^Token       fresh, ends \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC \(in \d+ s\)$", told, re.MULTILINE
    )
    assert re.search(r"^Rate limit  \d of 20 used this second, 3 of 120 this minute$", told, re.MULTILINE)
    assert minut_sandbox.stats()["token_requests"] == 1, "it uses the token that is shared"
    assert minut_sandbox.client_secret not in told
    assert hook.get_access_token() not in told


def test_pause_and_waiting_requests_are_told(minut_sandbox, capsys):
    client = MinutHook().get_conn()
    client._rate_limiter.pause(2)
    assert main([]) == 0
    client._rate_limiter.pause(60)
    capsys.readouterr()
    assert main([]) == 1
    told = capsys.readouterr().out
    assert re.search(r"all wait (59|60) s because the API said that it is too much", told)
    assert "Problem     GET /users/me was not sent" in told


def test_refused_credentials_are_a_problem(minut_sandbox, capsys, monkeypatch):
    fields = json.loads(minut_sandbox.connection_json) | {"password": "not-the-secret"}
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", json.dumps(fields))
    assert main(["other"]) == 1
    told = capsys.readouterr().out
    assert "Problem     Minut rejected the client credentials." in told
    assert "Token       none" in told
    assert "not-the-secret" not in told


def test_missing_connection_is_a_problem(capsys):
    assert main(["no_such"]) == 1
    assert "no_such" in capsys.readouterr().out.split("Problem", 1)[1]
