"""Snapshots of an account: few requests, shared by all pages, and none while tasks need the rate limit."""

from __future__ import annotations

import json
import threading
from itertools import pairwise

import pytest
from werkzeug import Response

from airflow_provider_minut.api.shared_state.file import MAX_ENTRY_BYTES, FileState
from airflow_provider_minut.api.shared_state.memory import MemoryState
from airflow_provider_minut.status_page.account import (
    MAX_SNAPSHOT_BYTES,
    MAX_SNAPSHOT_REQUESTS,
    SECONDS_PER_REQUEST,
    Account,
    _device,
    _snapshot,
)
from tests.conftest import CLIENT_SECRET

HOUR = 3600.0


@pytest.fixture
def sent(httpserver, clock):
    """The times of all requests, token requests included."""
    return []


@pytest.fixture
def serve(httpserver, clock, sent):
    """Serve the API: each path returns its list, page by page."""

    def serve(homes=2, devices=3, *, lifetime=3600, token_status=200, api_status=lambda number: 200):
        lists = {
            "homes": [{"home_id": f"h{n}", "name": f"Home {n}"} for n in range(homes)],
            "devices": [{"device_id": f"d{n}", "home": f"h{n % homes}"} for n in range(devices)],
        }

        def token(_request):
            sent.append(clock.time())
            body = {"access_token": f"t{len(sent)}", "expires_in": lifetime}
            return Response(json.dumps(body if token_status == 200 else {}), token_status)

        def answer(request):
            sent.append(clock.time())
            name = request.path.rpartition("/")[2]
            offset = int(request.args.get("offset", 0))
            limit = int(request.args.get("limit", devices))
            body = {name: lists[name][offset : offset + limit], "paging": {"total_count": len(lists[name])}}
            return Response(json.dumps(body), api_status(len(sent)))

        httpserver.clear()
        httpserver.expect_request("/v8/oauth/token").respond_with_handler(token)
        for name in lists:
            httpserver.expect_request(f"/v8/{name}").respond_with_handler(answer)

    return serve


@pytest.fixture
def make_account(make_client, clock):
    def make(state=None, **settings):
        once = {"max_attempts": 1, "deadline": 15.0, "requests_per_minute": 120, "requests_per_second": 20}
        return Account(make_client(state=state, **{**once, **settings}), clock)

    return make


def poll(accounts, clock, hours, every=15.0):
    """Poll accounts in turn, as open pages do."""
    until = clock.time() + hours * HOUR
    number = 0
    while clock.time() < until:
        account = accounts[number % len(accounts)]
        if account.is_due(account.cached()):
            account.read()
        clock.advance(every)
        number += 1


def most_in_an_hour(times):
    return max(sum(start <= t < start + HOUR for t in times) for start in times)


@pytest.mark.parametrize(
    "account_of",
    [
        {},
        {"homes": 900},
        {"homes": 5_000, "devices": 2_000},
        {"lifetime": 1},  # each token expires at once
        {"token_status": 401},
        {"token_status": 500},
        {"api_status": lambda _number: 401},
        {"api_status": lambda _number: 500},
        {"api_status": lambda _number: 429},
        {"api_status": lambda number: 401 if number % 3 else 200, "homes": 900},
    ],
)
def test_open_pages_make_at_most_sixty_requests_an_hour(serve, sent, make_account, clock, account_of):
    """Token requests included, for any number of pages and API servers, and any response."""
    serve(**account_of)
    state = MemoryState()
    poll([make_account(state) for _ in range(3)], clock, hours=2.5)
    assert most_in_an_hour(sent) <= 60
    assert len(sent) > 60  # it goes on


def test_concurrent_pages_read_one_snapshot(serve, sent, make_account, tmp_path):
    serve()
    accounts = [make_account(FileState(tmp_path / "state", fallback=MemoryState())) for _ in range(8)]
    together = threading.Barrier(8)

    def read(account):
        together.wait()
        account.read()

    threads = [threading.Thread(target=read, args=(account,)) for account in accounts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sent) == 3  # token, devices, homes
    assert {account.cached().read_at for account in accounts} == {sent[0]}


def test_delay_is_proportional_to_the_requests_of_the_last_snapshot(serve, sent, make_account, clock):
    serve(homes=250)
    account = make_account()
    account.read()
    assert len(sent) == 5  # token, devices, three pages of homes
    clock.advance(5 * SECONDS_PER_REQUEST - 0.1)
    account.read()
    assert len(sent) == 5
    clock.advance(0.2)
    account.read()
    assert len(sent) == 9


def test_large_account_is_read_in_part_and_marked_incomplete(serve, sent, make_account):
    serve(homes=5_000)
    account = make_account()
    account.read()
    snapshot = account.cached()
    assert len(sent) <= MAX_SNAPSHOT_REQUESTS
    assert not snapshot.complete
    assert snapshot.problem == ""
    assert snapshot.counts["homes"] == 7 * 99 + 1


def test_process_killed_while_reading_is_not_followed_at_once(serve, sent, make_account, clock):
    serve()
    state = MemoryState()
    one = make_account(state)

    class KilledError(BaseException):
        pass

    def die(*_arguments, **_options):
        raise KilledError

    one.client.request = die
    with pytest.raises(KilledError):
        one.read()
    other = make_account(state)
    assert not other.is_due(other.cached())
    clock.advance(SECONDS_PER_REQUEST)
    assert other.is_due(other.cached())


