"""Snapshots of a connection's account for the status page, read periodically and shared by all pages.

At most 60 requests per hour are sent for an account, regardless of the number of open pages and of API
servers that share a store. One snapshot takes at most :data:`MAX_SNAPSHOT_REQUESTS` requests, token
requests included, and delays the next one by :data:`SECONDS_PER_REQUEST` for each of them. So all snapshots
of an hour but the last take at most 48 requests.
"""

from __future__ import annotations

import json
import logging
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from airflow_provider_minut.api.client import MinutClient
from airflow_provider_minut.api.clock import SYSTEM_CLOCK, Clock
from airflow_provider_minut.api.models import last_heard
from airflow_provider_minut.api.resources.devices import DevicesResource
from airflow_provider_minut.api.resources.homes import HomesResource
from airflow_provider_minut.api.times import to_text
from airflow_provider_minut.api.values import flag_of, number_of, text_of
from airflow_provider_minut.exceptions import MinutAuthenticationError, MinutError

log = logging.getLogger(__name__)

SECONDS_PER_REQUEST = 75.0
MAX_SNAPSHOT_REQUESTS = 12
# The maximum for one call: a token request, the request, another token request, and the request again.
MAX_REQUESTS_PER_CALL = 4
MAX_ROWS = 1_000  # of homes, and of devices
MAX_NAME_CHARACTERS = 80
MAX_SNAPSHOT_BYTES = 36_000  # the size of a shared file is limited, and encryption adds a third
LOW_BATTERY_PERCENT = 20
# No snapshot is read while more than this share of the requests per minute is used.
MAX_USED_SHARE = 0.8
ACCOUNT_SETTINGS = {"timeout": 10.0, "max_attempts": 1, "deadline": 15.0}


@dataclass(frozen=True, kw_only=True)
class AccountSnapshot:
    """An account as returned by Minut. Times are seconds since the epoch.

    :param next_at: time from which the next snapshot may be read.
    :param read_at: time when the snapshot was read; 0 if never.
    :param problem: why the last attempt to read a snapshot failed; empty if it succeeded.
    :param rejected: whether the last attempt failed because Minut rejected the credentials.
    :param homes: ``name``, ``devices``, ``offline`` of each home; homes with problems first.
    :param devices: ``name``, ``home``, ``heard``, ``battery``, ``offline``, ``low`` of each device; devices
        with problems first.
    :param counts: numbers of ``homes``, ``devices``, ``offline`` and ``low``; ``None`` if never read.
    :param complete: whether the snapshot covers all homes and devices of the account.
    """

    next_at: float = 0.0
    read_at: float = 0.0
    problem: str = ""
    rejected: bool = False
    homes: tuple[Mapping[str, Any], ...] = ()
    devices: tuple[Mapping[str, Any], ...] = ()
    counts: Mapping[str, int] | None = None
    complete: bool = True


