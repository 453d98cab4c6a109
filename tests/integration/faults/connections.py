"""Faults below HTTP: missing, lost and silent connections."""

from __future__ import annotations

import contextlib
import socket
import time

from tests.integration.faults.fault import Fault, delete, get, get_user, post, put
from tests.integration.faults.server import GOOD_TOKEN, OK, Do, Repeat, Server, reply

RESET, CLOSE, HANG = (Do.RESET,), (Do.CLOSE,), (Do.HANG,)
# After the connection is established; otherwise it would count as refused.
UNREAD = (0.05, Do.RESET)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
UNCERTAIN = "The request may still have been processed; verify before retrying."
QUICK = {"timeout": 0.3, "max_attempts": 2}


def with_token(bench):
    """Get the token first, so that the fault affects only the API."""
    bench.new_client(timeout=5.0).get_access_token()


def nothing_listens(bench):
    bench.server.stop()


def comes_back(bench):
    """Stop the server until the client delays a retry."""
    with_token(bench)
    port = bench.server.port
    bench.server.stop()

    def start():
        bench.server = Server(port=port)
        bench.clock.on_sleep = lambda: None

    bench.clock.on_sleep = start


def full_backlog(bench):
    """Listen without accepting, with a full queue: no connection is established."""
    listener = bench.cleanup.enter_context(socket.socket())
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    for _ in range(4):
        filler = bench.cleanup.enter_context(socket.socket())
        filler.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            filler.connect(listener.getsockname())
    bench.settings["base_url"] = f"http://127.0.0.1:{listener.getsockname()[1]}/v8"


def resolving(results):
    """Let the resolver return these results one after the other, and repeat the last one."""

    def prepare(bench):
        with_token(bench)
        bench.settings["base_url"] = f"http://localhost:{bench.server.port}/v8"
        bench.new_client().get_access_token()
        real, todo = socket.getaddrinfo, list(results)

        def resolve(host, port, *args, **kwargs):
            if host != "localhost":
                return real(host, port, *args, **kwargs)
            result = todo.pop(0) if len(todo) > 1 else todo[0]
            if isinstance(result, Exception):
                raise result
            return [found for address in result for found in real(address, port, *args, **kwargs)]

        bench.monkeypatch.setattr(socket, "getaddrinfo", resolve)

    return prepare


UNKNOWN = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
LATER = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


def host(name):
    def prepare(bench):
        bench.settings["base_url"] = f"https://{name}/v8"

    return prepare


def idle_then(call):
    """Send a request, wait until the server has closed the idle connection, send another one."""

    def make_call(bench):
        bench.client.request("GET", "/users/me")
        time.sleep(0.1)
        return call(bench)

    return make_call


def after_first(call):
    def make_call(bench):
        bench.client.request("GET", "/users/me")
        return call(bench)

    return make_call


def big(method):
    def make_call(bench):
        return bench.client.request(method, "/devices/d", json={"x": "y" * 8_000_000})

    return make_call


