"""Every method of MinutClient against the sandbox, over a real socket."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_minut.api.auth.credentials import ClientCredentials
from airflow_provider_minut.api.client import MinutClient
from airflow_provider_minut.api.resources.readings import SENSORS
from airflow_provider_minut.api.resources.thresholds import quiet_hours_of, reactions_of
from airflow_provider_minut.api.settings import ClientSettings
from airflow_provider_minut.exceptions import MinutNotFoundError, MinutRequestError
from airflow_provider_minut.sandbox.config import SandboxConfig
from airflow_provider_minut.sandbox.sandbox import Sandbox

NOW = datetime.now(UTC)


@pytest.fixture(scope="module", params=["seen", "sparse"])
def sandbox(request):
    config = SandboxConfig(homes=2, devices=3, rate_limit=False, shape=request.param, noisy_periods_per_day=4)
    with Sandbox(config) as running:
        yield running


@pytest.fixture(scope="module")
def client(sandbox):
    credentials = ClientCredentials(sandbox.client_id, sandbox.client_secret)
    with MinutClient(credentials, ClientSettings(base_url=sandbox.base_url)) as client:
        yield client


@pytest.fixture
def home_id(client):
    return next(client.iter_homes())["home_id"]


@pytest.fixture
def device_id(client):
    return next(client.iter_devices())["device_id"]


def test_user(client):
    assert client.get_current_user()["user_id"] == client.validate_credentials()["user_id"]


def test_homes(client, home_id):
    homes = list(client.iter_homes())
    assert len(homes) == 2
    assert client.get_home(home_id) == homes[0]
    assert client.update_home(home_id, {"name": "By the sea"})["name"] == "By the sea"
    with pytest.raises(MinutNotFoundError):
        client.get_home("64aa0000000000000000ffff")


def test_alarm(client, sandbox, home_id):
    client.set_alarm(home_id, "on", silent_alarm=True)
    if sandbox._state.config.shape != "sparse":
        assert client.get_home(home_id)["alarm_status"] == "on"
        assert client.get_home(home_id)["silent_alarm"] is True


def test_devices(client, sandbox, device_id):
    devices = list(client.iter_devices())
    assert len(devices) == 3
    assert client.get_device(device_id)["device_id"] == device_id
    reaction = {
        "type": "sound_level_high_quiet_hours",
        "notifications": [],
        "value": 60,
        "duration_seconds": 300,
    }
    quiet = {"enabled": True, "start": "22:00", "end": "07:00"}
    client.update_device(device_id, reactions=[reaction], quiet_hours=quiet)
    if sandbox._state.config.shape != "sparse":
        device = client.get_device(device_id)
        assert [r["type"] for r in reactions_of(device)] == ["sound_level_high", reaction["type"]]
        assert quiet_hours_of(device) == quiet


@pytest.mark.parametrize("sensor", SENSORS)
def test_readings(client, device_id, sensor):
    start, end = NOW - timedelta(hours=6), NOW - timedelta(hours=3)
    readings = list(client.iter_readings(device_id, sensor, start_at=start, end_at=end))
    times = [reading["time"] for reading in readings]
    assert times == sorted(set(times))
    assert all(start <= at < end for at in times)
    assert readings


def test_home_events(client, home_id):
    times = {"start_at": NOW - timedelta(days=7), "end_at": NOW}
    events = list(client.iter_home_events(home_id, **times))
    assert events
    detected = list(client.iter_home_events(home_id, event_types=["noise_detected"], **times))
    assert {event["event_type"] for event in detected} == {"noise_detected"}
    assert [e for e in events if e["event_type"] == "noise_detected"] == detected
    with pytest.raises(MinutRequestError, match="event_type: String should match pattern"):
        list(client.iter_home_events(home_id, event_types=["noise_imagined"], **times))


def test_user_events(client):
    events = list(client.iter_user_events())
    assert events
    assert {event["type"] for event in events} <= {"disturbance_first_notice", "disturbance_ended"}
    times = [event["created_at"] for event in events]
    assert times == sorted(times, reverse=True)


def test_webhooks(client):
    hook = client.create_webhook("https://airflow.example.com/minut/webhooks/x", ["*"], token="echo")
    listed = list(client.iter_webhooks())
    assert [one["hook_id"] for one in listed] == [hook["hook_id"]]
    assert hook["hook_secret"]
    assert "hook_secret" not in listed[0]
    client.delete_webhook(hook["hook_id"])
    assert list(client.iter_webhooks()) == []
    with pytest.raises(MinutRequestError, match="wildcard"):
        client.create_webhook("https://airflow.example.com/x", ["*", "battery_low"])
