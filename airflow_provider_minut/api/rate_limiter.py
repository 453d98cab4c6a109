"""The request budget: at most so many requests a second and a minute, for all who share a state.

The windows are a quarter of a second longer than the server's. Two requests that left a minute apart
may arrive closer together, and a client that fills a window to the brim would be over the limit.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass

from airflow_provider_minut.api.clock import Clock
from airflow_provider_minut.api.shared_state.base import SharedState
from airflow_provider_minut.api.shared_state.reservations import Rate
from airflow_provider_minut.exceptions import MinutRateLimitError

log = logging.getLogger(__name__)

SECOND_WINDOW_SECONDS, MINUTE_WINDOW_SECONDS = 1.25, 60.25
# The longest pause after a 429: an answer must not stop a fleet for a day.
MAX_PAUSE_SECONDS = 300.0
# Shorter waits are not worth a line in a log.
MIN_LOGGED_WAIT_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class RateLimitStatus:
    """How much of a budget is used, by all who share it.

    :param per_second: requests allowed in a second.
    :param per_minute: requests allowed in a minute.
    :param last_second: requests sent in the last second.
    :param last_minute: requests sent in the last minute.
    :param waiting: requests that have a slot in the future.
    :param paused: seconds for which nobody may send, 0 without a pause.
    """

    per_second: int
    per_minute: int
    last_second: int
    last_minute: int
    waiting: int
    paused: float


class RateLimiter:
    """Grants slots to the requests of one OAuth client.

    :param state: where the slots are counted.
    :param base_url: the API that the client is for.
    :param client_id: the OAuth client; requests are counted for it, whatever its secret.
    :param per_second: requests in any second, at least 1.
    :param per_minute: requests in any minute, at least 1.
    :param clock: the time, and the way to wait.
    """

    def __init__(
        self,
        state: SharedState,
        base_url: str,
        client_id: str,
        *,
        per_second: int,
        per_minute: int,
        clock: Clock,
    ) -> None:
        self._state = state
        self._name = hashlib.sha256(f"minut|3|rate-limit|{base_url}|{client_id}".encode()).hexdigest()[:40]
        self._rates = Rate(per_second, SECOND_WINDOW_SECONDS), Rate(per_minute, MINUTE_WINDOW_SECONDS)
        self._clock = clock

    def acquire(self, what: str, *, deadline: float) -> float:
        """Wait for a free slot; return the seconds that it took, 0 if there was one.

        :param what: the request, for the message.
        :param deadline: when its answer must be there at the latest, on the monotonic clock.
        :raises MinutRateLimitError: if there is no slot before that; then none is taken.
        """
        waited = 0.0
        while seconds := self._take(what, deadline - self._clock.monotonic()):
            if seconds >= MIN_LOGGED_WAIT_SECONDS:
                log.info("Rate limit reached (%s); delaying %s by %.0f s.", self._limits(), what, seconds)
            self._clock.sleep(seconds)
            waited += seconds
            if self._state.reservations(self._name, now=self._clock.time()).paused <= 0:
                break  # nobody met a 429 meanwhile
        return waited

    def pause(self, seconds: float) -> None:
        """Let nobody send for so long: the API said that it is too much, whatever was counted here."""
        self._state.pause(self._name, min(seconds, MAX_PAUSE_SECONDS), now=self._clock.time())

    def status(self) -> RateLimitStatus:
        """Return how much is used."""
        slots = self._state.reservations(self._name, now=self._clock.time())
        return RateLimitStatus(
            per_second=self._rates[0].limit,
            per_minute=self._rates[1].limit,
            last_second=sum(-1 < ahead <= 0 for ahead in slots.ahead),
            last_minute=sum(-60 < ahead <= 0 for ahead in slots.ahead),
            waiting=sum(ahead > 0 for ahead in slots.ahead),
            paused=max(slots.paused, 0.0),
        )

    def _take(self, what: str, within: float) -> float:
        """Take the next free slot; return the seconds until it."""
        seconds = self._state.reserve(self._name, self._rates, now=self._clock.time(), within=within)
        if seconds > within:
            raise MinutRateLimitError(
                f"{what} was not sent: the rate limiter would delay it by {seconds:.0f} s, beyond the "
                f"request deadline ({self._limits()}).",
                remedy="Reduce task concurrency.",
                retry_after=seconds,
            )
        return seconds

    def _limits(self) -> str:
        return f"{self._rates[1].limit} requests/min, shared by this client ID"
