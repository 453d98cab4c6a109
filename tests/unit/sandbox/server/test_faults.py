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
    """A sandbox that fails as it is told, whichever HTTP implementation and event loop uvicorn finds."""
    for name in request.param:
        pytest.importorskip(name)
    config = running.server_config
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "server_config", lambda state: with_parts(config(state), *request.param))
        with serve(StillClock()) as asked:

            def fail(kind):
                following = itertools.chain([kind], itertools.repeat(None))
                patch.setattr(asked.sandbox._state.faults, "next", lambda: next(following))

            asked.fail = fail
            yield asked


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
    reply = faulty.ask("GET", "/users/me")
    assert (reply.status_code, reply.headers.get("Content-Type")) == (status, content_type)
    assert faulty.get("/users/me")
    after = faulty.sandbox.stats()
    assert counted(before["faults"], after["faults"]) == {kind: 1}
    assert counted(before["statuses"], after["statuses"]) == {"200": 1, str(status): 1}


def test_connection_is_reset_before_any_byte(faulty, caplog):
    before = faulty.sandbox.stats()
    faulty.fail("reset")
    with pytest.raises(requests.ConnectionError) as error:
        faulty.ask("GET", "/users/me")
    assert "ConnectionResetError" in str(error.value)
    assert faulty.get("/users/me")
    after = faulty.sandbox.stats()
    assert counted(before["faults"], after["faults"]) == {"reset": 1}
    assert counted(before["requests"], after["requests"]) == {"GET /users/me": 2}
    assert counted(before["statuses"], after["statuses"]) == {"200": 1}
    assert not caplog.records


@pytest.mark.parametrize("path", ["/users/me", "/homes", "/webhooks"])
def test_body_is_cut_in_the_middle(faulty, path, caplog):
    whole = faulty.ask("GET", path)
    faulty.fail("truncated")
    reply = faulty.session.get(faulty.sandbox.base_url + path, stream=True, timeout=5)
    assert reply.status_code == 200
    assert reply.headers["Content-Length"] == whole.headers["Content-Length"]
    assert reply.raw.read(1) == b"{"
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        reply.content  # noqa: B018 - reads it
    assert faulty.get(path) == whole.json()
    assert not caplog.records


@pytest.mark.parametrize("kind", KINDS)
def test_write_that_fails_did_not_happen(faulty, kind):
    before = faulty.get(f"/homes/{HOME}")
    faulty.fail(kind)
    try:
        status = faulty.ask("PUT", f"/homes/{HOME}", json={"alarm_status": "on"}).status_code
    except requests.RequestException:
        status = None
    assert status == (int(kind) if kind.isdigit() else None)
    assert faulty.get(f"/homes/{HOME}") == before


def test_refusal_by_fault_takes_nothing_from_the_rate_limit(api):
    asked = api(fault_rate=1)
    asked.sandbox._state.faults.next = lambda: "429"
    for _ in range(5):
        assert asked.ask("GET", "/users/me").status_code == 429
    assert asked.sandbox.stats()["max_in_60s"] == 0


def test_tokens_are_never_faulty_and_bad_tokens_are_refused_as_ever(api):
    asked = api(fault_rate=1)
    again = Api(asked.sandbox, requests.Session())
    again.session.headers["Authorization"] = "Bearer x"
    assert again.error("GET", "/users/me", 401)
    again.session.close()
    assert asked.sandbox.stats()["faults"] == {}


def test_faults_are_as_many_as_asked_for_of_every_kind_and_the_same_again():
    def drawn(seed, rate=0.2):
        faults = Faults(seed, rate)
        return [faults.next() for _ in range(5_000)]

    kinds = [kind for kind in drawn(1) if kind]
    assert len(kinds) == pytest.approx(1_000, rel=0.1)
    assert {kinds.count(kind) > 150 for kind in KINDS} == {True}
    assert drawn(1) == drawn(1) != drawn(2)
    assert set(drawn(1, 0)) == {None}
    assert None not in drawn(1, 1)


def test_faults_leave_the_chance_of_others_alone():
    random.seed(1)
    expected = random.random()
    random.seed(1)
    Faults(0, 0.5).next()
    assert random.random() == expected