class Account:
    """The account of a connection. Its snapshot is shared by all processes that use the same store.

    :param client: client of the connection, with :data:`ACCOUNT_SETTINGS`.
    :param clock: source of the time.
    """

    def __init__(self, client: MinutClient, clock: Clock = SYSTEM_CLOCK) -> None:
        self.client = client
        self._clock = clock
        self._entry = client.encrypted_entry("snapshot 1")

    def cached(self) -> AccountSnapshot:
        """Return the stored snapshot, without sending a request."""
        stored = self._entry.read()
        return AccountSnapshot(**json.loads(zlib.decompress(stored))) if stored else AccountSnapshot()

    def is_due(self, snapshot: AccountSnapshot) -> bool:
        """Return whether the next snapshot may be read."""
        # A time that is further in the future than any delay was stored before the clock was set back.
        return (
            not 0
            < snapshot.next_at - self._clock.time()
            <= (MAX_SNAPSHOT_REQUESTS + MAX_REQUESTS_PER_CALL) * SECONDS_PER_REQUEST
        )

    def read(self) -> None:
        """Read a snapshot if it is due and no other process reads it. Never raises :class:`MinutError`."""
        with self._entry.lock(timeout=0) as locked:
            before = self.cached()
            if not locked or not self.is_due(before):
                return
            now = self._clock.time()
            # Stored before the first request: if this process is killed, no other one reads at once.
            self._store(replace(before, next_at=now + SECONDS_PER_REQUEST))
            client = _ThrottledClient(self.client)
            try:
                after = client.snapshot()
            except MinutError as error:
                rejected = isinstance(error, MinutAuthenticationError)
                after = replace(before, problem=str(error), rejected=rejected)
            else:
                after = replace(after, read_at=now)
            delay = SECONDS_PER_REQUEST * max(client.sent_requests(), 1)
            self._store(replace(after, next_at=self._clock.time() + delay))

    def _store(self, snapshot: AccountSnapshot) -> None:
        compressed = _compress(snapshot)
        while len(compressed) > MAX_SNAPSHOT_BYTES:
            homes, devices = (rows[: len(rows) // 2] for rows in (snapshot.homes, snapshot.devices))
            snapshot = replace(snapshot, homes=homes, devices=devices)
            compressed = _compress(snapshot)
        self._entry.write(compressed, lifetime=86_400.0)


class _RequestLimitError(Exception):
    """The request limit of a snapshot is reached, so the remaining items are not read."""


class _ThrottledClient(DevicesResource, HomesResource):
    """Sends a limited number of requests, and none while tasks need the rate limit."""

    def __init__(self, client: MinutClient) -> None:
        super().__init__(client.settings)
        self._client = client
        self._sent_before = self._sent_in_total()

    def _sent_in_total(self) -> int:
        return self._client.request_count + self._client.token_request_count

    def sent_requests(self) -> int:
        """Return the number of requests sent so far, token requests included."""
        return self._sent_in_total() - self._sent_before

    def request(
        self, method: str, path: str, *, params: Mapping[str, Any] | None = None, json: Any = None
    ) -> Any:
        """Send a request.

        :raises MinutError: if tasks need the rate limit, or as raised by the client.
        """
        status = self._client.status().rate_limit
        if status.paused or status.waiting or status.last_minute >= MAX_USED_SHARE * status.per_minute:
            raise MinutError("Homes and devices were not read: tasks are using most of the rate limit.")
        if self.sent_requests() + MAX_REQUESTS_PER_CALL > MAX_SNAPSHOT_REQUESTS:
            raise _RequestLimitError
        return self._client.request(method, path, params=params, json=json)

    def snapshot(self) -> AccountSnapshot:
        """Return the homes and devices of the account, up to the request limit."""
        rows: dict[str, list[Any]] = {"devices": [], "homes": []}
        complete = False
        try:
            for name, items in (("devices", self.iter_devices()), ("homes", self.iter_homes())):
                for item in items:
                    rows[name].append(item)
            complete = True
        except _RequestLimitError:
            text = "The status page lists only part of the account (at most %d requests per snapshot)."
            log.info(text, MAX_SNAPSHOT_REQUESTS)
        return _snapshot(rows["homes"], rows["devices"], complete)


def _snapshot(homes: Iterable[Any], devices: Iterable[Any], complete: bool) -> AccountSnapshot:
    names = {text_of(home.get("home_id")): _name(home.get("name"), home.get("home_id")) for home in homes}
    rows = [_device(device, names) for device in devices]
    devices_in = Counter(home for home, _ in rows)
    offline_in = Counter(home for home, row in rows if row["offline"])
    home_rows = [
        {"name": name, "devices": devices_in[home], "offline": offline_in[home]}
        for home, name in names.items()
    ]
    home_rows.sort(key=lambda row: (not row["offline"], row["name"]))
    device_rows = [row for _, row in rows]
    device_rows.sort(key=lambda row: (not row["offline"], not row["low"], row["home"], row["name"]))
    return AccountSnapshot(
        homes=tuple(home_rows[:MAX_ROWS]),
        devices=tuple(device_rows[:MAX_ROWS]),
        counts={
            "homes": len(home_rows),
            "devices": len(rows),
            "offline": sum(row["offline"] is True for row in device_rows),
            "low": sum(row["low"] for row in device_rows),
        },
        complete=complete,
    )


def _device(device: Mapping[str, Any], homes: Mapping[str | None, str]) -> tuple[str | None, dict[str, Any]]:
    """Return the ID of the device's home, and its row; missing fields are ``None``."""
    home = text_of(device.get("home"))
    heard = last_heard(device)
    battery = device.get("battery")
    percent = number_of(battery.get("percent")) if isinstance(battery, dict) else None
    valid = percent if percent is not None and 0 <= percent <= 100 else None
    return home, {
        "name": _name(device.get("description"), device.get("device_id")),
        "home": homes.get(home) or _name(None, home),
        "heard": to_text(heard) if heard else None,
        "battery": None if valid is None else round(valid),
        "low": valid is not None and valid <= LOW_BATTERY_PERCENT,
        "offline": flag_of(device.get("offline")),
    }


def _name(name: Any, identity: Any) -> str:
    text = (text_of(name) or "").strip() or text_of(identity) or "unknown"
    return text[:MAX_NAME_CHARACTERS]


def _compress(snapshot: AccountSnapshot) -> bytes:
    return zlib.compress(json.dumps(asdict(snapshot)).encode())
