"""Readings in a time range, whatever window the API accepts."""

from __future__ import annotations

import json
import logging
import threading
from datetime import UTC, datetime, timedelta

import pytest
from werkzeug import Response

from airflow_provider_minut.api.overlap import read_ahead
from airflow_provider_minut.api.times import from_text, to_text
from airflow_provider_minut.exceptions import MinutConfigurationError, MinutRequestError, MinutResponseError

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
    found = readings(client, timedelta(days=75), time_resolution=3600)
    assert [reading["time"] for reading in found] == [START + timedelta(hours=n) for n in range(1800)]
    assert found[0] == {"time": START, "value": 21.5, "max": 22}
    assert [until - since for since, until in asked] == [timedelta(days=31)] * 2 + [timedelta(days=13)]


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
    assert client.max_window == timedelta(days=31)


def test_threads_whose_ranges_are_rejected_together_try_shorter_ones_once(client, serve_readings, httpserver):
    """Each of them alone would be rejected five times."""
    at_once, rejected = threading.Barrier(4), []

    def handler(request):
        since, until = (from_text(request.args[name]) for name in ("start_at", "end_at"))
        if until - since == timedelta(days=31):
            at_once.wait(30)
        if until - since > timedelta(days=1):
            rejected.append(until - since)
            return Response('{"message": "window too long"}', 400)
        times = [since + timedelta(hours=n) for n in range((until - since) // timedelta(hours=1))]
        return Response(json.dumps({"values": [{"datetime": to_text(time), "value": 1} for time in times]}))

    httpserver.expect_request(f"/v8/devices/{DEVICE}/temperature").respond_with_handler(handler)
    windows = [START + number * timedelta(days=31) for number in range(4)]

    def read(start):
        end = start + timedelta(days=31)
        return client.iter_readings(DEVICE, "temperature", start_at=start, end_at=end, time_resolution=3600)

    found = [row["time"] for _, rows in read_ahead(windows, read, max_in_flight=4) for row in rows]
    assert found == sorted(set(found))
    assert (found[0], found[-1]) == (START, START + timedelta(days=124, minutes=-75))
    halves = [timedelta(days=31) / 2**number for number in range(1, 5)]
    assert sorted(rejected) == sorted([timedelta(days=31)] * 4 + halves)
    assert client.max_window == timedelta(days=31) / 32


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


@pytest.fixture
def serve_values(serve):
    """Serve these values of the history, whatever range is requested."""
    return lambda values, **more: serve(
        "GET", f"/devices/{DEVICE}/temperature", {"values": values, "time_resolution": 300, **more}
    )


SECONDS = int(START.timestamp())
SEEN = {
    "text": {"datetime": "2026-06-01T00:00:00.000Z", "value": 3},
    "text without fraction": {"datetime": "2026-06-01T00:00:00Z", "value": 3},
    "older name": {"time": "2026-06-01T00:00:00.000Z", "value": 3},
    "seconds": {"datetime": SECONDS, "value": 3},
    "milliseconds": {"datetime": SECONDS * 1000, "value": 3},
    "pair": [SECONDS, 3],
    "pair of milliseconds": [SECONDS * 1000, 3],
    "pair with text": ["2026-06-01T00:00:00.000Z", 3],
    "seconds as text": [str(SECONDS), "3"],
    "value as text": {"datetime": SECONDS, "value": " 3 "},
    "null as the documented name": {"datetime": None, "time": SECONDS, "value": 3},
}


@pytest.mark.parametrize("item", SEEN.values(), ids=SEEN)
def test_reading_is_read_in_every_shape_that_was_seen(client, serve_values, item):
    serve_values([item])
    assert readings(client, 12 * MINUTE) == [{"time": START, "value": 3}]
    assert client.rejected_count == 0


def test_shapes_may_be_mixed_and_what_cannot_be_read_is_counted(client, serve_values, caplog):
    unreadable = [
        None,
        5,
        "text",
        [],
        [SECONDS],
        [SECONDS, 1, 2],
        {"value": 3},
        {"datetime": "soon", "value": 1},
    ]
    unreadable += [{"datetime": True, "value": 1}, {"datetime": 1776247200 * 10**6, "value": 1}]
    serve_values([*unreadable, [SECONDS + 300, 5], {"datetime": SECONDS, "value": 3, "max": 4}])
    assert readings(client, 12 * MINUTE) == [
        {"time": START, "value": 3, "max": 4},
        {"time": START + 5 * MINUTE, "value": 5},
    ]
    assert client.rejected_count == len(unreadable)
    assert 'Its shape: {"datetime": "text", "value": "integer"}' in caplog.text
    assert "soon" not in caplog.text
    caplog.clear()
    readings(client, 12 * MINUTE)
    assert "Its shape" not in caplog.text, "each shape is logged once"


@pytest.mark.parametrize("sent", ["n/a", "unknown", [5], {"a": 1}, True])
def test_value_that_is_no_number_is_kept_beside_the_reading(client, serve_values, sent):
    serve_values([[SECONDS, sent], [SECONDS + 300, None]])
    assert readings(client, 12 * MINUTE) == [
        {"time": START, "value": None, "additional_fields": {"value": sent}},
        {"time": START + 5 * MINUTE, "value": None},
    ]


@pytest.mark.parametrize("values", [[1, None], [None, 1], [None, 1, None], [2, 1]])
def test_of_two_readings_at_one_time_that_with_a_value_counts(client, serve_values, values):
    serve_values([[SECONDS, value] for value in values])
    assert readings(client, 12 * MINUTE) == [{"time": START, "value": 1}]


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {},
        [],
        {"values": None},
        {"values": []},
        {"unit": "", "time_resolution": 300},
        {"unit": "", "brand_new": 5, "list": []},
    ],
)
def test_answer_without_readings_is_nothing(client, serve, answer):
    serve("GET", f"/devices/{DEVICE}/temperature", answer)
    assert readings(client, 12 * MINUTE) == []
    assert client.rejected_count == 0


