"""Requests each endpoint once. Nothing is written to Minut."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from airflow_provider_minut.api.values import checked_id
from airflow_provider_minut.api_check.endpoints import DEVICES, ENDPOINTS, HOMES, Endpoint
from airflow_provider_minut.exceptions import MinutConfigurationError

log = logging.getLogger(__name__)


class Client(Protocol):
    """What the check uses of a :class:`~airflow_provider_minut.api.client.MinutClient`."""

    def request(self, method: str, path: str, *, params: Mapping[str, Any] | None = None) -> Any:
        """Send a request and return the parsed JSON."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What came back from an endpoint.

    :param endpoint: The endpoint.
    :param data: Parsed JSON of the reply.
    :param error: Name of the class of the error; empty if there was none.
    :param status: Status of the error; ``None`` if there was none.
    :param missing_id: What would have been needed for the request, ``home`` or ``device``; empty if it was
        sent.
    """

    endpoint: Endpoint
    data: Any = None
    error: str = ""
    status: int | None = None
    missing_id: str = ""

    @property
    def answered(self) -> bool:
        """Whether there was a reply, and no error."""
        return not self.error and not self.missing_id

    @property
    def outcome(self) -> str:
        """What happened, as text without any value of the reply."""
        if self.missing_id:
            return f"not tried: no {self.missing_id} with an ID"
        return f"failed: {self.failure}" if self.error else "answered"

    @property
    def failure(self) -> str:
        """The error as text: its status and its class."""
        return self.error if self.status is None else f"{self.status} ({self.error})"


def request_all(client: Client, now: datetime) -> Iterator[Reply]:
    """Request each endpoint once, and yield each reply as soon as it is there. An error stops nothing.

    :param client: Client to send the requests with.
    :param now: End of the time ranges.
    """
    replies: dict[str, Any] = {}
    for endpoint in ENDPOINTS:
        reply = _request(client, endpoint, _ids(replies), now)
        replies[endpoint.path] = reply.data
        yield reply


def _request(client: Client, endpoint: Endpoint, ids: Mapping[str, str], now: datetime) -> Reply:
    for name in ("home", "device"):
        if f"{{{name}_id}}" in endpoint.path and f"{name}_id" not in ids:
            return Reply(endpoint=endpoint, missing_id=name)
    try:
        data = client.request("GET", endpoint.path.format(**ids), params=endpoint.query(now))
    except Exception as error:  # whatever it is, the other endpoints are requested
        log.debug("%s failed.", endpoint.name, exc_info=True)
        status = getattr(error, "status", None)
        return Reply(endpoint=endpoint, error=type(error).__name__, status=status)
    return Reply(endpoint=endpoint, data=data)


def _ids(replies: Mapping[str, Any]) -> dict[str, str]:
    """Return the IDs of the first device that has been heard from, and of its home.

    If no device has been heard from, or its home is not in the list, it is the first one of the list.
    """
    devices = _items(replies, DEVICES)
    heard = [item for item in devices if item.get("last_heard_from_at") or item.get("last_heartbeat_at")]
    device = next(iter([*heard, *devices]), {})
    home_ids = [home["home_id"] for home in _items(replies, HOMES)]
    own = device.get("home") or device.get("home_id")
    home_id = own if own in home_ids else next(iter(home_ids), None)
    found = {"device_id": device.get("device_id"), "home_id": home_id}
    return {name: str(value) for name, value in found.items() if value is not None}


def _items(replies: Mapping[str, Any], endpoint: Endpoint) -> list[dict[str, Any]]:
    """Return the items of a list that have an ID to send a request with."""
    data = replies.get(endpoint.path)
    items = data.get(endpoint.list_key) if isinstance(data, dict) else data
    id_field = endpoint.item[0].path
    return [
        item
        for item in (items if isinstance(items, list) else ())
        if isinstance(item, dict) and _is_id(item.get(id_field))
    ]


def _is_id(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return False
    try:
        return bool(checked_id("id", str(value)))
    except MinutConfigurationError:
        return False
