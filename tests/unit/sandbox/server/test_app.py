"""Tokens, errors and rate limits of the sandbox, as strict as what is known of Minut."""

from __future__ import annotations

import base64

import pytest
import requests

from airflow_provider_minut.sandbox.config import SandboxConfig
from airflow_provider_minut.sandbox.sandbox import Sandbox
from airflow_provider_minut.sandbox.server.state import SandboxState
from tests.conftest import CLIENT_ID, CLIENT_SECRET

FORM = {"grant_type": "client_credentials", "response_type": "token"}


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(SandboxConfig(client_id=CLIENT_ID, client_secret=CLIENT_SECRET)) as running:
        yield running


def request_token(sandbox, form=FORM, user=(CLIENT_ID, CLIENT_SECRET), method="POST", **kwargs):
    kwargs = {"auth": user, "timeout": 5, "data": form, **kwargs}
    return requests.request(method, f"{sandbox.base_url}/oauth/token", **kwargs)


def request_user(sandbox, authorization):
    headers = {"Authorization": authorization} if authorization else {}
    return requests.get(f"{sandbox.base_url}/users/me", headers=headers, timeout=5)


def test_documented_request_returns_a_valid_token(sandbox):
    response = request_token(sandbox)
    token = response.json()
    assert response.headers["Cache-Control"] == "no-store"
    assert (token["token_type"], token["expires_in"]) == ("Bearer", 3600)
    assert token["access_token"].count(".") == 2
    assert request_user(sandbox, f"Bearer {token['access_token']}").json()["user_id"]


CREDENTIALS = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}