@pytest.mark.parametrize(
    "answer",
    [
        "ok",
        5,
        {"values": 5},
        {"values": {"a": 1}},
        {"values": [{"when": SECONDS, "value": 1}] * 3},
        {"values": [None]},
        {"data": [[SECONDS, 1]]},
        {"message": "Internal error", "error_key": "internal"},
        {"error": "server_error"},
        {"message": "maintenance", "error_key": "x", "values": [], "more": 1},
        {"user_id": "64aa"},
    ],
)
def test_answer_of_which_nothing_can_be_read_is_an_error(client, serve, answer):
    serve("GET", f"/devices/{DEVICE}/temperature", answer)
    with pytest.raises(MinutResponseError):
        readings(client, 12 * MINUTE)


@pytest.mark.parametrize("kept", ["oldest", "newest"])
@pytest.mark.parametrize("limit", [30, 77, 1024, 2000])
def test_answer_that_is_cut_is_completed(client, httpserver, caplog, limit, kept):
    """Whether the API has a limit, and which readings it would keep, is not documented."""
    caplog.set_level(logging.INFO)
    asked = []

    def handler(request):
        since, until = (from_text(request.args[name]) for name in ("start_at", "end_at"))
        asked.append(since)
        times = [since + number * 5 * MINUTE for number in range((until - since) // (5 * MINUTE))]
        times = times[:limit] if kept == "oldest" else times[-limit:]
        return Response(json.dumps({"values": [{"datetime": to_text(time), "value": 1} for time in times]}))

    httpserver.expect_request(f"/v8/devices/{DEVICE}/temperature").respond_with_handler(handler)
    found = readings(client, timedelta(days=14))
    assert [reading["time"] for reading in found] == [START + number * 5 * MINUTE for number in range(4032)]
    assert len(asked) <= 4032 // limit + 2
    assert f"Minut returned only {limit} of the requested readings in one response" in caplog.text


def test_device_that_is_offline_costs_few_requests_more(client, httpserver):
    """Each history ends early, because the device has not uploaded the rest; none of them is cut."""
    asked = []

    def handler(request):
        since = from_text(request.args["start_at"])
        asked.append(since)
        last = START + timedelta(days=1, minutes=len(asked) % 7)
        times = [START + number * 5 * MINUTE for number in range(300)]
        values = [{"datetime": to_text(time), "value": 1} for time in times if since <= time < last]
        return Response(json.dumps({"values": values}))

    httpserver.expect_request(f"/v8/devices/{DEVICE}/temperature").respond_with_handler(handler)
    for _ in range(50):
        assert len(readings(client, timedelta(days=3))) in {288, 289, 290}
    assert len(asked) <= 50 + 6


def test_null_fill_is_requested_as_the_api_writes_booleans(client, serve_values, httpserver):
    asked = serve_values([])
    readings(client, 12 * MINUTE, null_fill=True, include_min_max=True)
    assert (asked[0].args["null_fill"], asked[0].args["include_min_max"]) == ("true", "true")
    readings(client, 12 * MINUTE)
    assert asked[1].args.keys() == {"start_at", "end_at", "time_resolution"}
