"""Connections to Minut: one works, and each of the others fails in a different way."""

from __future__ import annotations

import json
import re
import secrets
from contextlib import ExitStack, contextmanager

from werkzeug import Response

from airflow_provider_minut.sandbox.config import SandboxConfig
from airflow_provider_minut.sandbox.sandbox import Sandbox

# Message of any task with this connection. The connection that works has to be the first.
FAILURES = {
    "minut_good": "",
    "minut_wrong_secret": r"Minut rejected the client credentials",
    "minut_token_revoked": r"returned 401",
    "minut_server_gone": r"got no response from http://127\.0\.0\.1:9/v8: connection refused",
    "minut_bad_setting": r"the extra 'timeout': must be a number of seconds greater than 0 and at most 1000000, not -1",
    "minut_server_errors": r"returned (429|502|504|200 with)|got no response",
    "minut_server_repeats": r"returned (500: |200 with \d+ bytes of text/html that are not JSON, titled ')",
}


@contextmanager
def accounts(detector, httpserver):
    """Give the connections by their id, and the sandbox of the good one.

    :param detector: Receives all their secrets, including future tokens.
    :param httpserver: For the server that repeats the content of requests.
    """
    with ExitStack() as stack:

        def sandbox(name, **config):
            running = stack.enter_context(Sandbox(SandboxConfig(noisy_periods_per_day=0, **config)))
            watch_tokens(running, lambda token: detector.add(f"token of {name}", token))
            return running, json.loads(running.connection_json)

        once = {"extra": {"max_attempts": 1}}
        good, connection = sandbox("minut_good")
        connections = {"minut_good": connection}
        wrong = sandbox("minut_wrong_secret")[1]
        connections["minut_wrong_secret"] = wrong | {"password": secrets.token_hex(16)}
        revoked, connections["minut_token_revoked"] = sandbox("minut_token_revoked")
        revoked.set_token_lifetime(0.000001)  # each token expires before it is used
        broken = sandbox("minut_server_errors", fault_rate=1.0)[1]
        connections["minut_server_errors"] = broken | once

        def made_up():
            credentials = {"login": secrets.token_hex(8), "password": secrets.token_hex(16)}
            return {"conn_type": "minut", "host": "http://127.0.0.1:9/v8", **credentials}

        connections["minut_server_gone"] = made_up() | once
        bad = made_up()
        bad["extra"] = {"timeout": -1, "api_secret": bad["password"] + "-more"}
        connections["minut_bad_setting"] = bad
        host = httpserver.url_for("/v8")
        httpserver.expect_request(re.compile("/v8/.*")).respond_with_handler(_Repeating(detector))
        connections["minut_server_repeats"] = made_up() | {"host": host} | once
        for name, fields in connections.items():
            detector.add_credentials(name, fields["login"], fields["password"])
        yield connections, good


def watch_tokens(sandbox, callback):
    """Call ``callback`` with each access token that a sandbox issues from now on."""
    issue = sandbox._state.issue_token

    def issue_and_report():
        token = issue()
        callback(token)
        return token

    sandbox._state.issue_token = issue_and_report


class _Repeating:
    """Issues tokens, and responds to other requests with their content."""

    def __init__(self, detector):
        self._detector = detector

    def __call__(self, request):
        if request.path.endswith("/oauth/token"):
            token = secrets.token_hex(40)
            self._detector.add("token of minut_server_repeats", token)
            body = {"access_token": token, "token_type": "Bearer", "expires_in": 3600}
            return Response(json.dumps(body), content_type="application/json")
        sent = request.headers["Authorization"]
        if request.path.endswith("/users/me"):
            return Response(f"<title>{sent}</title>", content_type="text/html")
        if body := request.get_data(as_text=True):
            if token := json.loads(body).get("token"):
                self._detector.add("webhook token of minut_server_repeats", token)
            message = f"{body} {sent}"
        else:
            message = f"{'x' * 265} {sent}"  # the message is cut in the middle of the token
        return Response(json.dumps({"message": message}), 500, content_type="application/json")
