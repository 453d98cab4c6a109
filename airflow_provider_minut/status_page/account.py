"""What the page shows of a connection's account: read from Minut now and then, once for all pages.

However many pages are open, and however many API servers share a state, Minut gets at most sixty
requests an hour for it: one snapshot may take :data:`MAX_SNAPSHOT_REQUESTS` requests, and the next one is
:data:`SECONDS_PER_REQUEST` seconds later for each of them. Those before the last in an hour are then at
most 48. A request for a token is one of them.
"""

from __future__ import annotations

import json
import logging
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from airflow_provider_minut.api.client import MinutClient
from airflow_provider_minut.api.clock import SYSTEM_CLOCK, Clock
from airflow_provider_minut.api.resources.devices import DevicesResource
from airflow_provider_minut.api.resources.homes import HomesResource
from airflow_provider_minut.api.times import to_text
from airflow_provider_minut.exceptions import MinutAuthenticationError, MinutError

log = logging.getLogger(__name__)

SECONDS_PER_REQUEST = 75.0  # seconds
MAX_SNAPSHOT_REQUESTS = 12
# The most that one call may take: a token, the request, another token, and the request again.
MAX_REQUESTS_PER_CALL = 4
MAX_ROWS = 1_000  # homes, and devices
MAX_NAME_CHARACTERS = 80  # of a name
MAX_SNAPSHOT_BYTES = 36_000  # what is read of a shared file is limited, and encryption adds a third
LOW_BATTERY_PERCENT = 20  # percent
# Less for tasks than this part of a minute's budget: then a page has to wait.
MAX_USED_SHARE = 0.8
ACCOUNT_SETTINGS = {"timeout": 10.0, "max_attempts": 1, "deadline": 15.0}


