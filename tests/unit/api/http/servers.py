"""Servers that answer what a test says, and clients of them."""

from __future__ import annotations

import random
import socket
import threading

from werkzeug import Response

from airflow_provider_minut.api.http.transport import Auth, Transport
from airflow_provider_minut.api.rate_limiter import RateLimiter
from airflow_provider_minut.api.settings import ClientSettings
from airflow_provider_minut.api.shared_state.memory import MemoryState


def make_transport(settings, clock, jitter=random.uniform):
    limits = {"per_second": 10**6, "per_minute": 10**6}
    limiter = RateLimiter(MemoryState(), settings.base_url, "id", **limits, clock=clock)
    return Transport(settings, limiter, clock=clock, jitter=jitter)


def shortest(low, _high):
    return low


def longest(_low, high):
    return high


class NoAuth(Auth):
    def header(self):
        return "None"


def serve(httpserver, *responses, path="/v8/x"):
    """Respond with each of ``responses``, repeating the last one; return the requests."""
    asked = []

    def handler(request):
        asked.append(request)
        response = responses[min(len(asked), len(responses)) - 1]
        return response() if callable(response) else response

    httpserver.expect_request(path).respond_with_handler(handler)
    return asked


def ok(body='{"ok": true}', **kwargs):
    return lambda: Response(body, content_type="application/json", **kwargs)


def status(code, body="", **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda: Response(body, code, headers)


def get(transport, path="/x", method="GET", **kwargs):
    return transport.request(method, path, auth=kwargs.pop("auth", NoAuth()), **kwargs)


class RawServer:
    """Answers each connection with the next of some byte strings, then closes it; counts connections."""

    def __init__(self, *answers: bytes) -> None:
        self._answers = answers
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.base_url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/v8"
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self) -> None:
        for answer in self._answers:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)  # ends accept(), which close() alone does not
        self._listener.close()
        self._thread.join(5)


def raw_transport(server, clock, jitter=random.uniform, **settings):
    settings = ClientSettings(base_url=server.base_url, timeout=5.0, **settings)
    return make_transport(settings, clock=clock, jitter=jitter)


GOOD = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n{"a": 1}'
CUT = GOOD.replace(b"Length: 8", b"Length: 80")
