"""The features of the provider, and whether they work with the replies of the API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from airflow_provider_minut.api_check.analysis import Finding
from airflow_provider_minut.api_check.endpoints import (
    DEVICES,
    HISTORIES,
    HOME_EVENTS,
    HOMES,
    ONE_DEVICE,
    ONE_HOME,
    USER_ENDPOINT,
    USER_EVENTS,
    WEBHOOKS,
    Endpoint,
)
from airflow_provider_minut.extraction.extractor import DEFAULT_SENSORS


class Verdict(StrEnum):
    """Whether a feature works."""

    WORKS = "works"
    PARTLY = "works in part"
    FAILS = "does not work"
    UNKNOWN = "not tested"


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature of the provider.

    :param key: Key, which beliefs refer to.
    :param name: Name in the documentation.
    :param needs: Endpoints without which it does not work.
    :param histories: Sensors of which each adds its part.
    """

    key: str
    name: str
    needs: tuple[Endpoint, ...]
    histories: tuple[str, ...] = ()


FEATURES = (
    Feature("user", "connection test, MinutValidateCredentialsOperator", (USER_ENDPOINT,)),
    Feature("homes", "dataset homes", (HOMES,)),
    Feature("devices", "dataset devices", (DEVICES,)),
    Feature("latest", "dataset latest", (DEVICES,)),
    Feature("events", "dataset events, MinutHomeEventSensor", (HOMES, HOME_EVENTS)),
    Feature("readings", "dataset readings", (DEVICES,), DEFAULT_SENSORS),
    Feature("heartbeat", "MinutHeartbeatSensor", (ONE_DEVICE,)),
    Feature("update_device", "MinutUpdateDeviceOperator", (ONE_DEVICE,)),
    Feature("set_alarm", "MinutSetAlarmOperator", (ONE_HOME,)),
    Feature("user_events", "watched_event, MinutEventTrigger, MinutReconcileEventsOperator", (USER_EVENTS,)),
    Feature("webhooks", "MinutCreateWebhookOperator, MinutDeleteWebhookOperator", (WEBHOOKS,)),
    Feature("page", "page Minut", (HOMES, DEVICES)),
    Feature("report", "noise_report", (HOMES, DEVICES, HOME_EVENTS), DEFAULT_SENSORS[:3]),
)


@dataclass(frozen=True, slots=True)
class Assessment:
    """Whether a feature works, and why not.

    :param feature: The feature.
    :param verdict: Whether it works.
    :param reasons: Why it does not, or only in part; one for each endpoint.
    """

    feature: Feature
    verdict: Verdict
    reasons: tuple[str, ...]


def assess(feature: Feature, findings: Mapping[str, Finding]) -> Assessment:
    """Return whether a feature works.

    :param feature: The feature.
    :param findings: What was found of each endpoint, by its path.
    """
    needed = [findings[endpoint.path] for endpoint in feature.needs]
    parts = [findings[HISTORIES[sensor].path] for sensor in feature.histories]
    verdict, every = Verdict.WORKS, [*needed, *parts]
    reasons = [f"{found.endpoint.name}: {text}" for found in every if (text := _reason(feature, found))]
    if any(found.problem for found in needed) or (parts and all(found.problem for found in parts)):
        verdict = Verdict.FAILS
    elif reasons:
        verdict = Verdict.PARTLY
    elif not all(found.items for found in needed) or (parts and not any(found.items for found in parts)):
        verdict = Verdict.UNKNOWN
        reasons = [f"{found.endpoint.name}: {_gap(found)}" for found in every if not found.items]
    return Assessment(feature, verdict, tuple(reasons))


def _reason(feature: Feature, found: Finding) -> str:
    return found.problem or "; ".join(found.limits(feature.key))


def _gap(found: Finding) -> str:
    return "the reply is empty" if found.reply.answered else found.reply.outcome
