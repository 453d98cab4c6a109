"""The rate limiter: limits requests per second and per minute, for all clients that share a state.

The windows slide, and are longer than the server's: that of a minute by a quarter of a second, that of a
second by a tenth, because Minut only delays what exceeds 20 a second. Two requests that were sent a
minute apart may arrive closer together, and a client that uses the whole limit would then exceed it. Minut
documents the limits, but not whether its windows slide, nor what they are counted per.
"""

from __future__ import annotations

import hashlib
import logging
import math
from dataclasses import dataclass

from airflow_provider_minut.api.clock import Clock
from airflow_provider_minut.api.shared_state.base import SharedState
from airflow_provider_minut.api.shared_state.reservations import Rate
from airflow_provider_minut.exceptions import MinutRateLimitError

log = logging.getLogger(__name__)

SECOND_WINDOW_SECONDS, MINUTE_WINDOW_SECONDS = 1.1, 60.25
# The longest pause after a 429: a single response must not stop all tasks for a day.
MAX_PAUSE_SECONDS = 300.0
# A response that is later than the fastest one by this much shows that its request may have arrived late. By
# more than the maximum, the response itself was probably slow.
MIN_LATENESS_SECONDS, MAX_LATENESS_SECONDS = 0.1, 1.0
# Shorter delays are not logged.
MIN_LOGGED_WAIT_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class RateLimitStatus:
    """Current use of the rate limit by all clients that share it.

    :param per_second: Requests allowed per second.
    :param per_minute: Requests allowed per minute.
    :param last_second: Requests sent in the last second.
    :param last_minute: Requests sent in the last minute.
    :param waiting: Requests with a reservation in the future.
    :param paused: Seconds for which no request may be sent; 0 without a pause.
    """

    per_second: int
    per_minute: int
    last_second: int
    last_minute: int
    waiting: int
    paused: float


class RateLimiter:
    """Delays the requests of one OAuth client so that they stay within the rate limit.

    :param state: Backend that stores the reservations.
    :param base_url: Base URL of the API.
    :param client_id: OAuth client ID; the limit applies to it, whatever its secret
        (inferred).
    :param per_second: Requests allowed in any second, at least 1.
    :param per_minute: Requests allowed in any minute, at least 1.
    :param clock: Returns the time, and sleeps.
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
        self._fastest = math.inf

    def acquire(self, request: str, *, deadline: float) -> float:
        """Reserve a time for a request and sleep until then; return the delay in seconds.

        :param request: Method and path, for messages.
        :param deadline: Time by which the response must have arrived, on the monotonic clock.
        :raises MinutRateLimitError: if the delay would exceed the deadline; then nothing is reserved.
        """
        waited = 0.0
        while seconds := self._reserve(request, deadline - self._clock.monotonic()):
            if seconds >= MIN_LOGGED_WAIT_SECONDS:
                log.info("Rate limit reached (%s); delaying %s by %.0f s.", self._limits(), request, seconds)
            self._clock.sleep(seconds)
            waited += seconds
            if self._state.reservations(self._name, now=self._clock.time()).paused <= 0:
                break  # no 429 has caused a pause meanwhile
        return waited

    def note_response(self, seconds: float) -> None:
        """Note when a response began; if it was late, its request may have been, and counts from then on.

        The first requests of a client, for which connections are opened, arrive later than those a minute
        after them, which the server would count in the same minute.

        :param seconds: Seconds since the reserved time.
        """
        self._fastest = min(self._fastest, seconds)
        late = min(seconds - self._fastest, MAX_LATENESS_SECONDS)
        if late >= MIN_LATENESS_SECONDS:
            self._state.postpone(self._name, late, age=seconds, now=self._clock.time())

    def pause(self, seconds: float) -> None:
        """Delay all requests by this many seconds, because the API returned 429."""
        self._state.pause(self._name, min(seconds, MAX_PAUSE_SECONDS), now=self._clock.time())

    def status(self) -> RateLimitStatus:
        """Return the current use of the rate limit."""
        reservations = self._state.reservations(self._name, now=self._clock.time())
        return RateLimitStatus(
            per_second=self._rates[0].limit,
            per_minute=self._rates[1].limit,
            last_second=sum(-1 < ahead <= 0 for ahead in reservations.ahead),
            last_minute=sum(-60 < ahead <= 0 for ahead in reservations.ahead),
            waiting=sum(ahead > 0 for ahead in reservations.ahead),
            paused=max(reservations.paused, 0.0),
        )

    def _reserve(self, request: str, within: float) -> float:
        """Reserve the next free time; return the seconds until it."""
        seconds = self._state.reserve(self._name, self._rates, now=self._clock.time(), within=within)
        if seconds > within:
            raise MinutRateLimitError(
                f"{request} was not sent: the rate limiter would delay it by {seconds:.0f} s, beyond the "
                f"request deadline ({self._limits()}).",
                remedy="Reduce task concurrency.",
                retry_after=seconds,
            )
        return seconds

    def _limits(self) -> str:
        return f"{self._rates[1].limit} requests/min, shared by this client ID"
