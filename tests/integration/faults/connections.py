"""Faults below HTTP: no connection, a lost one, one that says nothing."""

from __future__ import annotations

import contextlib
import socket
import time

from tests.integration.faults.fault import Fault, delete, get, post, put, who
from tests.integration.faults.server import GOOD_TOKEN, OK, Do, Repeat, Server, reply

RESET, CLOSE, HANG = (Do.RESET,), (Do.CLOSE,), (Do.HANG,)
# Later than the connection comes about, or it would count as none.
UNREAD = (0.05, Do.RESET)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
DOUBT = "It may have been carried out all the same; look before you repeat it."
QUICK = {"timeout": 0.3, "max_attempts": 2}


def with_token(bench):
    """Get the token first, so that what follows concerns the API alone."""
    bench.new_client(timeout=5.0).get_access_token()


def nothing_listens(bench):
    bench.server.stop()


def comes_back(bench):
    """Let the server be down until the client pauses."""
    with_token(bench)
    port = bench.server.port
    bench.server.stop()

    def start():
        bench.server = Server(port=port)
        bench.clock.on_sleep = lambda: None

    bench.clock.on_sleep = start


def full_backlog(bench):
    """Listen without accepting, with a queue that is full: no connection comes about."""
    listener = bench.cleanup.enter_context(socket.socket())
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    for _ in range(4):
        filler = bench.cleanup.enter_context(socket.socket())
        filler.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            filler.connect(listener.getsockname())
    bench.settings["base_url"] = f"http://127.0.0.1:{listener.getsockname()[1]}/v8"


def resolving(answers):
    """Let the resolver give each of these in turn, the last one for ever, for api.minut.example."""

    def prepare(bench):
        with_token(bench)
        bench.settings["base_url"] = f"http://localhost:{bench.server.port}/v8"
        bench.new_client().get_access_token()
        real, todo = socket.getaddrinfo, list(answers)

        def resolve(host, port, *args, **kwargs):
            if host != "localhost":
                return real(host, port, *args, **kwargs)
            answer = todo.pop(0) if len(todo) > 1 else todo[0]
            if isinstance(answer, Exception):
                raise answer
            return [found for address in answer for found in real(address, port, *args, **kwargs)]

        bench.monkeypatch.setattr(socket, "getaddrinfo", resolve)

    return prepare


UNKNOWN = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
LATER = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


def host(name):
    def prepare(bench):
        bench.settings["base_url"] = f"https://{name}/v8"

    return prepare


def idle_then(call):
    """Ask once, wait until the server has closed the idle connection, ask again."""

    def ask(bench):
        bench.client.request("GET", "/users/me")
        time.sleep(0.1)
        return call(bench)

    return ask


def twice_with(call):
    def ask(bench):
        bench.client.request("GET", "/users/me")
        return call(bench)

    return ask


def big(method):
    def ask(bench):
        return bench.client.request(method, "/devices/d", json={"x": "y" * 8_000_000})

    return ask


