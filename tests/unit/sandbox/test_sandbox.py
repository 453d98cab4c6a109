"""A sandbox in the calling process: its controls, and no side effects on the process."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading

import pytest
import requests
import uvicorn

from airflow_provider_minut.sandbox.sandbox import Sandbox, listen

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
