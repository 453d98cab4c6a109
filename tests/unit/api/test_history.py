from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import chain

import pytest
from werkzeug import Response

from airflow_provider_minut.api import history
from airflow_provider_minut.api.times import from_text, to_text
from airflow_provider_minut.exceptions import MinutConfigurationError, MinutRequestError

HOME, DEVICE = "64aa0000000000000000b001", "64aa0000000000000000d001"
START = datetime(2026, 6, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def client(make_client, token_endpoint):
    return make_client(page_size=10)


@pytest.fixture
def serve_events(httpserver):
    """Serve events at these moments, newest first; the bounds are inclusive or exclusive."""

    def serve(times, *, inclusive=True, with_paging=True):
        asked = []

        def handler(request):
            asked.append(dict(request.args))
            since, until = (from_text(request.args[name]) for name in ("start_at", "end_at"))
            found = sorted(
                (t for t in times if (since <= t <= until if inclusive else since < t < until)), reverse=True
            )
            offset, limit = int(request.args["offset"]), int(request.args["limit"])
            events = [
                {
                    "event_id": f"e{to_text(t)}",
                    "event_type": "noise_detected",
                    "event_time": to_text(t),
                    "home_id": HOME,
                }
                for t in found
            ]
            paging = {"paging": {"total_count": len(found)}} if with_paging else {}
            return Response(json.dumps({"home_events": events[offset : offset + limit], **paging}))

        httpserver.expect_request(f"/v8/homes/{HOME}/events").respond_with_handler(handler)
        return asked

    return serve


def events(client, start=START, end=START + 60 * MINUTE, **filters):
    return [
        event["event_time"] for event in client.iter_home_events(HOME, start_at=start, end_at=end, **filters)
    ]


@pytest.mark.parametrize("inclusive", [True, False])
@pytest.mark.parametrize("with_paging", [True, False])
def test_start_is_included_and_end_is_not_whatever_the_api_thinks(
    client, serve_events, inclusive, with_paging
):
    times = [START + n * MINUTE for n in range(-5, 70)]
    serve_events(times, inclusive=inclusive, with_paging=with_paging)
    found = events(client)
    assert sorted(found) == times[5:65]
    assert len(found) == 60


def test_filters_are_sent_as_documented(client, serve_events):
    asked = serve_events([])
    events(client, event_types=["noise_detected", "noise_quieted"], guest_ids=["g1", "g2"])
    assert asked == [
        {
            "start_at": "2026-05-31T23:59:59.999Z",
            "end_at": "2026-06-01T01:00:00.001Z",
            "event_type": "noise_detected,noise_quieted",
            "guest_ids": "g1,g2",
            "limit": "10",
            "offset": "0",
        }
    ]


def test_range_with_very_many_events_is_read_in_parts(client, serve_events, monkeypatch):
    monkeypatch.setattr(history, "MAX_EVENTS_AT_ONCE", 20)
    # All in the last quarter of the range, so that parts have to be divided again.
    times = [START + 45 * MINUTE + timedelta(seconds=3 * n) for n in range(300)]
    asked = serve_events(times)
    parts = [
        [event["event_time"] for event in part]
        for part in client.iter_home_event_parts(HOME, start_at=START, end_at=START + 60 * MINUTE)
    ]
    assert sorted(chain.from_iterable(parts)) == times
    assert sum(len(part) for part in parts) == 300
    assert max(len(part) for part in parts) <= 20
    latest = START
    for part in filter(None, parts):
        assert min(part) >= latest
        latest = max(part)
    assert len(asked) < 2.5 * len(times) / 10


def test_many_events_in_one_second_end(client, serve_events, monkeypatch):
    monkeypatch.setattr(history, "MAX_EVENTS_AT_ONCE", 5)
    times = [START + timedelta(milliseconds=n) for n in range(30)]
    serve_events(times)
    assert sorted(events(client)) == times


def test_event_without_a_time_is_not_lost(client, httpserver):
    httpserver.expect_request(f"/v8/homes/{HOME}/events").respond_with_json(
        {"home_events": [{"event_id": "e", "event_time": "soon"}], "paging": {"total_count": 1}}
    )
    assert events(client) == ["soon"]


def test_user_events_are_paged_newest_first(client, httpserver):
    asked = []

    def handler(request):
        asked.append(dict(request.args))
        offset = int(request.args["offset"])
        return Response(
            json.dumps(
                {
                    "events": [
                        {"id": str(n), "type": "t", "created_at": "2026-06-01T00:00:00Z"}
                        for n in range(offset, min(offset + 10, 25))
                    ]
                }
            )
        )

    httpserver.expect_request("/v8/events").respond_with_handler(handler)
    found = list(client.iter_user_events())
    assert [event["id"] for event in found] == [str(n) for n in range(25)]
    assert found[0]["created_at"] == START
    assert asked[0] == {"order": "desc", "limit": "10", "offset": "0"}
    with pytest.raises(MinutConfigurationError, match="order"):
        list(client.iter_user_events(order="newest"))


@pytest.fixture
def serve_readings(httpserver):
    """Serve a value for each interval; a window longer than ``longest`` is refused."""

    def serve(longest=timedelta(days=400), answer=None):
        asked = []

        def handler(request):
            since, until = (from_text(request.args[name]) for name in ("start_at", "end_at"))
            asked.append((since, until))
            if until - since > longest:
                return Response('{"message": "window too long"}', 400)
            step = timedelta(seconds=int(request.args["time_resolution"]))
            values, moment = [], since
            while moment <= until:
                values.append({"datetime": to_text(moment), "value": 21.5, "max": 22})
                moment += step
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


def test_window_that_is_refused_is_halved_and_remembered(client, serve_readings):
    asked = serve_readings(longest=timedelta(days=2))
    assert len(readings(client, timedelta(days=7), time_resolution=3600)) == 168
    readings(client, timedelta(days=1), time_resolution=3600)
    lengths = [(until - since) / timedelta(days=1) for since, until in asked]
    assert lengths == [7, 3.5, 1.75, 1.75, 1.75, 1.75, 1]


def test_request_that_is_refused_at_any_length_is_raised(client, serve_readings):
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
