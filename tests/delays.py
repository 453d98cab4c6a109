"""A TCP proxy on loopback that delays each response, as a network and a busy API do."""

from __future__ import annotations

import asyncio
import threading
from urllib.parse import urlsplit


class _Server(asyncio.Protocol):
    """The connection to the server behind the proxy. What it sends arrives later, in the same order."""

    def __init__(self, client, delay):
        self._client, self._delay, self._loop = client, delay, asyncio.get_running_loop()

    def data_received(self, data):
        self._loop.call_later(self._delay, self._client.write, data)

    def connection_lost(self, _error):
        self._loop.call_later(self._delay, self._client.close)


class _Client(asyncio.Protocol):
    """A connection of a client; it has its own to the server, so that connections do not wait for each other."""

    def __init__(self, address, delay):
        self._address, self._delay = address, delay
        self._early, self._server = [], None

    def connection_made(self, transport):
        self._transport = transport
        self._connecting = asyncio.ensure_future(self._connect())

    async def _connect(self):
        loop = asyncio.get_running_loop()
        server, _ = await loop.create_connection(
            lambda: _Server(self._transport, self._delay), *self._address
        )
        for data in self._early:
            server.write(data)
        self._server = server

    def data_received(self, data):
        if self._server is None:
            self._early.append(data)
        else:
            self._server.write(data)

    def connection_lost(self, _error):
        if self._server is not None:
            self._server.close()


class DelayingProxy:
    """Forwards connections to a server, as a context manager.

    :param base_url: Base URL of the server.
    :param delay: Seconds by which each response arrives later.
    """

    def __init__(self, base_url, delay):
        self._target, self._delay = urlsplit(base_url), delay
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="delaying-proxy", daemon=True)

    async def _listen(self):
        address = self._target.hostname, self._target.port
        return await self._loop.create_server(
            lambda: _Client(address, self._delay), "127.0.0.1", 0, backlog=64
        )

    def __enter__(self):
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        port = self._server.sockets[0].getsockname()[1]
        self.base_url = self._target._replace(netloc=f"127.0.0.1:{port}").geturl()
        return self

    def __exit__(self, *_error):
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
