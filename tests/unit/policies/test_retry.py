"""When Airflow retries a task; before Airflow 3.3, the error instead."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from airflow.sdk import DAG, task

from airflow_provider_minut.exceptions import (
    MinutAuthenticationError,
    MinutConfigurationError,
    MinutConnectionError,
    MinutNotFoundError,
    MinutPermissionError,
    MinutRateLimitError,
    MinutServerError,
)
from airflow_provider_minut.policies import retry as retry_policy
from tests.conftest import AIRFLOW_VERSION

has_policies = pytest.mark.skipif(AIRFLOW_VERSION < (3, 3), reason="retry policies came with Airflow 3.3")


def evaluate(error):
    return retry_policy.MinutRetryPolicy().evaluate(error, 1, 3)


@pytest.mark.skipif(AIRFLOW_VERSION >= (3, 3), reason="Airflow 3.3 has retry policies")
def test_older_airflow_reports_the_required_version():
    with pytest.raises(ImportError, match=r"MinutRetryPolicy needs Airflow 3\.3 or later; this is 3\.[12]\."):
        from airflow_provider_minut.policies.retry import MinutRetryPolicy  # noqa: F401


def test_other_names_are_missing_as_usual():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        retry_policy.nothing  # noqa: B018


@has_policies
@pytest.mark.parametrize(
    "error",
    [
        MinutAuthenticationError("rejected", status=401),
        MinutAuthenticationError("rejected", status=401, retry_after=5),
        MinutPermissionError("no", status=403),
        MinutConfigurationError("endpoint", "is wrong"),
    ],
)
def test_permanent_errors_fail_at_once(error):
    decision = evaluate(error)
    assert decision.action.value == "fail"
    assert type(error).__name__ in decision.reason


@has_policies
@pytest.mark.parametrize("kind", [MinutRateLimitError, MinutServerError])
def test_retry_after_is_honoured(kind):
    decision = evaluate(kind("wait", status=429, retry_after=90.0))
    assert (decision.action.value, decision.retry_delay) == ("retry", timedelta(seconds=90))
    assert decision.reason == "Minut requested a delay of 90 s"


@has_policies
@pytest.mark.parametrize(
    "error",
    [
        MinutRateLimitError("wait", status=429),
        MinutServerError("no", status=502),
        MinutNotFoundError("no", status=404),
        MinutConnectionError("no"),
        ValueError("not ours"),
    ],
)
def test_everything_else_is_left_to_the_task(error):
    assert evaluate(error).action.value == "default"


@has_policies
def test_dag_with_the_policy_can_be_stored():
    from airflow.serialization.serialized_objects import DagSerialization

    with DAG("d", schedule=None) as dag:

        @task(retry_policy=retry_policy.MinutRetryPolicy())
        def request():
            pass

        request()
    assert json.loads(json.dumps(DagSerialization.to_dict(dag)))
