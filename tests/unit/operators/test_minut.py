"""The operators, executed against the sandbox."""

from __future__ import annotations

import json

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import DAG

from airflow_provider_minut.exceptions import MinutConnectionError, MinutNotFoundError
from airflow_provider_minut.operators.minut import MinutApiOperator, MinutValidateCredentialsOperator
from tests.conftest import CLIENT_SECRET


def test_validation_returns_and_logs_the_owner(minut_sandbox, capsys):
    user = MinutValidateCredentialsOperator(task_id="t").execute({})
    assert user["user_id"] == "64aa0000000000000000a001"
    assert "they belong to Alex Sandbox (user 64aa0000000000000000a001)" in capsys.readouterr().out
    assert minut_sandbox.stats()["requests"] == {"POST /oauth/token": 1, "GET /users/me": 1}


@pytest.mark.parametrize("operator", [MinutValidateCredentialsOperator, MinutApiOperator])
def test_bad_credentials_fail_without_retries_and_say_what_to_do(minut_sandbox, operator):
    minut_sandbox.rotate_secret()
    arguments = {"endpoint": "/homes"} if operator is MinutApiOperator else {}
    with pytest.raises(AirflowFailException, match="'Developer tools' in Minut's web app") as caught:
        operator(task_id="t", **arguments).execute({})
    assert caught.value.__cause__ is None


def test_bad_setting_fails_without_retries(monkeypatch):
    connection = {"conn_type": "minut", "login": "id", "password": ""}
    monkeypatch.setenv("AIRFLOW_CONN_MINUT_DEFAULT", json.dumps(connection))
    with pytest.raises(AirflowFailException, match="Client secret"):
        MinutValidateCredentialsOperator(task_id="t").execute({})


def test_unreachable_server_is_left_to_airflows_retries(monkeypatch):
    connection = {
        "conn_type": "minut",
        "login": "id",
        "password": CLIENT_SECRET,
        "host": "http://127.0.0.1:9",
    }
    monkeypatch.setenv("AIRFLOW_CONN_MINUT_DEFAULT", json.dumps({**connection, "extra": {"max_attempts": 1}}))
    with pytest.raises(MinutConnectionError):
        MinutValidateCredentialsOperator(task_id="t").execute({})


def test_api_operator_sends_the_query_and_returns_the_answer(minut_sandbox):
    answer = MinutApiOperator(task_id="t", endpoint="/homes", query={"limit": 1, "offset": 1}).execute({})
    assert [home["name"] for home in answer["homes"]] == ["Garden Studio"]


def test_unknown_endpoint_is_not_found(minut_sandbox):
    with pytest.raises(MinutNotFoundError):
        MinutApiOperator(task_id="t", endpoint="/nothing").execute({})


def test_endpoint_elsewhere_fails_without_retries(minut_sandbox):
    with pytest.raises(AirflowFailException, match="endpoint: must be a path below the base URL"):
        MinutApiOperator(task_id="t", endpoint="https://evil.example/").execute({})


def test_arguments_are_templated(minut_sandbox):
    with DAG("d", params={"limit": 1}, schedule=None):
        operator = MinutApiOperator(
            task_id="t",
            endpoint="/{{ thing }}",
            method="{{ 'GET' }}",
            query={"limit": "{{ params.limit }}"},
            minut_conn_id="minut_{{ 'default' }}",
        )
    operator.render_template_fields({"thing": "homes", "params": {"limit": 1}})
    assert len(operator.execute({})["homes"]) == 1


def test_dag_params_do_not_become_the_query(minut_sandbox):
    """`params` is Airflow's own word; this is why the operator's argument has another name."""
    with DAG("d", params={"limit": 0}, schedule=None):
        operator = MinutApiOperator(task_id="t", endpoint="/homes")
    assert len(operator.execute({})["homes"]) == 2
