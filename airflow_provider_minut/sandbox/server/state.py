"""State of a running sandbox: client, tokens, rate limit and counters."""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import jwt

from airflow_provider_minut.sandbox.config import SandboxConfig
from airflow_provider_minut.sandbox.server.faults import Faults
from airflow_provider_minut.sandbox.server.webhook_sender import WebhookSender
from airflow_provider_minut.sandbox.simulation.catalog import USER
from airflow_provider_minut.sandbox.simulation.world import World

if TYPE_CHECKING:
    from jwt.types import Options

# developer.minut.com, API information: delayed after 20 requests/s, rejected after 50/s and after 120/min.
DELAYED_AFTER_PER_SECOND, REJECTED_AFTER_PER_SECOND, REJECTED_AFTER_PER_MINUTE = 20, 50, 120
MAX_NEW_EVENTS = 100  # user events that are checked for new ones on each poll
DELAY_PER_REQUEST_SECONDS = 0.05  # an assumption


class SandboxState:
    """Issues and verifies tokens, applies the rate limit, counts requests, and holds the simulation.

    :param config: configuration of the sandbox.
    :param clock: returns the current time, in seconds since the epoch.
    """

    def __init__(self, config: SandboxConfig, *, clock: Callable[[], float] = time.time) -> None:
        self.config = config
        self.client_secret = config.client_secret
        self.token_lifetime = config.token_lifetime
        self.world = World(config, clock)
        self.deliveries = WebhookSender(
            config.deliveries, lambda: self.world.user_events(0, MAX_NEW_EVENTS, newest_first=True)
        )
        self.faults = Faults(config.seed, config.fault_rate)
        self._clock = clock
        self._lock = threading.Lock()
        self._key = secrets.token_bytes(32)
        self._expires: dict[str, float] = {}  # by token ID, without revoked tokens
        self._admitted: deque[float] = deque()
        self._arrived: deque[float] = deque()
        self._requests: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()
        self._counts = {"token_requests": 0, "tokens_issued": 0, "max_in_1s": 0, "max_in_60s": 0}

    def is_client(self, client_id: str, client_secret: str) -> bool:
        """Return whether these are the credentials of the client, compared in constant time."""
        same_id = hmac.compare_digest(client_id.encode(), self.config.client_id.encode())
        return hmac.compare_digest(client_secret.encode(), self.client_secret.encode()) and same_id

    def issue_token(self) -> str:
        """Return a new HS256 JWT with the claims that Minut's documentation shows."""
        now = self._clock()
        token_id = secrets.token_hex(8)
        with self._lock:
            self._expires[token_id] = now + self.token_lifetime
            self._counts["tokens_issued"] += 1
        claims = {
            "userId": USER["user_id"],
            "roles": [],
            "orgId": "64aa0000000000000000c001",
            "scope": "",
            "clientId": self.config.client_id,
            "iat": int(now),
            "exp": int(now + self.token_lifetime),
            "iss": "Minut, Inc.",
            "jti": token_id,
        }
        return jwt.encode(claims, self._key, algorithm="HS256")

    def is_valid(self, token: str) -> bool:
        """Return whether ``token`` was issued by this sandbox, and is neither expired nor revoked."""
        try:
            # Expiry is checked below, with fractions of a second, which the claim does not have.
            options: Options = {"verify_exp": False, "verify_iat": False}
            claims = jwt.decode(token, self._key, algorithms=["HS256"], options=options)
        except jwt.InvalidTokenError:
            return False
        with self._lock:
            return self._clock() < self._expires.get(claims["jti"], 0)

    def revoke_tokens(self) -> None:
        """Invalidate all tokens issued so far."""
        with self._lock:
            self._expires.clear()

    def admit(self) -> float | None:
        """Count an API request; return the seconds to delay it, or ``None`` to reject it."""
        now = self._clock()
        with self._lock:
            self._arrived.append(now)
            for times in (self._arrived, self._admitted):
                while times and times[0] <= now - 60:
                    times.popleft()
            arrived, admitted = _count_since(now - 1, self._arrived), _count_since(now - 1, self._admitted)
            self._counts["max_in_1s"] = max(self._counts["max_in_1s"], arrived)
            self._counts["max_in_60s"] = max(self._counts["max_in_60s"], len(self._arrived))
            full = admitted >= REJECTED_AFTER_PER_SECOND or len(self._admitted) >= REJECTED_AFTER_PER_MINUTE
            if self.config.rate_limit and full:
                return None
            self._admitted.append(now)
            over = max(admitted + 1 - DELAYED_AFTER_PER_SECOND, 0) if self.config.rate_limit else 0
            return over * DELAY_PER_REQUEST_SECONDS

    def count_token_request(self) -> None:
        """Count a request to the token endpoint, whatever its response."""
        with self._lock:
            self._counts["token_requests"] += 1

    def count_request(self, request: str, status: int | None) -> None:
        """Count a request below the base URL, including the token endpoint.

        :param request: method and path, without IDs.
        :param status: HTTP status of the response; ``None`` without a response.
        """
        with self._lock:
            self._requests[request] += 1
            if status is not None:
                self._statuses[str(status)] += 1

    def stats(self) -> dict[str, Any]:
        """Return all counters."""
        with self._lock:
            return {
                **self._counts,
                "requests": dict(self._requests),
                "statuses": dict(self._statuses),
                "faults": dict(self.faults.counts),
                "deliveries": self.deliveries.counts(),
            }


def _count_since(since: float, times: deque[float]) -> int:
    return sum(1 for _ in takewhile(lambda time_: time_ > since, reversed(times)))
