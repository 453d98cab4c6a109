"""A server that responds with given bytes, and that can also misbehave below HTTP."""

from __future__ import annotations

import contextlib
import enum
import json
import socket
import ssl
import struct
import threading
import time
from dataclasses import dataclass

# Every secret of a row starts with this, so that a part of one is recognized too.
TOKEN_MARK = "T0KEN5ECRET"


class Do(enum.Enum):
    """A step of a response other than sending bytes."""

    RESET = "send RST"
    HANG = "send nothing more, and leave the connection open"
    CLOSE = "send FIN"
    READ_SOME = "read the first bytes of the request only"


@dataclass(frozen=True)
class Repeat:
    """Send a piece repeatedly, every ``every`` seconds, until the client disconnects."""

    piece: bytes
    every: float = 0.0


def reply(body=b'{"ok": true}', status="200 OK", **headers):
    """Return a complete response; a header whose value is ``None`` is omitted."""
    body = body.encode() if isinstance(body, str) else body
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    fields = {"Content-Type": "application/json", "Content-Length": len(body), **headers}
    lines = [f"HTTP/1.1 {status}", *(f"{k}: {v}" for k, v in fields.items() if v is not None)]
    return ("\r\n".join(lines).encode() + b"\r\n\r\n" + body,)


def token_reply(number, **fields):
    """Return a valid token response, with some of its fields replaced."""
    good = {"access_token": f"{TOKEN_MARK}-{number}", "token_type": "Bearer", "expires_in": 3600}
    return reply(json.dumps({**good, **fields}))


OK = reply()
GOOD_TOKEN = token_reply  # called with the number of the token request


@dataclass(frozen=True)
class Request:
    """A complete request."""

    method: str
    path: str
    head: bytes
    body: bytes

    @property
    def token(self):
        """The value that follows ``Bearer``."""
        return self.head.partition(b"Bearer ")[2].partition(b"\r\n")[0].decode()


class Server:
    """Responds to token requests and to all other requests with the next response of a list each.

    The last response of a list is repeated. A response is a tuple of steps, or a function that is called with the
    number of the request and returns one.

    :param token: Responses of the token endpoint.
    :param api: All other responses.
    :param arrivals: Steps for new connections before a request is read.
    :param tls: TLS context, for https.
    """

    def __init__(self, token=(GOOD_TOKEN,), api=(OK,), *, arrivals=((),), tls=None, port=0, host="127.0.0.1"):
        self._scripts = {"token": token, "api": api}
        self._arrivals, self._tls = arrivals, tls
        self.requests = []
        self.token_requests = []
        self.connections = 0
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._open = set()
        self._threads = []
        self._listener = socket.create_server((host, port))
        self.port = self._listener.getsockname()[1]
        scheme = "https" if tls else "http"
        self.base_url = f"{scheme}://{'localhost' if tls else host}:{self.port}/v8"
        self._start(self._accept)

    def stop(self):
        self._stopped.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    def wait_for(self, count):
        """Wait until this many API requests have arrived."""
        give_up = time.monotonic() + 10
        while len(self.requests) < count:
            assert time.monotonic() < give_up, f"{len(self.requests)} of {count} requests arrived"
            time.sleep(0.005)

    def _start(self, target, *args):
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            steps = self._arrivals[min(self.connections, len(self._arrivals) - 1)]
            self.connections += 1
            self._start(self._serve, connection, steps)

    def _serve(self, connection, steps):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._open.add(connection)
        with contextlib.suppress(OSError, ssl.SSLError):
            if self._tls and not steps:
                connection = self._tls.wrap_socket(connection, server_side=True)
                self._open.add(connection)
            going_on = self._perform(connection, steps)
            while going_on and (request := _read_request(connection)):
                going_on = self._perform(connection, self._response(request))
        with contextlib.suppress(OSError):
            connection.close()

    def _response(self, request):
        is_token = request.path.endswith("/oauth/token")
        with self._lock:
            received = self.token_requests if is_token else self.requests
            received.append(request)
            number = len(received)
        script = self._scripts["token" if is_token else "api"]
        response = script[min(number, len(script)) - 1]
        return response(number) if callable(response) else response

    def _perform(self, connection, steps):
        """Execute the steps of a response; return whether the connection stays open."""
        for step in steps:
            match step:
                case bytes():
                    connection.sendall(step)
                case float():
                    self._stopped.wait(step)
                case Repeat():
                    while not self._stopped.wait(step.every):
                        connection.sendall(step.piece)
                case Do.HANG:
                    self._stopped.wait(60)
                case Do.READ_SOME:
                    connection.recv(100)
                case Do.RESET | Do.CLOSE:
                    # Without lingering, closing is a reset.
                    linger = struct.pack("ii", step is Do.RESET, 0)
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    return False
        return True


def _read_request(connection):
    """Return the next request, or ``None`` at the end of the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return None
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = int((head.lower().partition(b"content-length:")[2].split() or [b"0"])[0])
    while len(body) < length:
        piece = connection.recv(65536)
        if not piece:
            return None
        body += piece
    method, path, _ = head.partition(b"\r\n")[0].decode().split(" ")
    return Request(method, path.partition("?")[0], head, body)
