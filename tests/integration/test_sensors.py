"""Sensors against the sandbox: the same results in a worker, rescheduled, and deferred."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    TaskDeferred,
)

from airflow_provider_minut.exceptions import MinutError
from airflow_provider_minut.polling.async_client import AsyncClient
from airflow_provider_minut.polling.conditions import PollResult
from airflow_provider_minut.sandbox.config import SandboxConfig
from airflow_provider_minut.sandbox.sandbox import Sandbox
from airflow_provider_minut.sensors.minut import MinutHeartbeatSensor, MinutHomeEventSensor
from airflow_provider_minut.triggers import minut as minut_trigger
from airflow_provider_minut.triggers.minut import MinutSensorTrigger

try:
    from airflow.sdk.exceptions import AirflowRescheduleException
except ImportError:  # Airflow 3.1
    from airflow.exceptions import AirflowRescheduleException

HOMES = ["64aa0000000000000000b001", "64aa0000000000000000b002"]
DEVICE = "64aa0000000000000000d001"
MODES = ["poke", "reschedule", "deferrable"]


@pytest.fixture
def sandbox(monkeypatch, tmp_path):
    monkeypatch.setenv("AIRFLOW__MINUT__SHARED_STATE", f"file://{tmp_path}/state")
    with Sandbox(SandboxConfig(rate_limit=False, noisy_periods_per_day=0, late_share=0)) as running:
        extra = {"requests_per_second": 10**6, "requests_per_minute": 10**6, "max_attempts": 1}
        connection = json.dumps({**json.loads(running.connection_json), "extra": extra})
        monkeypatch.setenv("AIRFLOW_CONN_MINUT_DEFAULT", connection)
        yield running


def wait_in(mode, sensor, **arguments):
    """Run a sensor to its end as Airflow does in this mode."""
    began = datetime.now(UTC)
    context = {
        "dag_run": SimpleNamespace(run_after=began - timedelta(minutes=1)),
        "ti": SimpleNamespace(get_first_reschedule_date=lambda _context: began),
    }
    arguments = {"poke_interval": 0.05, "timeout": 20, **arguments}
    arguments |= {"deferrable": True} if mode == "deferrable" else {"mode": mode}
    while True:
        task = sensor(task_id="wait", **arguments)
        try:
            return task.execute(context)
        except AirflowRescheduleException as later:
            time.sleep(max((later.reschedule_date - datetime.now(UTC)).total_seconds(), 0))
        except TaskDeferred as deferred:
            _, kwargs = deferred.trigger.serialize()
            event = asyncio.run(fired(MinutSensorTrigger(**json.loads(json.dumps(kwargs)))))
            return task.resume_execution(deferred.method_name, {"event": event}, context)


async def fired(trigger):
    events = [event async for event in trigger.run()]
    assert len(events) == 1
    return json.loads(json.dumps(events[0].payload))


def later(action, seconds=0.3):
    threading.Timer(seconds, action).start()


def after_second_poll(sandbox, action):
    """Run an action while the sensor sleeps, for example after one poll in a worker and one in the triggerer."""

    def watch():
        while sandbox.stats()["requests"].get("GET /homes/{id}/events", 0) < 2:
            time.sleep(0.01)
        action()

    threading.Thread(target=watch).start()


@pytest.mark.parametrize("mode", MODES)
def test_event_that_is_there_ends_the_wait_at_once(sandbox, mode):
    at = datetime.now(UTC).replace(microsecond=0)
    sandbox.add_event(HOMES[0], at - timedelta(hours=1))  # before the run
    ids = [sandbox.add_event(home, at) for home in HOMES]
    found = wait_in(mode, MinutHomeEventSensor, home_ids=HOMES, event_types=["noise_detected"])
    assert sorted(event["event_id"] for event in found) == sorted(ids)
    assert {event["event_time"] for event in found} == {f"{at:%Y-%m-%dT%H:%M:%S}.000Z"}
    assert sandbox.stats()["token_requests"] == 1


@pytest.mark.parametrize("mode", MODES)
def test_only_the_requested_home_and_type_end_the_wait(sandbox, mode):
    sandbox.add_event(HOMES[1], datetime.now(UTC), "noise_quieted")
    sandbox.add_event(HOMES[0], datetime.now(UTC), "noise_detected")
    later(lambda: sandbox.add_event(HOMES[0], datetime.now(UTC), "noise_quieted"))
    found = wait_in(mode, MinutHomeEventSensor, home_ids=HOMES[:1], event_types=["noise_quieted"])
    assert [(e["home_id"], e["event_type"]) for e in found] == [(HOMES[0], "noise_quieted")]


@pytest.mark.parametrize("mode", MODES)
def test_last_poll_is_at_the_deadline(sandbox, mode):
    began = time.monotonic()
    with pytest.raises(AirflowSensorTimeout):
        wait_in(mode, MinutHomeEventSensor, home_ids=HOMES[:1], timeout=2, poke_interval=60)
    assert 2 <= time.monotonic() - began < 20
    assert sandbox.stats()["requests"]["GET /homes/{id}/events"] == 2


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("option", ["soft_fail", "never_fail"])
def test_after_the_deadline_it_is_skipped_if_the_user_wants_that(sandbox, mode, option):
    with pytest.raises(AirflowSkipException):
        wait_in(mode, MinutHomeEventSensor, home_ids=HOMES[:1], timeout=0.2, **{option: True})


@pytest.mark.parametrize("mode", MODES)
def test_secret_that_stops_working_while_it_waits_fails_without_retries(sandbox, mode):
    def rotate():
        sandbox.rotate_secret()
        sandbox.revoke_tokens()

    later(rotate)
    with pytest.raises(AirflowFailException, match="Minut rejected the client credentials") as caught:
        wait_in(mode, MinutHomeEventSensor, home_ids=HOMES[:1])
    assert sandbox.client_secret not in str(caught.value)


@pytest.mark.parametrize("mode", MODES)
def test_secret_that_is_replaced_in_the_connection_too_is_no_error(sandbox, monkeypatch, mode):
    def rotate():
        sandbox.rotate_secret()
        monkeypatch.setenv("AIRFLOW_CONN_MINUT_DEFAULT", sandbox.connection_json)
        sandbox.revoke_tokens()
        sandbox.add_event(HOMES[0], datetime.now(UTC))

    after_second_poll(sandbox, rotate)
    assert wait_in(mode, MinutHomeEventSensor, home_ids=HOMES[:1], poke_interval=0.5)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("options", "error"),
    [({}, MinutError), ({"soft_fail": True}, MinutError), ({"never_fail": True}, AirflowSkipException)],
)
def test_temporary_error_is_left_to_retries(sandbox, mode, options, error):
    def break_down():
        sandbox._state.faults._rate = 1.0

    later(break_down)
    with pytest.raises(error):
        wait_in(mode, MinutHomeEventSensor, home_ids=HOMES[:1], **options)


@pytest.mark.parametrize("mode", MODES)
def test_silent_fail_goes_on_after_errors(sandbox, mode):
    sandbox._state.faults._rate = 1.0

    def repair():
        sandbox._state.faults._rate = 0.0
        sandbox.add_event(HOMES[0], datetime.now(UTC))

    later(repair)
    assert len(wait_in(mode, MinutHomeEventSensor, home_ids=HOMES[:1], silent_fail=True)) == 1


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("sensor", "arguments", "field"),
    [
        (MinutHomeEventSensor, {"home_ids": []}, "home_ids"),
        (MinutHomeEventSensor, {"home_ids": HOMES[0]}, "home_ids"),
        (MinutHomeEventSensor, {"home_ids": HOMES, "since": "2026-06-01T00:00:00"}, "since"),
        (MinutHomeEventSensor, {"home_ids": ["../users/me"]}, "home_id"),
        (MinutHeartbeatSensor, {"device_id": DEVICE, "after": "yesterday"}, "after"),
    ],
)
def test_invalid_argument_is_named_and_sends_no_request(sandbox, mode, sensor, arguments, field):
    with pytest.raises(AirflowFailException, match=f"^{field}: "):
        wait_in(mode, sensor, **arguments)
    assert sandbox.stats()["requests"] == {}


def device(sandbox):
    return sandbox._state.world.device(1)


@pytest.mark.parametrize("mode", MODES)
def test_device_that_has_reported_ends_the_wait_at_once(sandbox, mode):
    known = device(sandbox)
    reported = known["latest_sensor_values"]["temperature"]["time"]
    after = datetime.fromisoformat(reported) - timedelta(seconds=1)
    found = wait_in(mode, MinutHeartbeatSensor, device_id=DEVICE, after=after.isoformat())
    assert found == {
        "device_id": DEVICE,
        "reported_at": reported,
        "next_heartbeat_at": known["next_heartbeat_at"],
    }
    assert sandbox.stats()["requests"]["GET /devices/{id}"] == 1


@pytest.mark.parametrize("mode", MODES)
def test_device_that_cannot_check_in_before_the_deadline_is_polled_once(sandbox, monkeypatch, mode):
    original = sandbox._state.world.device
    following = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    monkeypatch.setattr(
        sandbox._state.world, "device", lambda n: original(n) | {"next_heartbeat_at": following}
    )
    with pytest.raises(AirflowSensorTimeout, match="next check-in at"):
        wait_in(mode, MinutHeartbeatSensor, device_id=DEVICE, timeout=1800)
    assert sandbox.stats()["requests"]["GET /devices/{id}"] == 1


@pytest.mark.parametrize("mode", MODES)
def test_device_is_not_polled_before_it_checks_in(sandbox, monkeypatch, mode):
    polls = []
    original = sandbox._state.world.device

    def as_if(number):
        polls.append(datetime.now(UTC))
        following = polls[0] + timedelta(seconds=0.7)
        values = {"sound": {"time": polls[-1].isoformat(), "value": 40.0}} if polls[-1] > following else {}
        times = {"next_heartbeat_at": following.isoformat(), "last_heard_from_at": None}
        return original(number) | times | {"latest_sensor_values": values}

    monkeypatch.setattr(sandbox._state.world, "device", as_if)
    found = wait_in(mode, MinutHeartbeatSensor, device_id=DEVICE, poke_interval=0.01)
    assert found["reported_at"] is not None
    assert len(polls) == 2
    assert polls[1] >= polls[0] + timedelta(seconds=0.7)


def test_triggers_of_a_connection_share_a_client_and_send_one_request_at_a_time(sandbox, monkeypatch):
    opened, at_once, most = [], [], []
    call = AsyncClient.call

    async def counted(self, function):
        opened.append(self)
        at_once.append(None)
        most.append(len(at_once))
        try:
            return await call(self, function)
        finally:
            at_once.pop()

    monkeypatch.setattr(AsyncClient, "call", counted)
    now = datetime.now(UTC)
    kwargs = {
        "condition": "home_event",
        "arguments": {"home_ids": HOMES[:1], "event_types": [], "since": now.isoformat()},
        "not_before": now.isoformat(),
        "deadline": (now + timedelta(seconds=30)).isoformat(),
        "poke_interval": 0.1,
        "silent_fail": False,
        "minut_conn_id": "minut_default",
    }
    later(lambda: sandbox.add_event(HOMES[0], datetime.now(UTC)), 1)

    async def scenario():
        return await asyncio.gather(*(fired(MinutSensorTrigger(**kwargs)) for _ in range(30)))

    events = asyncio.run(scenario())
    assert {event["status"] for event in events} == {"success"}
    assert len(set(map(id, opened))) == 1
    assert max(most) == 1
    assert sandbox.stats()["token_requests"] == 1


def test_trigger_without_a_response_times_out_at_its_deadline(sandbox, monkeypatch):
    monkeypatch.setattr(minut_trigger, "LAST_POLL_GRACE_SECONDS", 0.1)

    async def scenario():
        now = datetime.now(UTC)
        trigger = MinutSensorTrigger(
            condition="heartbeat",
            arguments={"device_id": DEVICE, "after": now.isoformat()},
            not_before=now.isoformat(),
            deadline=(now + timedelta(seconds=0.2)).isoformat(),
            poke_interval=1,
            silent_fail=False,
            minut_conn_id="minut_default",
        )
        async with AsyncClient.of("minut_default").request_lock:  # another trigger's request never ends
            return await fired(trigger)

    event = asyncio.run(scenario())
    assert event["status"] == "timeout"
    assert set(event) == {"status", "message", "result"}


NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("not_before", "deadline", "expected"),
    [
        (None, 60, 1),  # after the interval
        (None, 0.5, 0.5),  # at the deadline, if that is sooner
        (None, 0, None),  # it was the last poll
        (30, 60, 30),  # not before a result is possible
        (-30, 60, 1),  # late: after the interval
        (90, 60, None),  # not in time
    ],
)
def test_next_poll(not_before, deadline, expected):
    polled = PollResult(note="", not_before=None if not_before is None else NOON + not_before * MINUTE)
    found = polled.next_at(NOON, MINUTE, NOON + deadline * MINUTE)
    assert found == (None if expected is None else NOON + expected * MINUTE)
