"""Webhooks and the signed deliveries of events to them, with retries."""

from __future__ import annotations

import hashlib
import heapq
import hmac
import itertools
import json
import secrets
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import requests

from airflow_provider_minut.sandbox.config import DeliveryStyle

ALGORITHMS = {"sha256": hashlib.sha256, "sha1": hashlib.sha1}
TIMEOUT_SECONDS = 5.0
MAX_ATTEMPTS = 8
MAX_PAUSE_SECONDS = 60.0
POLL_SECONDS = 1.0
MAX_CONCURRENT_DELIVERIES = 8
MAX_LISTED_DELIVERIES = 1_000  # older ones are discarded

EventBody = dict[str, Any]


@dataclass
class Delivery:
    """The delivery of an event to a webhook: the number of attempts, and the last HTTP status."""

    event_id: str
    hook_id: str
    url: str
    attempts: int = 0
    status: int | None = None

    @property
    def arrived(self) -> bool:
        """Whether the webhook accepted the delivery."""
        return self.status is not None and 200 <= self.status < 300


class _Due(NamedTuple):
    """A scheduled attempt of a delivery; ``number`` decides between equal times."""

    at: float
    number: int
    delivery: Delivery
    body: bytes
    headers: dict[str, str]


class WebhookSender:
    """Registers webhooks and sends deliveries, in background threads that the first webhook starts.

    :param style: format of the deliveries.
    :param newest: returns the newest user events; new ones among them are delivered.
    """

    def __init__(self, style: DeliveryStyle, newest: Callable[[], list[EventBody]]) -> None:
        self._style = style
        self._newest = newest
        self._hooks: dict[str, dict[str, Any]] = {}  # with their secrets
        self._announced_ids: deque[str] = deque(maxlen=10 * MAX_LISTED_DELIVERIES)
        self._due: list[_Due] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._stopped = False
        self._thread: threading.Thread | None = None
        self._sent: deque[Delivery] = deque(maxlen=MAX_LISTED_DELIVERIES)
        self._counts: Counter[str] = Counter()

    def register(self, url: str, events: list[str], token: str | None, created_at: str) -> dict[str, Any]:
        """Add a webhook and return it, with its secret."""
        hook: dict[str, Any] = {
            "hook_id": secrets.token_hex(12),
            "created_at": created_at,
            "url": url,
            "events": events,
            "token": token,
            "hook_secret": secrets.token_hex(20),
        }
        with self._changed:
            if self._thread is None:
                self._announced_ids.extend(event["id"] for event in self._newest())
                self._thread = threading.Thread(target=self._run, name="minut-sandbox-webhooks", daemon=True)
                self._thread.start()
            self._hooks[hook["hook_id"]] = hook
        return hook | {"token": token is not None}

    def hooks(self) -> list[dict[str, Any]]:
        """Return the webhooks as the API lists them."""
        hooks = [hook | {"token": hook["token"] is not None} for hook in self._hooks.values()]
        return [{name: hook[name] for name in hook if name != "hook_secret"} for hook in hooks]

    def remove(self, hook_id: str) -> bool:
        """Remove a webhook; return whether it existed."""
        with self._changed:
            return self._hooks.pop(hook_id, None) is not None

    def announce(self, event: EventBody, *, copies: int = 1, delay: float = 0, signed: bool = True) -> int:
        """Send an event to all webhooks that subscribe to it, and return their number.

        :param copies: number of deliveries to each webhook.
        :param delay: seconds until it is delivered, so that later events can overtake it.
        :param signed: whether the signature is valid.
        """
        with self._changed:
            self._announced_ids.append(event["id"])
            hooks = [h for h in self._hooks.values() if "*" in h["events"] or event["type"] in h["events"]]
            for hook in hooks:
                for _ in range(copies):
                    self._send_later(hook, event, delay, signed=signed)
            self._changed.notify()
        return len(hooks)

    def sent(self) -> list[Delivery]:
        """Return the last deliveries, including pending ones."""
        with self._changed:
            return list(self._sent)

    def counts(self) -> dict[str, int]:
        """Return the number of attempts by HTTP status, or ``unanswered``."""
        with self._changed:
            return dict(self._counts)

    def stop(self) -> None:
        """Stop sending, and discard pending deliveries."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        if self._thread:
            self._thread.join()

    def _send_later(self, hook: dict[str, Any], event: EventBody, delay: float, *, signed: bool) -> None:
        content = event if self._style.bare else {"hook_id": hook["hook_id"], "event": event}
        if hook["token"] is not None:
            content = {**content, "token": hook["token"]}
        body = json.dumps(content).encode()
        key = hook["hook_secret"] if signed else secrets.token_hex(20)
        signature = hmac.new(key.encode(), body, ALGORITHMS[self._style.algorithm]).hexdigest()
        headers = {"Content-Type": "application/json", self._style.header: signature}
        delivery = Delivery(event["id"], hook["hook_id"], hook["url"])
        self._sent.append(delivery)
        due = _Due(time.monotonic() + delay, next(self._numbers), delivery, body, headers)
        heapq.heappush(self._due, due)

    def _run(self) -> None:
        next_poll = time.monotonic() + POLL_SECONDS
        with ThreadPoolExecutor(MAX_CONCURRENT_DELIVERIES, "minut-sandbox-webhook") as pool:
            while not self._stopped:
                with self._changed:
                    now = time.monotonic()
                    while self._due and self._due[0].at <= now:
                        pool.submit(self._attempt, heapq.heappop(self._due))
                    until = min(next_poll, self._due[0].at) if self._due else next_poll
                    self._changed.wait(max(until - now, 0))
                if time.monotonic() >= next_poll:
                    self._announce_new()
                    next_poll = time.monotonic() + POLL_SECONDS

    def _announce_new(self) -> None:
        """Send the simulated events that occurred since the last poll."""
        for event in reversed(self._newest()):
            if event["id"] not in self._announced_ids:
                self.announce(event)

    def _attempt(self, due: _Due) -> None:
        delivery = due.delivery
        if self._stopped or delivery.hook_id not in self._hooks:
            return
        try:
            response = requests.post(
                delivery.url, data=due.body, headers=due.headers, timeout=TIMEOUT_SECONDS
            )
            delivery.status = response.status_code
        except requests.RequestException:
            delivery.status = None
        with self._changed:
            delivery.attempts += 1
            self._counts[str(delivery.status or "unanswered")] += 1
            if not delivery.arrived and delivery.attempts < MAX_ATTEMPTS:
                pause = min(self._style.pause * 2 ** (delivery.attempts - 1), MAX_PAUSE_SECONDS)
                heapq.heappush(self._due, due._replace(at=time.monotonic() + pause))
                self._changed.notify()