FAULTS = [
    Fault(name="Connection refused; a GET", prepare=nothing_listens, error="MinutConnectionError",
          message="connection refused. Failed after 3 attempts. Check the network, the proxy and the API base URL of the connection.", sent=0, tokens=0),
    Fault(name="The server restarts during a GET", prepare=comes_back, tokens=0),
    Fault(name="The server restarts before a POST is sent", prepare=comes_back, call=post, tokens=0),
    Fault(name="The server does not accept the connection", prepare=full_backlog, settings=QUICK, error="MinutConnectionError",
          message="no connection within 0.3 s", sent=0, tokens=0, seconds=8),
    Fault(name="No response to a GET", prepare=with_token, api=(HANG,), settings=QUICK,
          error="MinutConnectionError", message="GET /homes got no response", sent=2),
    Fault(name="No response to a POST", prepare=with_token, call=post, api=(HANG,), settings=QUICK,
          error="MinutConnectionError", message=UNCERTAIN, sent=1),
    Fault(name="No response to a PUT", prepare=with_token, call=put, api=(HANG,), settings=QUICK,
          error="MinutConnectionError", message="no complete response within 0.3 s", sent=2),
    Fault(name="No response from the token endpoint", token=(HANG,), settings=QUICK, error="MinutConnectionError",
          message="POST /oauth/token got no response", sent=0, tokens=2),
    Fault(name="TCP reset before a GET is read", prepare=with_token, arrivals=((), UNREAD, ())),
    Fault(name="TCP reset before a POST is read", prepare=with_token, call=post, arrivals=((), UNREAD, ()),
          error="MinutConnectionError", message=UNCERTAIN, sent=0),
    Fault(name="TCP reset during a long PUT", prepare=with_token, call=big("PUT"),
          arrivals=((), (Do.READ_SOME, Do.RESET), ())),
    Fault(name="TCP reset during a long POST", prepare=with_token, call=big("POST"),
          arrivals=((), (Do.READ_SOME, Do.RESET), ()), error="MinutConnectionError", message=UNCERTAIN, sent=0),
    Fault(name="TCP reset after a GET was read, before the response", api=(RESET, OK), sent=2),
    Fault(name="TCP reset after a POST was read, before the response", call=post, api=(RESET, OK),
          error="MinutConnectionError", message=UNCERTAIN, never="the POST is processed twice"),
    Fault(name="TCP reset during the response headers", api=((HEAD, 0.05, Do.RESET), OK), sent=2),
    Fault(name="TCP reset during the response body",
          api=((HEAD + b"Content-Length: 12\r\n\r\n{", 0.05, Do.RESET), OK), sent=2),
    Fault(name="TCP reset during the response to a POST", call=post,
          api=((HEAD + b"Content-Length: 12\r\n\r\n{", 0.05, Do.RESET), OK), error="MinutConnectionError", message=UNCERTAIN),
    Fault(name="TCP reset after a token request was read", token=(RESET, GOOD_TOKEN), tokens=2),
    Fault(name="Every connection is reset", api=(RESET,), error="MinutConnectionError",
          message="connection reset by peer. Failed after 3 attempts. Check the network, the proxy and the API base URL of the connection.", sent=3),
    Fault(name="The connection is closed without a response to a GET", api=(CLOSE, OK), sent=2),
    Fault(name="The connection is closed without a response to a POST", call=post, api=(CLOSE, OK),
          error="MinutConnectionError", message=UNCERTAIN),
    Fault(name="The connection is closed within the status line", api=((b"HTTP/1.1 2", Do.CLOSE), OK), sent=2),
    Fault(name="An idle keep-alive connection was closed; a GET", call=idle_then(get),
          api=((*OK, Do.CLOSE), OK), sent=2),
    Fault(name="An idle keep-alive connection was closed; a POST", call=idle_then(post),
          api=((*OK, Do.CLOSE), OK), sent=2, never="an error: the POST was not sent on the old connection"),
    Fault(name="A keep-alive connection is closed when a GET arrives", call=after_first(get), api=(OK, CLOSE, OK), sent=3),
    Fault(name="A keep-alive connection is closed when a POST arrives", call=after_first(post), api=(OK, CLOSE, OK),
          error="MinutConnectionError", message=UNCERTAIN, sent=2, never="the POST is processed twice"),
    Fault(name="A keep-alive connection is reset when a DELETE arrives", call=after_first(delete), api=(OK, RESET, OK),
          sent=3),
    Fault(name="The host name does not exist", prepare=resolving([UNKNOWN]), error="MinutConnectionError",
          message="the host name could not be resolved", sent=0, tokens=2),
    Fault(name="Name resolution fails once; a GET", prepare=resolving([LATER, ["127.0.0.1"]]), tokens=2),
    Fault(name="Name resolution fails once before a POST is sent", call=post,
          prepare=resolving([LATER, ["127.0.0.1"]]), tokens=2),
    Fault(name="The IPv6 address is unreachable, the IPv4 address works", prepare=resolving([["::1", "127.0.0.1"]]),
          tokens=2, waits=(0, 0), never="a second attempt"),
    Fault(name="The host name is longer than DNS allows", prepare=host("a" * 70 + ".example"),
          error="MinutConfigurationError", message="base_url: is not a URL like", sent=0, tokens=0),
    Fault(name="Endless headers, one byte at a time", prepare=with_token, api=((HEAD + b"X-Slow: ", Repeat(b"x", 0.05)),),
          settings=QUICK, error="MinutConnectionError", message="no complete response within 0.3 s", sent=2),
    Fault(name="An endless status line, one byte at a time", prepare=with_token,
          api=((b"HTTP/1.1 200 O", Repeat(b"K", 0.05)),),
          settings=QUICK, error="MinutConnectionError", message="no complete response within 0.3 s", sent=2),
    Fault(name="An endless number of headers", prepare=with_token, api=((HEAD, Repeat(b"X-More: 1\r\n", 0.01)),),
          settings=QUICK, error="MinutConnectionError", message="GET /homes got no response", sent=2),
    Fault(name="An endless body, one byte at a time", prepare=with_token,
          api=((HEAD + b"Content-Length: 100000\r\n\r\n", Repeat(b" ", 0.05)),), settings=QUICK,
          error="MinutConnectionError", message="no complete response within 0.3 s", sent=2),
    Fault(name="An endless body of the response to a POST, one byte at a time", prepare=with_token, call=post,
          api=((HEAD + b"Content-Length: 100000\r\n\r\n", Repeat(b" ", 0.05)),), settings=QUICK,
          error="MinutConnectionError", message=UNCERTAIN, sent=1),
    Fault(name="The response stops within the body", prepare=with_token,
          api=((HEAD + b"Content-Length: 100\r\n\r\n{", Do.HANG),), settings=QUICK,
          error="MinutConnectionError", message="no complete response within 0.3 s", sent=2),
    Fault(name="Endless chunks of one byte", prepare=with_token,
          api=((HEAD + b"Transfer-Encoding: chunked\r\n\r\n", Repeat(b"1\r\n \r\n", 0.05)),), settings=QUICK,
          error="MinutConnectionError", message="no complete response within 0.3 s", sent=2),
    Fault(name="An endless token response, one byte at a time",
          token=((HEAD + b"Content-Length: 100000\r\n\r\n", Repeat(b" ", 0.05)),), settings=QUICK,
          error="MinutConnectionError", message="no complete response within 0.3 s", sent=0, tokens=2),
    Fault(name="The response is not HTTP", api=((b"SSH-2.0-OpenSSH_9.6\r\n", Do.CLOSE),), error="MinutConnectionError",
          message="the response is not HTTP", sent=3),
    Fault(name="The status is not a number", api=((b"HTTP/1.1 okay\r\n\r\n", Do.CLOSE),), error="MinutConnectionError",
          message="the response is not HTTP", sent=3),
    Fault(name="A header of 100 KB", api=((HEAD + b"X-Big: " + b"x" * 100_000 + b"\r\n\r\n", Do.CLOSE),),
          error="MinutConnectionError", message="the response is not HTTP", sent=3),
    Fault(name="A thousand headers", api=((HEAD + b"X-More: 1\r\n" * 1000 + b"\r\n", Do.CLOSE),),
          error="MinutConnectionError", message="the response is not HTTP", sent=3),
    Fault(name="100 Continue before the response", api=((b"HTTP/1.1 100 Continue\r\n\r\n", *OK),)),
    Fault(name="The server switches protocols", api=((b"HTTP/1.1 101 Switching Protocols\r\nContent-Length: 0\r\n\r\n", Do.CLOSE),),
          error="MinutResponseError", message="not a valid status of a final response"),
    Fault(name="GET /users/me over a dead connection", call=get_user, api=(RESET, reply('{"user_id": "u"}')),
          value={"user_id": "u"}, sent=2),
]  # fmt: skip
