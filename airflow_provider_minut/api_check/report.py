"""The report of a check: shapes and differences, without any value of the replies, to attach to an issue."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

from airflow_provider_minut.api.settings import DEFAULT_BASE_URL
from airflow_provider_minut.api_check.analysis import Difference, Finding
from airflow_provider_minut.api_check.features import Assessment


def report(base_url: str, findings: Iterable[Finding], assessments: Iterable[Assessment]) -> dict[str, Any]:
    """Return the report as JSON.

    :param base_url: Base URL of the API; reported only if it is the public one.
    :param findings: What was found of each endpoint.
    :param assessments: Which features work.
    """
    return {
        "versions": {
            "airflow-provider-minut": version("airflow-provider-minut"),
            "apache-airflow": version("apache-airflow"),
            "python": platform.python_version(),
        },
        "api": DEFAULT_BASE_URL if base_url == DEFAULT_BASE_URL else "another base URL",
        "endpoints": [_endpoint(finding) for finding in findings],
        "features": [
            {"feature": found.feature.name, "verdict": found.verdict.value, "reasons": list(found.reasons)}
            for found in assessments
        ],
    }


def _endpoint(finding: Finding) -> dict[str, Any]:
    reply = finding.reply
    result: dict[str, Any] = {
        "request": finding.endpoint.name,
        "used": finding.endpoint.use or "by default",
        "outcome": reply.outcome,
    }
    if reply.answered:
        result |= {
            "problem": finding.problem,
            "differences": [_difference(difference) for difference in finding.differences],
            "also_sends": list(finding.unknown),
            "shape": finding.shape,
        }
    return result


def _difference(difference: Difference) -> dict[str, Any]:
    return {"field": difference.field, "difference": difference.text, "belief": difference.source}