def test_clock_that_was_set_back_does_not_stop_it(serve, make_account, clock):
    serve()
    account = make_account()
    account.read()
    clock.now -= 86_400
    assert account.is_due(account.cached())


@pytest.mark.parametrize("use", ["most", "waiting", "paused"])
def test_tasks_come_first(serve, sent, make_account, clock, use):
    serve()
    account = make_account()
    account.read()
    clock.advance(HOUR / 4)
    rate_limiter = account.client._rate_limiter
    if use == "paused":
        rate_limiter.pause(20)
    else:
        for _ in range(96 if use == "most" else 21):
            rate_limiter._reserve("GET /x", 300)
            clock.advance(0.1 if use == "most" else 0)
    before = account.cached()
    sent.clear()
    account.read()
    after = account.cached()
    assert sent == []
    assert after.problem == "Homes and devices were not read: tasks are using most of the rate limit."
    assert (after.devices, after.read_at, after.rejected) == (before.devices, before.read_at, False)
    assert after.next_at == clock.time() + SECONDS_PER_REQUEST


def test_problem_is_reported_and_the_last_snapshot_stays(serve, make_account, clock):
    serve()
    account = make_account()
    account.read()
    known = account.cached()
    serve(api_status=lambda _number: 503)
    clock.advance(HOUR / 4)
    account.read()
    assert "503" in account.cached().problem
    assert account.cached().devices == known.devices
    assert account.cached().read_at == known.read_at
    serve()
    clock.advance(HOUR / 4)
    account.read()
    assert account.cached().problem == ""


def test_rejected_credentials_are_reported_as_such(serve, make_account):
    serve(token_status=401)
    account = make_account()
    account.read()
    assert account.cached().rejected
    assert "Minut rejected the client credentials" in account.cached().problem


def test_snapshot_is_encrypted_and_other_credentials_find_nothing(serve, make_account, clock):
    serve()
    state = MemoryState()
    account = make_account(state)
    account.read()
    assert account.cached().counts["homes"] == 2
    stored = b"".join(state._entries.values())
    for readable in (b"Home", b"next_at", CLIENT_SECRET.encode()):
        assert readable not in stored
    assert make_account(state, base_url="http://127.0.0.1:9/v8").cached().read_at == 0


def test_homes_and_devices_with_problems_come_first():
    devices = [
        {"device_id": "a", "home": "h", "offline": False, "battery": {"percent": 90}},
        {"device_id": "b", "home": "h", "offline": False, "battery": {"percent": 20}},
        {"device_id": "c", "home": "h", "offline": True, "battery": {"percent": 21}},
        {"device_id": "d", "home": "elsewhere"},
    ]
    snapshot = _snapshot([{"home_id": "g", "name": "A"}, {"home_id": "h", "name": "B"}], devices, True)
    assert [(d["name"], d["home"], d["offline"], d["battery"], d["low"]) for d in snapshot.devices] == [
        ("c", "B", True, 21, False),
        ("b", "B", False, 20, True),
        ("a", "B", False, 90, False),
        ("d", "elsewhere", None, None, False),
    ]
    assert [dict(home) for home in snapshot.homes] == [
        {"name": "B", "devices": 3, "offline": 1},
        {"name": "A", "devices": 0, "offline": 0},
    ]
    assert snapshot.counts == {"homes": 2, "devices": 4, "offline": 1, "low": 1}


@pytest.mark.parametrize(
    "device",
    [
        {},
        {"device_id": [7], "home": [], "description": {}, "battery": "full", "offline": "no"},
        {"battery": {"percent": None}, "last_heard_from_at": "yesterday", "home": None},
        {"battery": {"percent": -1}},
        {"battery": {"percent": float("nan")}},
    ],
)
def test_missing_and_invalid_fields_are_unknown(device):
    home, row = _device(device, {})
    assert home is None
    assert row == {
        "name": "unknown",
        "home": "unknown",
        "heard": None,
        "battery": None,
        "low": False,
        "offline": None,
    }


def test_long_names_are_cut():
    row = _device({"description": "x" * 1_000}, {})[1]
    assert row["name"] == "x" * 80


def test_snapshot_of_a_huge_account_fits_into_a_shared_file(make_account, tmp_path):
    state = FileState(tmp_path / "state", fallback=MemoryState())
    account = make_account(state)
    import random

    generator = random.Random(3)
    devices = [
        {"device_id": f"{generator.getrandbits(320):080x}", "home": f"{generator.getrandbits(320):080x}"}
        for _ in range(3_000)
    ]
    account._store(_snapshot([], devices, True))
    assert max(path.stat().st_size for path in (tmp_path / "state").iterdir()) < MAX_ENTRY_BYTES
    assert MAX_SNAPSHOT_BYTES < MAX_ENTRY_BYTES * 3 / 4
    found = account.cached()
    assert 100 < len(found.devices) < 1_000
    assert found.counts["devices"] == 3_000


def test_snapshots_are_never_closer_than_their_requests_allow(serve, sent, make_account, clock):
    serve(lifetime=24 * 3600)  # no refresh in the background, which the clock would overtake
    account = make_account()
    poll([account], clock, hours=2, every=3.0)
    readings = sorted(set(sent))
    assert min(later - earlier for earlier, later in pairwise(readings)) >= 2 * SECONDS_PER_REQUEST
