"""The operators, executed against the sandbox."""

from __future__ import annotations

import json

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import DAG

from airflow_provider_minut.api.resources.thresholds import quiet_hours_of, reactions_of
from airflow_provider_minut.exceptions import MinutConnectionError, MinutNotFoundError
from airflow_provider_minut.hooks.minut import MinutHook
from airflow_provider_minut.operators.minut import (
    MinutApiOperator,
    MinutSetAlarmOperator,
    MinutUpdateDeviceOperator,
    MinutValidateCredentialsOperator,
)
from tests.conftest import CLIENT_SECRET


def test_validation_returns_and_logs_the_owner(minut_sandbox, capsys):
    user = MinutValidateCredentialsOperator(task_id="t").execute({})
    assert user["user_id"] == "64aa0000000000000000a001"
    text = "are valid. Authenticated as Alex Sandbox (user 64aa0000000000000000a001)."
    assert text in capsys.readouterr().out
    assert minut_sandbox.stats()["requests"] == {"POST /oauth/token": 1, "GET /users/me": 1}


@pytest.mark.parametrize("operator", [MinutValidateCredentialsOperator, MinutApiOperator])
def test_bad_credentials_fail_without_retries_and_with_a_remedy(minut_sandbox, operator):
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


def test_api_operator_sends_the_query_and_returns_the_response(minut_sandbox):
    response = MinutApiOperator(task_id="t", endpoint="/homes", query={"limit": 1, "offset": 1}).execute({})
    assert [home["name"] for home in response["homes"]] == ["Garden Studio"]


def test_response_is_summarized_in_the_log(minut_sandbox, capsys):
    MinutApiOperator(task_id="t", endpoint="/homes").execute({})
    MinutApiOperator(task_id="t", endpoint="/users/me").execute({})
    log = capsys.readouterr().out
    assert "GET /homes returned homes (2)." in log
    assert "GET /users/me returned an object." in log


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
    """Airflow passes DAG params as `params`; this is why the operator's argument has another name."""
    with DAG("d", params={"limit": 0}, schedule=None):
        operator = MinutApiOperator(task_id="t", endpoint="/homes")
    assert len(operator.execute({})["homes"]) == 2


DEVICE, HOME = "64aa0000000000000000d001", "64aa0000000000000000b001"
LOUD = {"type": "sound_level_high", "value": 72.0}
QUIET = {"enabled": True, "start": "22:30", "end": "07:00"}


def test_thresholds_are_written_once_and_others_remain_unchanged(minut_sandbox, capsys):
    operator = MinutUpdateDeviceOperator(task_id="t", device_id=DEVICE, reactions=[LOUD], quiet_hours=QUIET)
    result = operator.execute({})
    assert result["device_id"] == DEVICE
    assert "sound_level_high.value: 75 -> 72.0" in result["changes"]
    assert "quiet_hours.enabled: False -> True" in result["changes"]
    assert "changed: sound_level_high.value: 75 -> 72.0" in capsys.readouterr().out
    with MinutHook().get_conn() as client:
        device = client.get_device(DEVICE)
    assert (reactions_of(device)[0]["value"], reactions_of(device)[0]["duration_seconds"]) == (72.0, 600)
    assert quiet_hours_of(device) == QUIET
    assert operator.execute({})["changes"] == []
    assert "already has the requested settings; no changes." in capsys.readouterr().out
    assert minut_sandbox.stats()["requests"]["PUT /devices/{id}"] == 1


@pytest.mark.parametrize(
    ("operator", "arguments", "expected"),
    [
        (
            MinutUpdateDeviceOperator,
            {"device_id": DEVICE, "reactions": [LOUD]},
            "sound_level_high.value: 75 -> 72.0",
        ),
        (MinutSetAlarmOperator, {"home_id": HOME, "alarm_status": "on"}, "alarm_status: off -> on"),
    ],
)
def test_dry_run_logs_the_difference_and_writes_nothing(minut_sandbox, capsys, operator, arguments, expected):
    result = operator(task_id="t", dry_run=True, **arguments).execute({})
    assert result["changes"] == [expected]
    assert f"would change (dry run): {expected}" in capsys.readouterr().out
    assert not [name for name in minut_sandbox.stats()["requests"] if name.startswith(("PUT", "PATCH"))]


def test_alarm_is_set_once(minut_sandbox):
    operator = MinutSetAlarmOperator(task_id="t", home_id=HOME, alarm_status="on")
    assert operator.execute({}) == {"home_id": HOME, "changes": ["alarm_status: off -> on"]}
    assert operator.execute({}) == {"home_id": HOME, "changes": []}
    assert minut_sandbox.stats()["requests"]["PATCH /homes/{id}/alarm"] == 1


@pytest.mark.parametrize(
    ("operator", "arguments", "field"),
    [
        (MinutSetAlarmOperator, {"home_id": HOME, "alarm_status": "armed"}, "alarm_status"),
        (MinutSetAlarmOperator, {"home_id": "../x", "alarm_status": "on"}, "home_id"),
        (MinutUpdateDeviceOperator, {"device_id": DEVICE, "reactions": [{"value": 3}]}, "reactions"),
        (MinutUpdateDeviceOperator, {"device_id": DEVICE, "quiet_hours": {"start": "10pm"}}, "quiet_hours"),
    ],
)
def test_invalid_setting_fails_without_retries(minut_sandbox, operator, arguments, field):
    with pytest.raises(AirflowFailException, match=field):
        operator(task_id="t", **arguments).execute({})
    assert minut_sandbox.stats()["requests"] == {}
