"""What the token endpoint answers."""

from __future__ import annotations

import random

from airflow_provider_minut.api.auth.token import MAX_LIFETIME_SECONDS, token_from_response
from airflow_provider_minut.api.http.response import Response, error_from_response, parse_json
from airflow_provider_minut.exceptions import MinutError

SEEDS = (
    b'{"access_token": "a.b-c_d~e+f/g==", "token_type": "Bearer", "expires_in": 3600}',
    b'{"error": "invalid_client", "error_description": "no"}',
    b'{"access_token": "a", "token_type": "bearer", "expires_in": "1e400"}',
    b"<html><title>Sign in</title>",
)


def one_input(data: bytes) -> None:
    """Fail unless it is a token that can be sent, or one of our errors."""
    reply = Response(200, {"Content-Type": "application/json"}, data)
    assert str(error_from_response("POST /oauth/token", Response(400, reply.headers, data))).isprintable()
    try:
        token = token_from_response(parse_json("POST /oauth/token", reply), (0.0, 0.0), random.uniform)
    except MinutError as error:
        assert str(error).isprintable()
    else:
        assert token.value.isascii()
        assert token.value.isprintable()
        assert 0 < token.lifetime <= MAX_LIFETIME_SECONDS
