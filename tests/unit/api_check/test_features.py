"""What a difference means for the features of the provider."""

from __future__ import annotations

import pytest

from airflow_provider_minut.api_check.beliefs import Belief
from airflow_provider_minut.api_check.endpoints import DEFAULT_SENSORS as REQUESTED
from airflow_provider_minut.api_check.endpoints import ENDPOINTS
from airflow_provider_minut.api_check.features import FEATURES, Verdict
from airflow_provider_minut.exceptions import MinutNotFoundError, MinutServerError
from airflow_provider_minut.extraction.extractor import DEFAULT_SENSORS
from tests.unit.api_check.account import DEVICE, DEVICE_PATH, HOME, HOME_PATH, assessed

NOT_FOUND = MinutNotFoundError("no", status=404)
SENSOR_PATHS = [f"{DEVICE_PATH}/{sensor}" for sensor in DEFAULT_SENSORS]


def verdicts(changes=(), but=Verdict.WORKS):
    return {key: found.verdict for key, found in assessed(changes).items() if found.verdict is not but}


def test_everything_works_with_what_the_newest_clients_saw():
    assert verdicts() == {}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"/users/me": NOT_FOUND}, {"user": Verdict.FAILS}),
        ({HOME_PATH: {**HOME, "alarm_status": None}}, {"set_alarm": Verdict.PARTLY}),
        ({HOME_PATH: {**HOME, "created_at": None}}, {}),
        ({HOME_PATH: {**HOME, "created_at": 1776247200}}, {}),
        ({DEVICE_PATH: {**DEVICE, "configuration": {}}}, {"update_device": Verdict.PARTLY}),
        ({"/webhooks": {"hooks": []}}, {"webhooks": Verdict.UNKNOWN}),
        ({"/organizations": NOT_FOUND}, {}),
        ({f"{DEVICE_PATH}/pressure": NOT_FOUND}, {}),
        ({f"{DEVICE_PATH}/motion_events": NOT_FOUND}, {"readings": Verdict.PARTLY}),
        (dict.fromkeys(SENSOR_PATHS, NOT_FOUND), {"readings": Verdict.FAILS, "report": Verdict.FAILS}),
        ({path: {} for path in SENSOR_PATHS}, {"readings": Verdict.UNKNOWN, "report": Verdict.UNKNOWN}),
        (
            {"/homes": MinutServerError("no", status=502)},
            {
                "homes": Verdict.FAILS,
                "events": Verdict.FAILS,
                "page": Verdict.FAILS,
                "report": Verdict.FAILS,
                "set_alarm": Verdict.UNKNOWN,
            },
        ),
    ],
)
def test_features_are_affected_as_the_beliefs_say(changes, expected):
    assert verdicts(changes) == expected


def test_a_verdict_has_its_reasons():
    found = assessed({HOME_PATH: {**HOME, "alarm_status": 5.5}, "/devices": NOT_FOUND})
    assert found["devices"].reasons == ("GET /devices: 404 (MinutNotFoundError)",)
    assert found["heartbeat"].reasons == ("GET /devices/{device_id}: not tried: no device with an ID",)
    assert assessed({HOME_PATH: {**HOME, "alarm_status": []}})["set_alarm"].reasons == (
        "GET /homes/{home_id}: alarm_status or detailed_alarm_status: list instead of text",
    )


def test_beliefs_name_features_that_exist():
    beliefs = [belief for endpoint in ENDPOINTS for belief in (*endpoint.item, *endpoint.around)]
    assert all(isinstance(belief, Belief) for belief in beliefs)
    named = {feature for belief in beliefs for feature in belief.features}
    assert named <= {feature.key for feature in FEATURES}


def test_sensors_are_those_that_an_export_reads_by_default():
    assert REQUESTED == DEFAULT_SENSORS
