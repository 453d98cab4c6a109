"""A sandbox that runs in a thread of the calling process."""

from __future__ import annotations

import json
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import Any, Self

import uvicorn

from airflow_provider_minut.sandbox.config import SandboxConfig
from airflow_provider_minut.sandbox.server.app import create_app
from airflow_provider_minut.sandbox.server.middleware import BASE_PATH
from airflow_provider_minut.sandbox.server.state import SandboxState
from airflow_provider_minut.sandbox.server.webhook_sender import Delivery
from airflow_provider_minut.sandbox.simulation.readings import SENSORS, HistoryQuery
from airflow_provider_minut.sandbox.simulation.timestamps import SECOND, from_datetime, to_datetime
from airflow_provider_minut.sandbox.simulation.world import HOME_EVENT_TYPES

LOOPBACK = "127.0.0.1"
START_TIMEOUT = 10.0


class Sandbox:
    """A Minut API on a free loopback port, as a context manager.

    :param config: client credentials, limits and fleet; by default the credentials are random.
    :param clock: returns the current time in the sandbox, in seconds since the epoch.
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
        """The OAuth client ID."""
        return self._state.config.client_id

    @property
    def client_secret(self) -> str:
        """The current OAuth client secret."""
        return self._state.client_secret

    @property
    def connection_json(self) -> str:
        """The Airflow connection in JSON, as a value for ``AIRFLOW_CONN_MINUT_DEFAULT``."""
        return connection_json(self.base_url, self.client_id, self.client_secret)

    def stats(self) -> dict[str, Any]:
        """Return the counters of requests, responses, tokens, faults and webhook deliveries."""
        return self._state.stats()

    def revoke_tokens(self) -> None:
        """Invalidate all access tokens issued so far."""
        self._state.revoke_tokens()

    def rotate_secret(self) -> str:
        """Replace the client secret and return the new one. The old one is rejected from now on."""
        self._state.client_secret = secrets.token_hex(16)
        return self._state.client_secret

    def set_token_lifetime(self, seconds: float) -> None:
        """Set the lifetime of the tokens that are issued from now on."""
        self._state.token_lifetime = seconds

    def add_event(self, home_id: str, event_time: datetime, event_type: str = "noise_detected") -> str:
        """Add a home event, visible at once at the position of its time, and return its ID.

        :param home_id: ID of the home.
        :param event_time: time of the event, as an aware ``datetime``.
        :param event_type: ``noise_detected`` or ``noise_quieted``.
        :raises ValueError: if there is no such home or event type, or the time has no time zone.
        """
        if event_type not in HOME_EVENT_TYPES:
            raise ValueError(f"event_type: must be one of {', '.join(HOME_EVENT_TYPES)}: {event_type}")
        world = self._state.world
        # Rounded down, so that an event that occurs now is not in the future.
        time_ms = from_datetime(event_time.replace(microsecond=event_time.microsecond // 1000 * 1000))
        home = world.fleet.home_number(home_id)
        event = world.add_event(home, time_ms, HOME_EVENT_TYPES.index(event_type))
        return str(world.home_event(event)["event_id"])

    def set_offline(self, device_id: str, start: datetime, end: datetime, *, measures: bool = True) -> None:
        """Set a period, past or future, in which a device does not check in.

        What it measures meanwhile is uploaded later, as ``upload_order`` and ``uploads_per_check_in`` of the
        configuration have it.

        :param device_id: ID of the device.
        :param start: start of the period, inclusive, as an aware ``datetime`` from 2020 on.
        :param end: end of the period, exclusive, as an aware ``datetime``.
        :param measures: whether the device measures meanwhile; otherwise these measurements never exist.
        :raises ValueError: if there is no such device, a time has no time zone, or the period is empty or
            starts before 2020.
        """
        self._state.world.set_offline(device_id, start, end, measures=measures)

    def measurements(
        self, device_id: str, sensor: str, start: datetime, end: datetime, *, time_resolution: int = 300
    ) -> dict[datetime, float]:
        """Return what a sensor has measured in [start, end) until now, also what is not uploaded yet.

        :param device_id: ID of the device.
        :param sensor: name of the sensor, as in the API.
        :param start: start of the time range, inclusive, as an aware ``datetime``.
        :param end: end of the time range, exclusive, as an aware ``datetime``.
        :param time_resolution: length of the interval of one value, in seconds.
        :returns: the value of each interval that has one, by the start of the interval.
        :raises ValueError: if there is no such device or sensor, or a time has no time zone.
        """
        if sensor not in SENSORS:
            raise ValueError(f"sensor: must be one of {', '.join(SENSORS)}: {sensor}")
        world = self._state.world
        number = world.fleet.device_number(device_id)
        readings, measured = world.measured(number)
        query = HistoryQuery(from_datetime(start), from_datetime(end), time_resolution * SECOND)
        buckets = readings.history(sensor, number, query, measured)
        return {to_datetime(begin): fields["value"] for begin, fields in buckets}

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
        """Add a user event, deliver it to the webhooks that subscribe to it, and return its ID.

        :param event_type: type of a user event, or ``noise_detected`` or ``noise_quieted``.
        :param home_id: ID of the home.
        :param device_id: ID of the device that reports the event.
        :param created_at: time of the event, as an aware ``datetime``; by default the current time.
        :param copies: number of deliveries to each webhook.
        :param delay: seconds until the event is delivered, so that later events can overtake it.
        :param signed: whether the signature is valid.
        :raises ValueError: if there is no such home or event type, or the time has no time zone.
        """
        time_ms = self._state.world.now() if created_at is None else from_datetime(created_at)
        event = self._state.world.emit(home_id, time_ms, event_type, device_id)
        self._state.deliveries.announce(event, copies=copies, delay=delay, signed=signed)
        return str(event["id"])

    def deliveries(self) -> list[Delivery]:
        """Return the last 1,000 webhook deliveries, including pending ones."""
        return self._state.deliveries.sent()

    def events(self, home_id: str, start: datetime, end: datetime) -> Iterator[dict[str, Any]]:
        """Return the events of a home in [start, end) that are visible now, oldest first, as in the API.

        :raises ValueError: if there is no such home, or a time has no time zone.
        """
        world = self._state.world
        events = world.events(world.fleet.home_number(home_id), from_datetime(start), from_datetime(end))
        return map(world.home_event, events.oldest_first())

    def __enter__(self) -> Self:
        self._socket = listen(0)
        self.base_url = f"http://{LOOPBACK}:{self._socket.getsockname()[1]}{BASE_PATH}"
        self._server = uvicorn.Server(server_config(self._state))
        serve = partial(self._server.run, sockets=[self._socket])
        self._thread = threading.Thread(target=serve, name="minut-sandbox", daemon=True)
        self._thread.start()
        deadline = time.monotonic() + START_TIMEOUT
        while not self._server.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                self._stop()
                raise RuntimeError(f"The sandbox did not start within {START_TIMEOUT:g} s")
            time.sleep(0.01)
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop()

    def _stop(self) -> None:
        self._state.deliveries.stop()
        if self._server and self._thread and self._socket:
            self._server.should_exit = True
            # Open keep-alive connections of clients must not block the shutdown.
            self._server.force_exit = True
            self._thread.join(START_TIMEOUT)
            self._socket.close()

    def __repr__(self) -> str:
        return f"Sandbox({self.base_url or 'not running'})"


def listen(port: int) -> socket.socket:
    """Return a listening loopback socket; with port 0, on any free port.

    :raises OSError: if the port cannot be bound.
    """
    listener = socket.create_server((LOOPBACK, port))
    # asyncio sets TCP_NODELAY only if the protocol of the socket is TCP, which create_server does not set.
    # Without it every request on a keep-alive connection takes 40 ms.
    return socket.socket(listener.family, listener.type, socket.IPPROTO_TCP, fileno=listener.detach())


def server_config(state: SandboxState) -> uvicorn.Config:
    """Return a configuration of uvicorn that leaves logging to the process."""
    # uvicorn's default log_config is applied with dictConfig, which closes all log handlers of the process.
    app = create_app(state)
    return uvicorn.Config(app, log_config=None, log_level="warning", access_log=False, lifespan="off")


def connection_json(base_url: str, client_id: str, client_secret: str) -> str:
    """Return an Airflow connection in the JSON format of ``AIRFLOW_CONN_…`` variables."""
    return json.dumps({"conn_type": "minut", "login": client_id, "password": client_secret, "host": base_url})
