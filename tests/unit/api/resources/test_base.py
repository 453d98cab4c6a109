"""Pages of a size that is rejected, objects without an ID, invalid IDs."""

from __future__ import annotations

import pytest
from werkzeug import Response

from airflow_provider_minut.exceptions import MinutConfigurationError, MinutRequestError, MinutResponseError

HOME = "64aa0000000000000000b001"


def test_page_size_that_is_rejected_becomes_the_documented_one(client, httpserver):
    asked = []

    def handler(request):
        asked.append(request.args["limit"])
        if int(request.args["limit"]) > 50:
            return Response('{"message": "limit must be at most 50"}', 400)
        return Response('{"homes": [], "paging": {"total_count": 0}}')

    httpserver.expect_request("/v8/homes").respond_with_handler(handler)
    for _ in range(2):
        assert list(client.iter_homes()) == []
    assert asked == ["100", "30", "30"]


def test_rejection_for_another_reason_is_raised_and_changes_no_page_size(client, serve):
    asked = serve("GET", "/homes", {"message": "go away"}, 400)
    for _ in range(2):
        with pytest.raises(MinutRequestError, match="go away"):
            list(client.iter_homes())
    assert [request.args["limit"] for request in asked] == ["100", "30", "100", "30"]


@pytest.mark.parametrize("identity", ["", "../users", "a/b", "a?b", None, 5])
def test_id_that_is_none_is_an_error_before_anything_is_sent(client, httpserver, identity):
    calls = [client.get_home, client.get_device, client.delete_webhook, lambda i: client.set_alarm(i, "on")]
    for call in calls:
        with pytest.raises(MinutConfigurationError, match="_id"):
            call(identity)
    assert httpserver.log == []


@pytest.mark.parametrize(
    ("method", "path", "field"),
    [("get_home", f"/homes/{HOME}", "home_id"), ("get_device", f"/devices/{HOME}", "device_id")],
)
def test_one_object_without_its_id_is_a_response_error(client, serve, method, path, field):
    serve("GET", path, {"name": "x"})
    with pytest.raises(MinutResponseError, match=field):
        getattr(client, method)(HOME)
