"""No more requests are in flight than the client may have, whatever the number of threads."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from werkzeug import Response

from airflow_provider_minut.api.clock import SYSTEM_CLOCK
from airflow_provider_minut.api.overlap import read_ahead
from airflow_provider_minut.api.shared_state.memory import MemoryState
from airflow_provider_minut.exceptions import MinutConfigurationError, MinutRateLimitError
from tests.conftest import FakeClock

SECONDS = 30  # a wait that ends only if something is broken
USER = '{"user_id": "u"}'


@pytest.fixture
def serve_user(httpserver, token_endpoint):
    def serve(handler):
        httpserver.expect_request("/v8/users/me").respond_with_handler(handler)

    return serve


def test_threads_share_the_requests_in_flight(make_client, serve_user):
    barrier, lock, running, most = threading.Barrier(3), threading.Lock(), [], []

    def handler(_request):
        with lock:
            running.append(1)
            most.append(len(running))
        barrier.wait(SECONDS)
        with lock:
            running.pop()
        barrier.wait(SECONDS)
        return Response(USER)

    serve_user(handler)
    client = make_client(max_in_flight=3)
    client.get_access_token()
    with ThreadPoolExecutor(12) as threads:
        assert list(threads.map(lambda _: client.get_current_user()["user_id"], range(12))) == ["u"] * 12
    assert max(most) == 3
    assert client.request_count == 12


def test_token_request_is_not_counted(make_client, serve_user):
    """It would wait for the request that needs it."""
    serve_user(lambda _: Response(USER))
    assert make_client(max_in_flight=1).get_current_user()["user_id"] == "u"


def test_request_that_others_keep_out_until_its_deadline_is_an_error(make_client, serve_user):
    began, go_on = threading.Event(), threading.Event()

    def handler(_request):
        began.set()
        assert go_on.wait(SECONDS)
        return Response(USER)

    serve_user(handler)
    client = make_client(max_in_flight=1, clock=SYSTEM_CLOCK, deadline=60.0)
    with ThreadPoolExecutor(1) as thread:
        other = thread.submit(client.get_current_user)
        assert began.wait(SECONDS)
        client._transport.settings = type(client.settings)(base_url=client.settings.base_url, deadline=0.05)
        with pytest.raises(MinutRateLimitError, match="1 other request of this client was in flight"):
            client.get_current_user()
        go_on.set()
        other.result(SECONDS)
    assert client.request_count == 1


def test_error_gives_its_permit_back(make_client, serve_user):
    serve_user(lambda _: Response("{}", 404))
    client = make_client(max_in_flight=1)
    for _ in range(3):
        with pytest.raises(Exception, match="returned 404"):
            client.get_current_user()


def test_request_that_waits_for_the_rate_limiter_is_not_sent_when_the_consumer_stops(
    make_client, serve_user, httpserver
):
    class Held(FakeClock):
        """Sleeps until it is let go."""

        sleeping, go_on = threading.Event(), threading.Event()

        def sleep(self, _seconds):
            self.sleeping.set()
            assert self.go_on.wait(SECONDS)

    serve_user(lambda _: Response(USER))
    client = make_client(clock=Held(), requests_per_minute=1, state=MemoryState())
    results = read_ahead(range(5), lambda _: [client.get_current_user()], max_in_flight=2)
    _, rows = next(results)
    assert list(rows) == [{"user_id": "u"}]
    assert Held.sleeping.wait(SECONDS)
    results.close()
    Held.go_on.set()
    for thread in threading.enumerate():
        if thread.name == "minut-reader":
            thread.join(SECONDS)
    assert client.request_count == 1
    assert [request.path for request, _ in httpserver.log].count("/v8/users/me") == 1


def test_pages_of_a_list_are_requested_at_once(make_client, httpserver, token_endpoint):
    barrier, lengths = threading.Barrier(2), []

    def handler(request):
        offset = int(request.args["offset"])
        if offset:
            barrier.wait(SECONDS)
        homes = [{"home_id": f"b{number:03}"} for number in range(298)][offset : offset + 100]
        lengths.append(len(homes))
        return Response(json.dumps({"homes": homes, "paging": {"total_count": 298}}))

    httpserver.expect_request("/v8/homes").respond_with_handler(handler)
    client = make_client(max_in_flight=2)
    assert [home["home_id"] for home in client.iter_homes()] == [f"b{number:03}" for number in range(298)]
    assert lengths == [100, 100, 100]


@pytest.mark.parametrize("value", [0, -8, 2.0, "8", True])
def test_invalid_number_in_flight_names_the_argument(make_client, value):
    with pytest.raises(MinutConfigurationError, match="^max_in_flight: "):
        make_client(max_in_flight=value)


def test_without_a_maximum_there_are_no_threads(make_client, serve_user):
    serve_user(lambda _: Response(USER))
    client = make_client(max_in_flight=None)
    assert client.max_in_flight == 1
    assert client.get_current_user()["user_id"] == "u"
