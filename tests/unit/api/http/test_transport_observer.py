"""What a client reports to its observer."""

from __future__ import annotations

import pytest

from airflow_provider_minut.exceptions import MinutConnectionError, MinutRateLimitError
from tests.unit.api.http.servers import ok, serve, status


@pytest.fixture
def seen():
    return []


@pytest.fixture
def observe(seen):
    return lambda what, value, kind: seen.append((what, value, kind))


def test_retry_after_429_and_the_pause_for_it_are_observed(
    make_client, httpserver, token_endpoint, observe, seen, clock
):
    serve(httpserver, status(429, Retry_After="7"), ok())
    make_client(observe=observe).request("GET", "/x")
    request = {"method": "GET", "status": "429"}
    assert [entry for entry in seen if entry[0] != "rate_limit_wait"] == [
        ("token_requests", 1, {"method": "POST", "status": "200"}),
        ("requests", 1, request),
        ("rate_limited", 1, {}),
        ("retries", 1, {}),
        ("requests", 1, request | {"status": "200"}),
    ]


def test_delay_by_the_rate_limiter_is_observed_in_seconds(
    make_client, httpserver, token_endpoint, observe, seen, clock
):
    serve(httpserver, ok(), ok())
    client = make_client(observe=observe, requests_per_minute=1, deadline=120.0)
    client.request("GET", "/x")
    assert "rate_limit_wait" not in {what for what, *_ in seen}
    client.request("GET", "/x")
    assert [value for what, value, _ in seen if what == "rate_limit_wait"] == [pytest.approx(60.25)]


def test_request_that_is_not_sent_is_not_counted(make_client, httpserver, token_endpoint, observe, seen):
    serve(httpserver, ok())
    client = make_client(observe=observe, requests_per_minute=1, deadline=5.0)
    client.request("GET", "/x")
    with pytest.raises(MinutRateLimitError):
        client.request("GET", "/x")
    assert [what for what, *_ in seen] == ["token_requests", "requests"]


def test_attempt_without_an_answer_has_no_status(make_client, observe, seen):
    client = make_client(observe=observe, base_url="http://127.0.0.1:9/v8", max_attempts=1)
    with pytest.raises(MinutConnectionError):
        client.request("GET", "/x")
    assert seen == [("token_requests", 1, {"method": "POST", "status": "none"})]


def test_observer_that_fails_fails_no_request(make_client, httpserver, token_endpoint):
    def fail(*_):
        raise RuntimeError

    serve(httpserver, ok())
    assert make_client(observe=fail).request("GET", "/x") == {"ok": True}
