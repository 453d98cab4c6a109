"""No secret in anything that Airflow keeps: logs at debug, XCom, rendered fields, the whole database."""

from __future__ import annotations

import base64
import json
import re
import sqlite3

import pytest

JWT = re.compile(r"eyJ[\w-]+\.(eyJ[\w-]+)\.[\w-]+")


def leaks(text, secrets):
    """Return the secrets in ``text``, and the access tokens, which are known by who issued them."""
    # The one line of Airflow's own in which the worker tells the supervisor what to mask.
    lines = [line for line in text.splitlines() if "MaskSecret(" not in line]
    text = "\n".join(lines)
    tokens = [m[0] for m in JWT.finditer(text) if b"Minut, Inc." in base64.urlsafe_b64decode(m[1] + "==")]
    return [secret for secret in secrets if secret in text] + tokens


def test_leak_detector_finds_what_it_looks_for(sandbox):
    token = sandbox._state.issue_token()
    assert leaks(f"a {sandbox.client_secret} b {token}", [sandbox.client_secret]) == [
        sandbox.client_secret,
        token,
    ]
    assert leaks(f"MaskSecret(value={token})\nfine", ["x"]) == []


@pytest.mark.parametrize("failure", ["none", "wrong secret", "token revoked", "server gone", "bad setting"])
def test_nothing_that_airflow_keeps_holds_a_secret(installed, sandbox, failure):
    fields = json.loads(sandbox.connection_json)
    if failure == "wrong secret":
        sandbox.rotate_secret()
    elif failure == "token revoked":
        sandbox.set_token_lifetime(0.000001)  # each token is dead before it is used
    elif failure == "server gone":
        fields |= {"host": "http://127.0.0.1:9/v8", "extra": {"max_attempts": 1}}
    elif failure == "bad setting":
        fields["extra"] = {"timeout": -1, "api_secret": fields["password"] + "-more"}
    # What fails for good ends the DAG that retries; the others run in the one that does not.
    dag_id = "minut_validate_credentials" if failure in {"wrong secret", "bad setting"} else "minut_taskflow"
    done = installed.airflow(
        *("dags", "test", dag_id),
        AIRFLOW_CONN_MINUT_DEFAULT=json.dumps(fields),
        AIRFLOW__LOGGING__LOGGING_LEVEL="DEBUG",
    )
    basic = base64.b64encode(f"{fields['login']}:{fields['password']}".encode()).decode()
    with sqlite3.connect(installed.home / "airflow.db") as database:
        dump = "\n".join(database.iterdump())
    assert sandbox.stats()["token_requests"] or failure in {"server gone", "bad setting"}
    assert "minut" in done.stdout
    state = list((installed.home.parent / "state").iterdir())
    assert state or failure == "bad setting"
    shared = "".join(path.read_bytes().decode("latin-1") for path in state)
    assert leaks(done.stdout + dump + shared, [fields["password"], basic]) == []
    assert fields["login"] not in shared
