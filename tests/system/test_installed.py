"""The commands of the README, run with the wheel in a clean environment and a real Airflow."""

from __future__ import annotations

import json
import time
from urllib.parse import quote

import pytest
import requests

from airflow_provider_minut.get_provider_info import CONN_FIELDS


def test_airflow_knows_the_provider(installed):
    # Not as a table: its columns are as narrow as the terminal makes them.
    listed = installed.airflow("providers", "get", "airflow-provider-minut", "--output", "json")
    assert listed.returncode == 0, listed.stdout
    assert '"Provider": "airflow-provider-minut"' in listed.stdout, listed.stdout
    hooks = installed.airflow("providers", "hooks", "--output", "json")
    assert "airflow_provider_minut.hooks.minut.MinutHook" in hooks.stdout, hooks.stdout


def test_form_has_our_labels_and_fields(installed):
    """Airflow 3.1 gets them from the hook, later versions from the provider info."""
    code = (
        "import json\n"
        "from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService\n"
        "form, = (m for m in HookMetaService.hook_meta_data() if m.connection_type == 'minut')\n"
        "print(json.dumps(form.model_dump(mode='json')))\n"
    )
    form = json.loads(installed.python(code).splitlines()[-1])
    assert form["hook_name"] == "Minut"
    assert form["standard_fields"]["login"]["title"] == "Client ID"
    assert form["standard_fields"]["password"]["title"] == "Client secret"
    assert form["standard_fields"]["host"]["title"] == "API base URL"
    assert form["standard_fields"]["url_schema"]["hidden"] is True
    assert not (form["standard_fields"]["port"] or {}).get("hidden")
    assert set(form["extra_fields"]) == set(CONN_FIELDS)
    for name, field in CONN_FIELDS.items():
        assert form["extra_fields"][name]["schema"]["title"] == field["label"]


def test_added_connection_passes_the_test(installed, added_connection):
    tested = installed.airflow("connections", "test", added_connection)
    assert (tested.returncode, "Connection success!" in tested.stdout) == (0, True), tested.stdout


@pytest.mark.parametrize("notation", ["--conn-json", "--conn-uri"])
def test_connection_in_one_argument_passes_the_test(installed, sandbox, notation):
    fields = sandbox.connection_json
    if notation == "--conn-uri":
        credentials = f"{sandbox.client_id}:{sandbox.client_secret}"
        fields = f"minut://{credentials}@{quote(sandbox.base_url, safe='')}?timeout=5"
    installed.airflow("connections", "delete", "another_minut")
    added = installed.airflow("connections", "add", "another_minut", notation, fields)
    assert added.returncode == 0, added.stdout
    tested = installed.airflow("connections", "test", "another_minut")
    assert (tested.returncode, "Connection success!" in tested.stdout) == (0, True), tested.stdout
    assert sandbox.stats()["requests"]["GET /users/me"] == 1


def test_wrong_secret_is_explained_by_the_test(installed, sandbox):
    wrong = json.dumps({**json.loads(sandbox.connection_json), "password": "wrong" * 5})
    tested = installed.airflow("connections", "test", "minut_env", AIRFLOW_CONN_MINUT_ENV=wrong)
    assert "Minut rejected the client credentials" in tested.stdout
    assert "wrongwrong" not in tested.stdout


def test_wrong_credentials_fail_the_task_at_once(installed, sandbox):
    wrong = json.dumps({**json.loads(sandbox.connection_json), "password": "wrong" * 5})
    started = time.monotonic()
    done = installed.airflow("dags", "test", "minut_validate_credentials", AIRFLOW_CONN_MINUT_DEFAULT=wrong)
    assert done.returncode != 0
    assert "under 'Developer tools' in Minut's web app" in done.stdout
    assert "new_state=up_for_retry" not in done.stdout
    assert time.monotonic() - started < 120  # the DAG's own retry would wait five minutes
    assert sandbox.stats()["token_requests"] == 1


def test_demo_validates_with_one_token_request(installed):
    done = installed.run("minut-demo")
    assert done.returncode == 0, done.stdout
    assert "1 for a token, 1 to /users/me" in done.stdout
    assert "Alex Sandbox" in done.stdout


def test_demo_fails_with_the_reason(installed, sandbox):
    wrong = json.dumps({**json.loads(sandbox.connection_json), "password": "wrong" * 5})
    done = installed.run("minut-demo", AIRFLOW_CONN_MINUT_DEFAULT=wrong)
    assert done.returncode == 1, done.stdout
    assert "Minut rejected the client credentials" in " ".join(done.stdout.replace("│", "").split())


def test_button_in_the_ui_tests_the_connection(origin, sandbox):
    """The endpoint behind the Test button runs the hook inside the API server."""
    token = requests.get(f"{origin}/auth/token", timeout=30).json()["access_token"]
    form = {**json.loads(sandbox.connection_json), "connection_id": "x", "port": 443}
    form["host"], _, form["port"] = sandbox.base_url.removesuffix("/v8").rpartition(":")
    header = {"Authorization": f"Bearer {token}"}
    answers = []
    for password in (sandbox.client_secret, "wrong" * 5):
        body = {**form, "port": int(form["port"]), "password": password}
        reply = requests.post(f"{origin}/api/v2/connections/test", json=body, headers=header, timeout=30)
        answers.append((reply.status_code, reply.json()))
    (good, accepted), (bad, rejected) = answers
    assert (good, accepted["status"]) == (200, True), answers
    assert accepted["message"].startswith("Connection successfully tested. Authenticated as Alex Sandbox")
    assert (bad, rejected["status"]) == (200, False)
    assert "Minut rejected the client credentials" in rejected["message"]


def test_status_shows_the_user_and_the_usage(installed, added_connection, sandbox):
    shown = installed.run("minut-status", added_connection)
    assert shown.returncode == 0, shown.stdout
    for expected in (
        sandbox.base_url,
        "Shared state  directory",
        "Token         fresh",
        "1 of 120 in the last minute",
    ):
        assert expected in shown.stdout
    assert sandbox.client_secret not in shown.stdout
    unknown = installed.run("minut-status", "no_such_connection")
    assert (unknown.returncode, "no_such_connection" in unknown.stdout) == (1, True), unknown.stdout
