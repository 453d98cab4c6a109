"""A sandbox in the calling process: its controls, and no side effects on the process."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from datetime import datetime, timedelta

import pytest
import requests
import uvicorn

from airflow_provider_minut.sandbox.config import OfflinePeriod, SandboxConfig
from airflow_provider_minut.sandbox.sandbox import Sandbox, listen
from tests.unit.sandbox.support import DEVICE, StillClock, from_ms, iso, serve, to_ms

FORM = {"grant_type": "client_credentials", "response_type": "token"}


@pytest.fixture
def sandbox():
    with Sandbox() as running:
        yield running


def request_token(sandbox, secret=None):
    user = (sandbox.client_id, secret or sandbox.client_secret)
    return requests.post(f"{sandbox.base_url}/oauth/token", data=FORM, auth=user, timeout=5)


def user_status(sandbox, token):
    header = {"Authorization": f"Bearer {token}"}
    return requests.get(f"{sandbox.base_url}/users/me", headers=header, timeout=5).status_code


def is_listening(base_url):
    port = int(base_url.removesuffix("/v8").rpartition(":")[2])
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def sandbox_threads():
    return [thread for thread in threading.enumerate() if thread.name == "minut-sandbox"]


def test_rotated_secret_replaces_the_old_one_at_once(sandbox):
    old = sandbox.client_secret
    assert request_token(sandbox, old).status_code == 200
    new = sandbox.rotate_secret()
    assert request_token(sandbox, old).status_code == 401
    assert request_token(sandbox, new).status_code == 200


def test_revoked_tokens_are_rejected_and_new_ones_are_not(sandbox):
    token = request_token(sandbox).json()["access_token"]
    assert user_status(sandbox, token) == 200
    sandbox.revoke_tokens()
    assert user_status(sandbox, token) == 401
    assert user_status(sandbox, request_token(sandbox).json()["access_token"]) == 200


def test_lifetime_can_be_changed_for_the_tokens_to_come(sandbox):
    sandbox.set_token_lifetime(2.5)
    assert request_token(sandbox).json()["expires_in"] == 2.5


def test_two_sandboxes_run_side_by_side(sandbox):
    with Sandbox() as other:
        assert other.base_url != sandbox.base_url
        assert request_token(other).status_code == request_token(sandbox).status_code == 200


def test_nothing_runs_or_listens_after_the_context():
    with Sandbox() as sandbox, requests.Session() as kept_alive:
        kept_alive.get(f"{sandbox.base_url}/users/me", timeout=5)
    assert not is_listening(sandbox.base_url)
    assert not sandbox_threads()


def test_failed_start_is_an_error_and_leaves_nothing_behind(monkeypatch):
    monkeypatch.setattr(uvicorn.Server, "run", lambda *_args, **_kwargs: None)
    sandbox = Sandbox()
    with pytest.raises(RuntimeError, match="did not start"):
        sandbox.__enter__()
    assert not is_listening(sandbox.base_url)
    assert not sandbox_threads()


def test_answers_are_not_held_back_for_an_acknowledgement():
    """Tests the asyncio event loop, which needs help; uvicorn may choose another one."""

    async def accepted_without_delay():
        accepted = asyncio.get_running_loop().create_future()
        server = await asyncio.start_server(lambda _, writer: accepted.set_result(writer), sock=listen(0))
        async with server:
            _, client = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer = await accepted
            option = writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            client.close()
            writer.close()
        return option

    assert asyncio.run(accepted_without_delay())


def test_log_files_of_the_process_go_on(tmp_path):
    """Like the handler of ``pytest --log-file``: in mode ``w``, in which a closed handler never reopens its file."""
    handler = logging.FileHandler(tmp_path / "log.txt", mode="w")
    logger = logging.getLogger("of-a-user")
    logger.addHandler(handler)
    try:
        with Sandbox():
            logger.warning("while it runs")
    finally:
        logger.removeHandler(handler)
        handler.close()
    assert "while it runs" in (tmp_path / "log.txt").read_text()


def history(client, start, end):
    window = {"start_at": start.isoformat(), "end_at": end.isoformat(), "time_resolution": 300}
    values = client.get(f"/devices/{DEVICE}/humidity", **window)["values"]
    return {datetime.fromisoformat(value["datetime"]): value["value"] for value in values}


def test_device_that_is_set_offline_uploads_later_what_it_measured():
    clock = StillClock()
    start = from_ms(clock.ms)
    with serve(clock, upload_order="newest_first", uploads_per_check_in=8, late_share=0) as client:
        heard = client.get(f"/devices/{DEVICE}")["last_heard_from_at"]
        client.sandbox.set_offline(DEVICE, start, start + timedelta(hours=20))
        clock.now += 20 * 3600
        device = client.get(f"/devices/{DEVICE}")
        assert (device["offline"], device["last_heard_from_at"]) == (True, heard)
        assert device["latest_sensor_values"]["sound"]["time"] <= heard
        assert history(client, start, start + timedelta(hours=20)) == {}
        measured = client.sandbox.measurements(DEVICE, "humidity", start, start + timedelta(hours=20))
        assert len(measured) == 240
        counts = []
        for _ in range(4):
            clock.now = to_ms(client.get(f"/devices/{DEVICE}")["next_heartbeat_at"]) / 1000
            device = client.get(f"/devices/{DEVICE}")
            assert (device["offline"], to_ms(device["last_heard_from_at"])) == (False, clock.ms)
            assert clock.ms - 10_000 < to_ms(device["latest_sensor_values"]["sound"]["time"]) <= clock.ms
            counts.append(len(history(client, start, start + timedelta(hours=20))))
        assert 0 < counts[0] < counts[1] < counts[2] == counts[3] == 240
        assert history(client, start, start + timedelta(hours=20)) == measured


def test_latest_values_are_the_newest_that_are_uploaded():
    clock = StillClock()
    start = from_ms(clock.ms)
    with serve(clock, upload_order="oldest_first", late_share=0) as client:
        client.sandbox.set_offline(DEVICE, start, start + timedelta(hours=96))
        clock.now += 97 * 3600
        known = history(client, start, from_ms(clock.ms))
        latest = client.get(f"/devices/{DEVICE}")["latest_sensor_values"]["humidity"]["time"]
        assert max(known) <= datetime.fromisoformat(latest) < max(known) + timedelta(minutes=5)
        assert max(known) < start + timedelta(hours=14)


def test_offline_periods_can_be_configured():
    clock = StillClock()
    start = from_ms(clock.ms)
    gone, back = start - timedelta(days=2), start - timedelta(days=1)
    offline = OfflinePeriod(device_id=DEVICE, start=gone, end=back, measures=False)
    with serve(clock, offline=(offline,)) as client:
        assert history(client, gone, back) == {}
        assert client.sandbox.measurements(DEVICE, "humidity", gone, back) == {}
        assert len(history(client, gone - timedelta(hours=1), gone)) == 12
        window = {"start_at": iso(clock.ms - 86_400_000), "time_resolution": 3600, "null_fill": True}
        assert len(client.get(f"/devices/{DEVICE}/humidity", **window)["values"]) == 24


@pytest.mark.parametrize(
    ("device", "start", "hours", "reason"),
    [
        ("x", "2026-06-01T00:00:00Z", 1, "^device_id: "),
        (DEVICE, "2026-06-01T00:00:00", 1, "time zone is missing"),
        (DEVICE, "2026-06-01T00:00:00Z", 0, "^start: must be "),
        (DEVICE, "2019-12-31T23:00:00Z", 9, "^start: must be "),
    ],
)
def test_invalid_offline_period_is_an_error(sandbox, device, start, hours, reason):
    start = datetime.fromisoformat(start)
    end = start + timedelta(hours=hours)
    with pytest.raises(ValueError, match=reason):
        sandbox.set_offline(device, start, end)
    period = OfflinePeriod(device_id=device, start=start, end=end)
    with pytest.raises(ValueError, match=reason):
        Sandbox(SandboxConfig(offline=(period,)))


def test_measurements_of_an_unknown_sensor_are_an_error(sandbox):
    now = from_ms(1_800_000_000_000)
    with pytest.raises(ValueError, match=r"^sensor: must be one of sound_level, .*: co2"):
        sandbox.measurements(DEVICE, "co2", now, now)


@pytest.mark.parametrize(("name", "value"), [("upload_order", "x"), ("uploads_per_check_in", 1.9)])
def test_impossible_upload_is_an_error(name, value):
    with pytest.raises(ValueError, match=f"^{name}: must be "):
        SandboxConfig(**{name: value})