@pytest.mark.parametrize(
    "change",
    [
        {"form": {"grant_type": "client_credentials"}},
        {"form": {"grant_type": "client_credentials", **CREDENTIALS}, "user": None},
        {"form": {**FORM, **CREDENTIALS}, "user": None},
    ],
)
def test_other_forms_that_clients_were_seen_to_send_are_accepted(sandbox, change):
    token = request_token(sandbox, **change).json()["access_token"]
    assert request_user(sandbox, f"Bearer {token}").json()["user_id"]


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"method": "GET"}, 405, None),
        ({"form": {**FORM, "grant_type": "password"}}, 400, "unsupported_grant_type"),
        ({"form": {**FORM, "response_type": "code"}}, 400, "invalid_request"),
        ({"form": {**FORM, "response_type": ""}}, 400, "invalid_request"),
        ({"form": {**FORM, "client_id": CLIENT_ID}}, 400, "invalid_request"),
        ({"form": {**FORM, **CREDENTIALS}}, 400, "invalid_request"),
        ({"form": {**FORM, "client_id": CLIENT_ID}, "user": None}, 401, "invalid_client"),
        ({"form": {**FORM, "client_secret": CLIENT_SECRET}, "user": None}, 401, "invalid_client"),
        ({"form": {**FORM, **CREDENTIALS, "client_secret": "wrong"}, "user": None}, 401, "invalid_client"),
        ({"form": [*FORM.items(), ("grant_type", "client_credentials")]}, 400, "invalid_request"),
        ({"form": None, "json": FORM}, 400, "invalid_request"),
        ({"form": {**FORM, "x": "y" * 70_000}}, 413, None),
        ({"user": (CLIENT_ID, "wrong")}, 401, "invalid_client"),
        ({"user": ("wrong", CLIENT_SECRET)}, 401, "invalid_client"),
        ({"user": None}, 401, "invalid_client"),
        ({"user": None, "headers": {"Authorization": "Basic ?"}}, 401, "invalid_client"),
        (
            {"user": None, "headers": {"Authorization": "Basic " + base64.b64encode(b"nocolon").decode()}},
            401,
            "invalid_client",
        ),
    ],
)
def test_any_other_token_request_is_rejected(sandbox, change, status, error):
    response = request_token(sandbox, **change)
    assert (response.status_code, response.json().get("error")) == (status, error)
    assert CLIENT_SECRET not in response.text
    if status == 401:
        assert response.headers["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize("authorization", [None, "Bearer", "Bearer x", "Bearer a.b.c", "Basic YTpi"])
def test_other_tokens_are_rejected(sandbox, authorization):
    response = request_user(sandbox, authorization)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


def test_token_of_another_sandbox_is_rejected(sandbox):
    with Sandbox() as other:
        token = request_token(other, user=(other.client_id, other.client_secret)).json()["access_token"]
    assert request_user(sandbox, f"Bearer {token}").status_code == 401


def test_long_form_is_rejected_even_without_a_content_length(sandbox):
    chunks = (b"x" * 1_000 for _ in range(70))
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert request_token(sandbox, form=chunks, headers=form).status_code == 413


def test_other_method_returns_the_allowed_one(sandbox):
    assert request_token(sandbox, method="GET").headers["Allow"] == "POST"


def test_path_with_a_slash_at_its_end_is_another_path(sandbox):
    header = {"Authorization": f"Bearer {request_token(sandbox).json()['access_token']}"}
    url = f"{sandbox.base_url}/users/me/"
    assert requests.get(url, headers=header, timeout=5, allow_redirects=False).status_code == 404


def test_unknown_path_and_bad_query_answer_as_json(sandbox):
    header = {"Authorization": f"Bearer {request_token(sandbox).json()['access_token']}"}
    unknown = requests.get(f"{sandbox.base_url}/nothing", headers=header, timeout=5)
    assert (unknown.status_code, unknown.json()["message"]) == (404, "Not Found")
    bad = requests.get(f"{sandbox.base_url}/homes?limit=1000", headers=header, timeout=5)
    assert (bad.status_code, bad.json()["message"].startswith("limit: ")) == (400, True)


def test_stats_count_requests_and_statuses(sandbox):
    before = sandbox.stats()
    token = request_token(sandbox).json()["access_token"]
    request_user(sandbox, f"Bearer {token}")
    requests.post(sandbox.base_url.removesuffix("/v8") + "/_sandbox/revoke", timeout=5)
    request_user(sandbox, f"Bearer {token}")
    after = requests.get(sandbox.base_url.removesuffix("/v8") + "/_sandbox/stats", timeout=5).json()
    assert after["token_requests"] == before["token_requests"] + 1
    assert after["requests"]["GET /users/me"] == before["requests"].get("GET /users/me", 0) + 2
    assert after["statuses"]["401"] == before["statuses"].get("401", 0) + 1


class Clock:
    now = 1_800_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def state(clock, **config):
    return SandboxState(SandboxConfig(**config), clock=clock)


def test_tokens_expire_to_the_fraction_of_a_second(clock):
    sandbox = state(clock, token_lifetime=1.5)
    token = sandbox.issue_token()
    clock.now += 1.4
    assert sandbox.is_valid(token)
    clock.now += 0.1
    assert not sandbox.is_valid(token)


def test_requests_are_delayed_after_20_and_rejected_after_50_in_a_second(clock):
    sandbox = state(clock)
    delays = [sandbox.admit() for _ in range(51)]
    assert delays[:20] == [0] * 20
    assert delays[20:50] == pytest.approx([0.05 * n for n in range(1, 31)])
    assert delays[50] is None
    clock.now += 1
    assert sandbox.admit() == 0


def test_requests_are_rejected_after_120_in_a_minute(clock):
    sandbox = state(clock)
    admitted = []
    for _ in range(13):
        admitted += [sandbox.admit() for _ in range(10)]
        clock.now += 1
    assert admitted[:120] == [0] * 120
    assert admitted[120:] == [None] * 10
    clock.now += 60
    assert sandbox.admit() == 0
    assert sandbox.stats()["max_in_60s"] == 130


def test_rate_limit_can_be_switched_off(clock):
    sandbox = state(clock, rate_limit=False)
    assert {sandbox.admit() for _ in range(500)} == {0}


def test_no_representation_shows_the_secret(sandbox):
    assert CLIENT_SECRET not in repr(sandbox) + repr(SandboxConfig(client_secret=CLIENT_SECRET))
