from __future__ import annotations

import json

import pytest
from werkzeug import Response


@pytest.fixture
def client(make_client, token_endpoint):
    return make_client()


@pytest.fixture
def serve(httpserver):
    """Answer requests; each call returns the list of those that came."""

    def serve(method, path, answer, status=200):
        requests = []

        def handler(request):
            requests.append(request)
            text = "" if answer is None else json.dumps(answer)
            return Response(text, status, content_type="application/json")

        httpserver.expect_request(f"/v8{path}", method=method).respond_with_handler(handler)
        return requests

    return serve
