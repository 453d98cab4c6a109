"""The content of the report."""

from __future__ import annotations

import platform
from importlib.metadata import version

import pytest

from airflow_provider_minut.api_check.report import report
from airflow_provider_minut.exceptions import MinutServerError
from tests.unit.api_check.account import HOME_PATH, assessed, check


@pytest.mark.parametrize(
    ("base_url", "shown"),
    [
        ("https://api.minut.com/v8", "https://api.minut.com/v8"),
        ("https://api.minut.com/v9", "another base URL"),
        ("https://minut.internal.example.com", "another base URL"),
    ],
)
def test_versions_are_named_and_only_the_public_base_url(base_url, shown):
    found = report(base_url, [], [])
    assert found["api"] == shown
    assert found["versions"] == {
        "airflow-provider-minut": version("airflow-provider-minut"),
        "apache-airflow": version("apache-airflow"),
        "python": platform.python_version(),
    }


def test_endpoints_and_features_are_reported():
    changes = {"/events": MinutServerError("secret", status=502), HOME_PATH: {"home_id": "h1", "anna": "x"}}
    found = report("", check(changes).values(), assessed(changes).values())
    endpoints = {endpoint.pop("request"): endpoint for endpoint in found["endpoints"]}
    assert endpoints["GET /events"] == {"used": "by default", "outcome": "failed: 502 (MinutServerError)"}
    assert endpoints["GET /organizations"]["used"] == "never"
    home = endpoints["GET /homes/{home_id}"]
    assert home["shape"] == {"<key>": "text", "home_id": "text"}
    assert home["also_sends"] == ["<key>"]
    assert {
        "field": "alarm_status or detailed_alarm_status",
        "difference": "missing",
        "belief": "seen",
    } in home["differences"]
    features = {feature.pop("feature"): feature for feature in found["features"]}
    assert features["MinutSetAlarmOperator"] == {
        "verdict": "works in part",
        "reasons": ["GET /homes/{home_id}: alarm_status or detailed_alarm_status: missing"],
    }