FAULTS = [
    Fault(what="Nothing listens at the address; a GET", prepare=nothing_listens, error="MinutConnectionError",
          says="connection refused. Gave up after 3 attempts. Check the network, the proxy and the API base URL of the connection.", sent=0, tokens=0),
    Fault(what="The server restarts while a GET is made", prepare=comes_back, tokens=0),
    Fault(what="The server restarts while a POST is made: nothing was sent yet", prepare=comes_back, call=post, tokens=0),
    Fault(what="A listening socket never accepts", prepare=full_backlog, settings=QUICK, error="MinutConnectionError",
          says="no connection within 0.3 s", sent=0, tokens=0, seconds=8),
    Fault(what="The server takes a GET and never answers", prepare=with_token, api=(HANG,), settings=QUICK,
          error="MinutConnectionError", says="GET /homes got no answer", sent=2),
    Fault(what="The server takes a POST and never answers", prepare=with_token, call=post, api=(HANG,), settings=QUICK,
          error="MinutConnectionError", says=DOUBT, sent=1),
    Fault(what="The server takes a PUT and never answers", prepare=with_token, call=put, api=(HANG,), settings=QUICK,
          error="MinutConnectionError", says="nothing, or not all of it, came within 0.3 s", sent=2),
    Fault(what="The token endpoint never answers", token=(HANG,), settings=QUICK, error="MinutConnectionError",
          says="POST /oauth/token got no answer", sent=0, tokens=2),
    Fault(what="TCP reset before a GET is read", prepare=with_token, arrivals=((), UNREAD, ())),
    Fault(what="TCP reset before a POST is read", prepare=with_token, call=post, arrivals=((), UNREAD, ()),
          error="MinutConnectionError", says=DOUBT, sent=0),
    Fault(what="TCP reset in the middle of a long PUT", prepare=with_token, call=big("PUT"),
          arrivals=((), (Do.READ_SOME, Do.RESET), ())),
    Fault(what="TCP reset in the middle of a long POST", prepare=with_token, call=big("POST"),
          arrivals=((), (Do.READ_SOME, Do.RESET), ()), error="MinutConnectionError", says=DOUBT, sent=0),
    Fault(what="TCP reset after a GET was read, before its answer", api=(RESET, OK), sent=2),
    Fault(what="TCP reset after a POST was read, before its answer", call=post, api=(RESET, OK),
          error="MinutConnectionError", says=DOUBT, never="the POST is carried out twice"),
    Fault(what="TCP reset in the middle of the answer's headers", api=((HEAD, 0.05, Do.RESET), OK), sent=2),
    Fault(what="TCP reset in the middle of the answer's body",
          api=((HEAD + b"Content-Length: 12\r\n\r\n{", 0.05, Do.RESET), OK), sent=2),
    Fault(what="TCP reset in the middle of the answer to a POST", call=post,
          api=((HEAD + b"Content-Length: 12\r\n\r\n{", 0.05, Do.RESET), OK), error="MinutConnectionError", says=DOUBT),
    Fault(what="TCP reset after a token request was read", token=(RESET, GOOD_TOKEN), tokens=2),
    Fault(what="Every connection is reset, for ever", api=(RESET,), error="MinutConnectionError",
          says="connection reset by peer. Gave up after 3 attempts. Check the network, the proxy and the API base URL of the connection.", sent=3),
    Fault(what="The connection is closed instead of an answer to a GET", api=(CLOSE, OK), sent=2),
    Fault(what="The connection is closed instead of an answer to a POST", call=post, api=(CLOSE, OK),
          error="MinutConnectionError", says=DOUBT),
    Fault(what="The connection is closed in the middle of the status line", api=((b"HTTP/1.1 2", Do.CLOSE), OK), sent=2),
    Fault(what="A kept-alive connection was closed while idle; a GET", call=idle_then(get),
          api=((*OK, Do.CLOSE), OK), sent=2),
    Fault(what="A kept-alive connection was closed while idle; a POST", call=idle_then(post),
          api=((*OK, Do.CLOSE), OK), sent=2, never="an error: nothing of the POST was sent on the old connection"),
    Fault(what="A kept-alive connection is closed just as a GET arrives", call=twice_with(get), api=(OK, CLOSE, OK), sent=3),
    Fault(what="A kept-alive connection is closed just as a POST arrives", call=twice_with(post), api=(OK, CLOSE, OK),
          error="MinutConnectionError", says=DOUBT, sent=2, never="the POST is carried out twice"),
    Fault(what="A kept-alive connection is reset just as a DELETE arrives", call=twice_with(delete), api=(OK, RESET, OK),
          sent=3),
    Fault(what="The host name does not exist", prepare=resolving([UNKNOWN]), error="MinutConnectionError",
          says="the host name could not be resolved", sent=0, tokens=2),
    Fault(what="The resolver fails once; a GET", prepare=resolving([LATER, ["127.0.0.1"]]), tokens=2),
    Fault(what="The resolver fails once; a POST: nothing was sent yet", call=post,
          prepare=resolving([LATER, ["127.0.0.1"]]), tokens=2),
    Fault(what="The IPv6 address is unreachable, the IPv4 address works", prepare=resolving([["::1", "127.0.0.1"]]),
          tokens=2, waits=(0, 0), never="a second attempt"),
    Fault(what="The host name is longer than DNS allows", prepare=host("a" * 70 + ".example"),
          error="MinutConfigurationError", says="base_url: is not a URL like", sent=0, tokens=0),
    Fault(what="The headers come one byte at a time, for ever", prepare=with_token, api=((HEAD + b"X-Slow: ", Repeat(b"x", 0.05)),),
          settings=QUICK, error="MinutConnectionError", says="not all of it, came within 0.3 s", sent=2),
    Fault(what="The status line comes one byte at a time, for ever", prepare=with_token,
          api=((b"HTTP/1.1 200 O", Repeat(b"K", 0.05)),),
          settings=QUICK, error="MinutConnectionError", says="not all of it, came within 0.3 s", sent=2),
    Fault(what="Header after header comes, for ever", prepare=with_token, api=((HEAD, Repeat(b"X-More: 1\r\n", 0.01)),),
          settings=QUICK, error="MinutConnectionError", says="GET /homes got no answer", sent=2),
    Fault(what="The body comes one byte at a time, for ever", prepare=with_token,
          api=((HEAD + b"Content-Length: 100000\r\n\r\n", Repeat(b" ", 0.05)),), settings=QUICK,
          error="MinutConnectionError", says="not all of it, came within 0.3 s", sent=2),
    Fault(what="The body to a POST comes one byte at a time, for ever", prepare=with_token, call=post,
          api=((HEAD + b"Content-Length: 100000\r\n\r\n", Repeat(b" ", 0.05)),), settings=QUICK,
          error="MinutConnectionError", says=DOUBT, sent=1),
    Fault(what="The body begins and then nothing more comes", prepare=with_token,
          api=((HEAD + b"Content-Length: 100\r\n\r\n{", Do.HANG),), settings=QUICK,
          error="MinutConnectionError", says="not all of it, came within 0.3 s", sent=2),
    Fault(what="Chunks of one byte come for ever", prepare=with_token,
          api=((HEAD + b"Transfer-Encoding: chunked\r\n\r\n", Repeat(b"1\r\n \r\n", 0.05)),), settings=QUICK,
          error="MinutConnectionError", says="not all of it, came within 0.3 s", sent=2),
    Fault(what="The token reply comes one byte at a time, for ever",
          token=((HEAD + b"Content-Length: 100000\r\n\r\n", Repeat(b" ", 0.05)),), settings=QUICK,
          error="MinutConnectionError", says="not all of it, came within 0.3 s", sent=0, tokens=2),
    Fault(what="Something that is not HTTP answers", api=((b"SSH-2.0-OpenSSH_9.6\r\n", Do.CLOSE),), error="MinutConnectionError",
          says="what came is not HTTP", sent=3),
    Fault(what="The status is no number", api=((b"HTTP/1.1 okay\r\n\r\n", Do.CLOSE),), error="MinutConnectionError",
          says="what came is not HTTP", sent=3),
    Fault(what="A header of 100 KB", api=((HEAD + b"X-Big: " + b"x" * 100_000 + b"\r\n\r\n", Do.CLOSE),),
          error="MinutConnectionError", says="what came is not HTTP", sent=3),
    Fault(what="A thousand headers", api=((HEAD + b"X-More: 1\r\n" * 1000 + b"\r\n", Do.CLOSE),),
          error="MinutConnectionError", says="what came is not HTTP", sent=3),
    Fault(what="100 Continue comes before the answer", api=((b"HTTP/1.1 100 Continue\r\n\r\n", *OK),)),
    Fault(what="The server switches protocols", api=((b"HTTP/1.1 101 Switching Protocols\r\nContent-Length: 0\r\n\r\n", Do.CLOSE),),
          error="MinutResponseError", says="no status a final answer can have"),
    Fault(what="The client's user is asked for over a dead connection", call=who, api=(RESET, reply('{"user_id": "u"}')),
          value={"user_id": "u"}, sent=2),
]  # fmt: skip
