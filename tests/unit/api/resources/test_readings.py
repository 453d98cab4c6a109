"""Readings in a time range, whatever window the API accepts."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from werkzeug import Response

from airflow_provider_minut.api.times import from_text, to_text
from airflow_provider_minut.exceptions import MinutConfigurationError, MinutRequestError

HOME, DEVICE = "64aa0000000000000000b001", "64aa0000000000000000d001"
START = datetime(2026, 6, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def client(make_client, token_endpoint):
    return make_client()


@pytest.fixture
def serve_readings(httpserver):
    """Serve a value for each interval; a window longer than ``longest`` is rejected."""

    def serve(longest=timedelta(days=400), answer=None):
        asked = []

        def handler(request):
            since, until = (from_text(request.args[name]) for name in ("start_at", "end_at"))
            asked.append((since, until))
            if until - since > longest:
                return Response('{"message": "window too long"}', 400)
            step = timedelta(seconds=int(request.args["time_resolution"]))
            values, at = [], since
            while at <= until:
                values.append({"datetime": to_text(at), "value": 21.5, "max": 22})
                at += step
            return Response(
                json.dumps(answer if answer is not None else {"unit": "celsius", "values": values})
            )

        httpserver.expect_request(f"/v8/devices/{DEVICE}/temperature").respond_with_handler(handler)
        return asked

    return serve


def readings(client, length, **options):
    return list(client.iter_readings(DEVICE, "temperature", start_at=START, end_at=START + length, **options))


def test_readings_come_once_and_oldest_first_over_window_edges(client, serve_readings):
    asked = serve_readings()
    found = readings(client, timedelta(days=20), time_resolution=3600)
    assert [reading["time"] for reading in found] == [START + timedelta(hours=n) for n in range(480)]
    assert found[0] == {"time": START, "value": 21.5, "max": 22}
    assert [until - since for since, until in asked] == [timedelta(days=7)] * 2 + [timedelta(days=6)]


def test_window_that_is_rejected_is_halved_and_remembered(client, serve_readings):
    asked = serve_readings(longest=timedelta(days=2))
    assert len(readings(client, timedelta(days=7), time_resolution=3600)) == 168
    readings(client, timedelta(days=1), time_resolution=3600)
    lengths = [(until - since) / timedelta(days=1) for since, until in asked]
    assert lengths == [7, 3.5, 1.75, 1.75, 1.75, 1.75, 1]


def test_request_that_is_rejected_at_any_length_is_raised(client, serve_readings):
    asked = serve_readings(longest=timedelta(0))
    with pytest.raises(MinutRequestError, match="window too long"):
        readings(client, timedelta(days=7))
    assert len(asked) < 12
    assert client.max_window == timedelta(days=7)


@pytest.mark.parametrize("answer", [{}, {"values": None}, {"values": []}])
def test_no_values_are_no_readings(client, serve_readings, answer):
    serve_readings(answer=answer)
    assert readings(client, timedelta(days=1)) == []


@pytest.mark.parametrize("name", ["start_at", "end_at"])
def test_naive_times_are_errors(client, httpserver, name):
    times = {"start_at": START, "end_at": START + MINUTE, name: datetime(2026, 6, 1)}  # noqa: DTZ001
    with pytest.raises(MinutConfigurationError, match=name):
        list(client.iter_home_events(HOME, **times))
    with pytest.raises(MinutConfigurationError, match=name):
        list(client.iter_readings(DEVICE, "temperature", **times))
    assert httpserver.log == []
