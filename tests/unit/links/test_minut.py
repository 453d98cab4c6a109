"""The link from a task to Minut's web app, as the worker makes it and as the UI gets it."""

from __future__ import annotations

import json

import pytest
from airflow.sdk import DAG, BaseOperatorLink

from airflow_provider_minut.get_provider_info import get_provider_info
from airflow_provider_minut.links.minut import WEB_APP, MinutWebAppLink
from airflow_provider_minut.operators.minut import MinutSetAlarmOperator, MinutUpdateDeviceOperator
from airflow_provider_minut.sensors.minut import MinutHeartbeatSensor, MinutHomeEventSensor
from airflow_provider_minut.transfers.minut_to_object_storage import MinutToObjectStorageOperator

HOME, DEVICE = "64aa0000000000000000b001", "64aa0000000000000000c001"


def link_of(operator):
    (link,) = operator.operator_extra_links
    return link.get_link(operator, ti_key=None)


@pytest.fixture
def addresses(monkeypatch):
    monkeypatch.setenv("AIRFLOW__MINUT__WEB_APP_HOME_URL", "https://minut.example/homes/{home_id}?tab=noise")
    monkeypatch.setenv("AIRFLOW__MINUT__WEB_APP_DEVICE_URL", "https://minut.example/devices/{device_id}")


def transfer(**arguments):
    return MinutToObjectStorageOperator(task_id="t", dataset="readings", path="/x", **arguments)


@pytest.mark.parametrize(
    ("operator", "page"),
    [
        (MinutSetAlarmOperator(task_id="t", home_id=HOME, alarm_status="on"), f"homes/{HOME}?tab=noise"),
        (MinutUpdateDeviceOperator(task_id="t", device_id=DEVICE), f"devices/{DEVICE}"),
        (MinutHeartbeatSensor(task_id="t", device_id=DEVICE), f"devices/{DEVICE}"),
        (MinutHomeEventSensor(task_id="t", home_ids=[HOME]), f"homes/{HOME}?tab=noise"),
        (transfer(home_ids=[HOME]), f"homes/{HOME}?tab=noise"),
        (transfer(home_ids=[HOME], device_ids=[DEVICE]), f"devices/{DEVICE}"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else value,
)
def test_task_about_one_thing_leads_to_its_page(addresses, operator, page):
    assert link_of(operator) == f"https://minut.example/{page}"


def test_without_a_known_address_it_is_the_front_page():
    assert link_of(MinutUpdateDeviceOperator(task_id="t", device_id=DEVICE)) == WEB_APP


@pytest.mark.parametrize(
    "operator",
    [
        transfer(),
        transfer(home_ids=[HOME, "64aa0000000000000000b002"]),
        MinutUpdateDeviceOperator(task_id="t", device_id="{{ params.device }}"),
        MinutUpdateDeviceOperator(task_id="t", device_id="../../logout?x="),
        MinutHomeEventSensor(task_id="t", home_ids="{{ ti.xcom_pull('homes') }}"),
        MinutHomeEventSensor(task_id="t", home_ids=[None]),
    ],
    ids=["all", "several", "not rendered", "no id", "list not rendered", "nothing"],
)
def test_what_is_not_about_one_thing_has_no_link(addresses, operator):
    assert link_of(operator) == ""


def test_link_survives_the_way_through_the_database_of_dags():
    """What the API server reads has the link's name, and the key under which the worker stores it."""
    try:
        from airflow.serialization.serialized_objects import DagSerialization as Serialization
    except ImportError:
        from airflow.serialization.serialized_objects import SerializedDAG as Serialization

    with DAG("d", schedule=None) as dag:
        MinutSetAlarmOperator(task_id="alone", home_id=HOME, alarm_status="on")
        MinutSetAlarmOperator.partial(task_id="mapped", alarm_status="on").expand(home_id=[HOME])
        MinutHomeEventSensor(task_id="sensor", home_ids=[HOME])
    read = Serialization.from_dict(json.loads(json.dumps(Serialization.to_dict(dag))))
    for task_id in ("alone", "mapped", "sensor"):
        task = read.get_task(task_id)
        assert [(link.name, link.xcom_key) for link in task.operator_extra_links] == [
            ("Minut web app", "_link_MinutWebAppLink")
        ]
        assert "Minut web app" in task.extra_links


def test_provider_info_lists_all_links():
    listed = get_provider_info()["extra-links"]
    classes = [MinutWebAppLink]
    assert listed == [f"{c.__module__}.{c.__name__}" for c in classes]
    assert set(BaseOperatorLink.__subclasses__()) >= set(classes)
