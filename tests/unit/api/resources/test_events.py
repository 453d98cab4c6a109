"""Events in a time range, and events of the user."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import chain

import pytest
from werkzeug import Response

from airflow_provider_minut.api.resources import base
from airflow_provider_minut.api.resources import events as event_resource
from airflow_provider_minut.api.times import from_text, to_text
from airflow_provider_minut.exceptions import MinutConfigurationError

HOME, DEVICE = "64aa0000000000000000b001", "64aa0000000000000000d001"
START = datetime(2026, 6, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def client(make_client, token_endpoint, monkeypatch):
    monkeypatch.setattr(base, "PAGE_SIZE", 10)
    return make_client()


@pytest.fixture
def serve_events(httpserver):
    """Serve events at these times, newest first; the bounds are inclusive or exclusive."""

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
    events(client, event_types=["noise_detected", "noise_quieted"])
    assert asked == [
        {
            "start_at": "2026-05-31T23:59:59.999Z",
            "end_at": "2026-06-01T01:00:00.001Z",
            "event_type": "noise_detected,noise_quieted",
            "limit": "10",
            "offset": "0",
        }
    ]


def test_range_with_very_many_events_is_read_in_parts(client, serve_events, monkeypatch):
    monkeypatch.setattr(event_resource, "MAX_EVENTS_AT_ONCE", 20)
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
    monkeypatch.setattr(event_resource, "MAX_EVENTS_AT_ONCE", 5)
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