@dataclass(frozen=True, kw_only=True)
class AccountSnapshot:
    """An account as Minut described it. Times are seconds since the epoch.

    :param next_at: when Minut may be asked again.
    :param read_at: when it was read; 0 if never.
    :param problem: why it could not be read the last time; empty if it could.
    :param rejected: whether that was because of the credentials.
    :param homes: those with problems first; ``name``, ``devices``, ``offline``.
    :param devices: the same; ``name``, ``home``, ``heard``, ``battery``, ``offline``, ``low``.
    :param counts: how many there are of ``homes``, ``devices``, ``offline`` and ``low``.
    :param complete: whether Minut told of all of them.
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
    """What is known of the account that a client is for, by all who share its state.

    :param client: of the connection, with :data:`ACCOUNT_SETTINGS`.
    :param clock: the time; another in tests.
    """

    def __init__(self, client: MinutClient, clock: Clock = SYSTEM_CLOCK) -> None:
        self.client = client
        self._clock = clock
        self._vault = client.encrypted_entry("snapshot 1")

    def cached(self) -> AccountSnapshot:
        """Return what is known, without client Minut."""
        stored = self._vault.read()
        return AccountSnapshot(**json.loads(zlib.decompress(stored))) if stored else AccountSnapshot()

    def is_due(self, snapshot: AccountSnapshot) -> bool:
        """Return whether Minut may be asked again."""
        # Further ahead than ever: it was noted on a clock that has since been set back.
        return (
            not 0
            < snapshot.next_at - self._clock.time()
            <= (MAX_SNAPSHOT_REQUESTS + MAX_REQUESTS_PER_CALL) * SECONDS_PER_REQUEST
        )

    def read(self) -> None:
        """Ask Minut, unless somebody did or does. Never raises a :class:`MinutError`."""
        with self._vault.lock(timeout=0) as mine:
            before = self.cached()
            if not mine or not self.is_due(before):
                return
            now = self._clock.time()
            # First of all, so that whoever is killed meanwhile is not followed at once.
            self._keep(replace(before, next_at=now + SECONDS_PER_REQUEST))
            client = _ThrottledClient(self.client)
            try:
                after = client.snapshot()
            except MinutError as error:
                rejected = isinstance(error, MinutAuthenticationError)
                after = replace(before, problem=str(error), rejected=rejected)
            else:
                after = replace(after, read_at=now)
            self._keep(
                replace(after, next_at=self._clock.time() + SECONDS_PER_REQUEST * max(client.spent(), 1))
            )

    def _keep(self, snapshot: AccountSnapshot) -> None:
        packed = _packed(snapshot)
        while len(packed) > MAX_SNAPSHOT_BYTES:
            homes, devices = (rows[: len(rows) // 2] for rows in (snapshot.homes, snapshot.devices))
            snapshot = replace(snapshot, homes=homes, devices=devices)
            packed = _packed(snapshot)
        self._vault.write(packed, lifetime=86_400.0)


class _RequestLimitError(Exception):
    """So many requests have been sent that the rest has to be left out."""


class _ThrottledClient(DevicesResource, HomesResource):
    """Asks for few things, and only while tasks leave room for it."""

    def __init__(self, client: MinutClient) -> None:
        super().__init__(client.settings)
        self._client = client
        self._before = self._sent()

    def _sent(self) -> int:
        return self._client.request_count + self._client.token_request_count

    def spent(self) -> int:
        """Return how many requests it took until now, those for tokens too."""
        return self._sent() - self._before

    def request(
        self, method: str, path: str, *, params: Mapping[str, Any] | None = None, json: Any = None
    ) -> Any:
        """Send a request.

        :raises MinutError: the budget is needed by others, or as the client.
        """
        budget = self._client.status().rate_limit
        if budget.paused or budget.waiting or budget.last_minute >= MAX_USED_SHARE * budget.per_minute:
            text = "Not read, to leave the request budget to tasks."
            raise MinutError(text)
        if self.spent() + MAX_REQUESTS_PER_CALL > MAX_SNAPSHOT_REQUESTS:
            raise _RequestLimitError
        return self._client.request(method, path, params=params, json=json)

    def snapshot(self) -> AccountSnapshot:
        """Return the homes and devices of the account, as many as a few requests tell."""
        found: dict[str, list[Any]] = {"devices": [], "homes": []}
        complete = False
        try:
            for name, items in (("devices", self.iter_devices()), ("homes", self.iter_homes())):
                for item in items:
                    found[name].append(item)
            complete = True
        except _RequestLimitError:
            log.info("The account has more homes than the page asks for.")
        return _snapshot(found["homes"], found["devices"], complete)


def _snapshot(homes: Iterable[Any], devices: Iterable[Any], complete: bool) -> AccountSnapshot:
    names = {_text(home.get("home_id")): _name(home.get("name"), home.get("home_id")) for home in homes}
    rows = [_device(device, names) for device in devices]
    inside = Counter(home for home, _ in rows)
    offline = Counter(home for home, row in rows if row["offline"])
    home_rows = [
        {"name": name, "devices": inside[home], "offline": offline[home]} for home, name in names.items()
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
    """Return the home's id, and a row; fields that Minut left out are ``None``."""
    home = _text(device.get("home"))
    times = list(_times(device.get(name) for name in ("last_heard_from_at", "last_heartbeat_at")))
    battery = device.get("battery")
    percent = battery.get("percent") if isinstance(battery, dict) else None
    known = percent if isinstance(percent, int | float) and 0 <= percent <= 100 else None
    offline = device.get("offline")
    return home, {
        "name": _name(device.get("description"), device.get("device_id")),
        "home": homes.get(home) or _name(None, home),
        "heard": to_text(max(times)) if times else None,
        "battery": None if known is None else round(known),
        "low": known is not None and known <= LOW_BATTERY_PERCENT,
        "offline": offline if isinstance(offline, bool) else None,
    }


def _times(values: Iterable[Any]) -> Iterator[datetime]:
    return (value for value in values if isinstance(value, datetime))


def _name(name: Any, identity: Any) -> str:
    text = (_text(name) or "").strip() or _text(identity) or "unknown"
    return text[:MAX_NAME_CHARACTERS]


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _packed(snapshot: AccountSnapshot) -> bytes:
    return zlib.compress(json.dumps(asdict(snapshot)).encode())
