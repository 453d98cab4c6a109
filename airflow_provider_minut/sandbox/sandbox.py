"""A sandbox that runs beside the caller, in a thread of the same process."""

from __future__ import annotations

import json
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import Any, Self

import uvicorn

from airflow_provider_minut.sandbox.config import SandboxConfig
from airflow_provider_minut.sandbox.server.app import create_app
from airflow_provider_minut.sandbox.server.control import check_event_type
from airflow_provider_minut.sandbox.server.middleware import BASE_PATH
from airflow_provider_minut.sandbox.server.state import SandboxState
from airflow_provider_minut.sandbox.server.webhook_sender import Delivery
from airflow_provider_minut.sandbox.simulation.timestamps import from_datetime
from airflow_provider_minut.sandbox.simulation.world import HOME_EVENT_TYPES

LOOPBACK = "127.0.0.1"
START_TIMEOUT = 10.0


class Sandbox:
    """A Minut API on a free loopback port while the context lasts.

    :param config: client, limits and fleet; random credentials by default.
    :param clock: what time it is in the sandbox, in seconds since the epoch.
    """

    def __init__(
        self, config: SandboxConfig | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._state = SandboxState(config or SandboxConfig(), clock=clock)
        self._socket: socket.socket | None = None
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self.base_url = ""

    @property
    def client_id(self) -> str:
        """The OAuth client id."""
        return self._state.config.client_id

    @property
    def client_secret(self) -> str:
        """The OAuth client secret that is valid now."""
        return self._state.client_secret

    @property
    def connection_json(self) -> str:
        """The Airflow connection, ready for ``AIRFLOW_CONN_MINUT_DEFAULT``."""
        return connection_json(self.base_url, self.client_id, self.client_secret)

    def stats(self) -> dict[str, Any]:
        """Return how often what was asked and answered."""
        return self._state.stats()

    def revoke_tokens(self) -> None:
        """Make all access tokens issued so far invalid."""
        self._state.revoke_tokens()

    def rotate_secret(self) -> str:
        """Replace the client secret; the old one is refused from now on. Return the new one."""
        self._state.client_secret = secrets.token_hex(16)
        return self._state.client_secret

    def set_token_lifetime(self, seconds: float) -> None:
        """Let tokens that are issued from now on live so long."""
        self._state.token_lifetime = seconds

    def add_event(self, home_id: str, event_time: datetime, event_type: str = "noise_detected") -> str:
        """Add an event to a home; readers see it at once, wherever its time puts it. Return its id.

        :param event_time: when it occurred, with a time zone.
        :param event_type: ``noise_detected`` or ``noise_quieted``.
        :raises ValueError: there is no such home or type, or the time has no time zone.
        """
        if event_type not in HOME_EVENT_TYPES:
            text = f"event_type: must be one of {', '.join(HOME_EVENT_TYPES)}: {event_type}"
            raise ValueError(text)
        world = self._state.world
        # Rounded down: what occurs now must not be in the future.
        time_ = from_datetime(event_time.replace(microsecond=event_time.microsecond // 1000 * 1000))
        event = world.add_event(self._home_number(home_id), time_, HOME_EVENT_TYPES.index(event_type))
        return str(world.home_event(event)["event_id"])

    def emit(
        self,
        event_type: str,
        home_id: str,
        *,
        device_id: str | None = None,
        created_at: datetime | None = None,
        copies: int = 1,
        delay: float = 0,
        signed: bool = True,
    ) -> str:
        """Let a user event happen, and deliver it to the webhooks that are for it. Return its id.

        :param event_type: name of a user event, or ``noise_detected`` or ``noise_quieted``.
        :param created_at: when it occurred; now if not given.
        :param copies: how often each webhook gets it.
        :param delay: seconds to wait before it is delivered, so that it comes after later ones.
        :param signed: whether the signature is right.
        :raises ValueError: there is no such home or type, or the time has no time zone.
        """
        check_event_type(event_type)
        moment = self._state.world.now() if created_at is None else from_datetime(created_at)
        event = self._state.world.emit(self._home_number(home_id), moment, event_type, device_id)
        self._state.deliveries.announce(event, copies=copies, delay=delay, signed=signed)
        return str(event["id"])

    def deliveries(self) -> list[Delivery]:
        """Return what was sent to webhooks, the last thousand, also those on their way."""
        return self._state.deliveries.sent()

    def events(self, home_id: str, start: datetime, end: datetime) -> Iterator[dict[str, Any]]:
        """Return the events of a home in [start, end) that are visible now, oldest first, as in the API.

        :raises ValueError: there is no such home, or a time has no time zone.
        """
        world = self._state.world
        events = world.events(self._home_number(home_id), from_datetime(start), from_datetime(end))
        return map(world.home_event, events.oldest_first())

    def _home_number(self, home_id: str) -> int:
        number = self._state.world.fleet.home_number(home_id)
        if number is None:
            text = f"home_id: there is no home {home_id}"
            raise ValueError(text)
        return number

    def __enter__(self) -> Self:
        self._socket = listen(0)
        self.base_url = f"http://{LOOPBACK}:{self._socket.getsockname()[1]}{BASE_PATH}"
        self._server = uvicorn.Server(server_config(self._state))
        serve = partial(self._server.run, sockets=[self._socket])
        self._thread = threading.Thread(target=serve, name="minut-sandbox", daemon=True)
        self._thread.start()
        give_up = time.monotonic() + START_TIMEOUT
        while not self._server.started:
            if time.monotonic() > give_up or not self._thread.is_alive():
                self._stop()
                text = f"The sandbox did not start, or not within {START_TIMEOUT:g} s"
                raise RuntimeError(text)
            time.sleep(0.01)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        self._state.deliveries.stop()
        if self._server and self._thread and self._socket:
            self._server.should_exit = True
            # Kept-alive connections of clients that were not closed must not hold up the exit.
            self._server.force_exit = True
            self._thread.join(START_TIMEOUT)
            self._socket.close()

    def __repr__(self) -> str:
        return f"Sandbox({self.base_url or 'not running'})"


def listen(port: int) -> socket.socket:
    """Return a listening loopback socket; port 0 takes any free one.

    :raises OSError: the port cannot be used.
    """
    listener = socket.create_server((LOOPBACK, port))
    # asyncio sets TCP_NODELAY only where TCP is named as the protocol, which create_server does not do.
    # Without it every request on a kept-alive connection takes 40 ms.
    return socket.socket(listener.family, listener.type, socket.IPPROTO_TCP, fileno=listener.detach())


def server_config(state: SandboxState) -> uvicorn.Config:
    """Return how uvicorn serves a sandbox: quietly."""
    # uvicorn's own log_config goes through dictConfig, which closes every handler that the process has.
    return uvicorn.Config(
        create_app(state), log_config=None, log_level="warning", access_log=False, lifespan="off"
    )


def connection_json(base_url: str, client_id: str, client_secret: str) -> str:
    """Return an Airflow connection in the JSON notation of ``AIRFLOW_CONN_…`` variables."""
    return json.dumps({"conn_type": "minut", "login": client_id, "password": client_secret, "host": base_url})
