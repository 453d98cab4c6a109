"""Each kind of fault looks on the wire as it does in production."""

from __future__ import annotations

import itertools
import random

import pytest
import requests
import uvicorn

from airflow_provider_minut.sandbox import sandbox as running
from airflow_provider_minut.sandbox.server.faults import KINDS, Faults
from tests.unit.sandbox.support import HOME, Api, StillClock, serve


@pytest.fixture(scope="module", params=[("h11", "asyncio"), ("httptools", "uvloop")], ids=" ".join)
def faulty(request):
    """A sandbox that fails on demand, for each HTTP implementation and event loop of uvicorn."""
    for name in request.param:
        pytest.importorskip(name)
    config = running.server_config
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "server_config", lambda state: with_parts(config(state), *request.param))
        with serve(StillClock()) as client:

            def fail(kind):
                following = itertools.chain([kind], itertools.repeat(None))
                patch.setattr(client.sandbox._state.faults, "next", lambda: next(following))

            client.fail = fail
            yield client


def counted(before, after):
    """Return by how much each counter has grown."""
    return {name: count - before.get(name, 0) for name, count in after.items() if count != before.get(name)}


def with_parts(config, http, loop):
    return uvicorn.Config(config.app, http=http, loop=loop, log_config=None, access_log=False, lifespan="off")


@pytest.mark.parametrize(
    ("kind", "status", "content_type"),
    [("429", 429, "application/json"), ("502", 502, "text/html; charset=utf-8"), ("504", 504, None)],
)
def test_answers_instead_of_the_real_one(faulty, kind, status, content_type):
    before = faulty.sandbox.stats()
    faulty.fail(kind)
    response = faulty.request("GET", "/users/me")
    assert (response.status_code, response.headers.get("Content-Type")) == (status, content_type)
    assert faulty.get("/users/me")
    after = faulty.sandbox.stats()
    assert counted(before["faults"], after["faults"]) == {kind: 1}
    assert counted(before["statuses"], after["statuses"]) == {"200": 1, str(status): 1}


def test_connection_is_reset_before_any_byte(faulty, caplog):
    before = faulty.sandbox.stats()
    faulty.fail("reset")
    with pytest.raises(requests.ConnectionError) as error:
        faulty.request("GET", "/users/me")
    assert "ConnectionResetError" in str(error.value)
    assert faulty.get("/users/me")
    after = faulty.sandbox.stats()
    assert counted(before["faults"], after["faults"]) == {"reset": 1}
    assert counted(before["requests"], after["requests"]) == {"GET /users/me": 2}
    assert counted(before["statuses"], after["statuses"]) == {"200": 1}
    assert not caplog.records


@pytest.mark.parametrize("path", ["/users/me", "/homes", "/webhooks"])
def test_body_is_cut_in_the_middle(faulty, path, caplog):
    whole = faulty.request("GET", path)
    faulty.fail("truncated")
    response = faulty.session.get(faulty.sandbox.base_url + path, stream=True, timeout=5)
    assert response.status_code == 200
    assert response.headers["Content-Length"] == whole.headers["Content-Length"]
    assert response.raw.read(1) == b"{"
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        response.content  # noqa: B018 - reads it
    assert faulty.get(path) == whole.json()
    assert not caplog.records


@pytest.mark.parametrize("kind", KINDS)
def test_write_that_fails_is_not_processed(faulty, kind):
    before = faulty.get(f"/homes/{HOME}")
    faulty.fail(kind)
    try:
        status = faulty.request("PUT", f"/homes/{HOME}", json={"alarm_status": "on"}).status_code
    except requests.RequestException:
        status = None
    assert status == (int(kind) if kind.isdigit() else None)
    assert faulty.get(f"/homes/{HOME}") == before


def test_injected_429_does_not_count_towards_the_rate_limit(api):
    client = api(fault_rate=1)
    client.sandbox._state.faults.next = lambda: "429"
    for _ in range(5):
        assert client.request("GET", "/users/me").status_code == 429
    assert client.sandbox.stats()["max_in_60s"] == 0


def test_faults_affect_neither_token_requests_nor_invalid_tokens(api):
    client = api(fault_rate=1)
    again = Api(client.sandbox, requests.Session())
    again.session.headers["Authorization"] = "Bearer x"
    assert again.error("GET", "/users/me", 401)
    again.session.close()
    assert client.sandbox.stats()["faults"] == {}


def test_faults_have_the_requested_rate_and_are_reproducible():
    def drawn(seed, rate=0.2):
        faults = Faults(seed, rate)
        return [faults.next() for _ in range(5_000)]

    kinds = [kind for kind in drawn(1) if kind]
    assert len(kinds) == pytest.approx(1_000, rel=0.1)
    assert {kinds.count(kind) > 150 for kind in KINDS} == {True}
    assert drawn(1) == drawn(1) != drawn(2)
    assert set(drawn(1, 0)) == {None}
    assert None not in drawn(1, 1)


def test_faults_do_not_affect_the_global_random_state():
    random.seed(1)
    expected = random.random()
    random.seed(1)
    Faults(0, 0.5).next()
    assert random.random() == expected
