"""The request budget: at most so many requests a second and a minute, for all who share a state.

A log of the granted slots. Who wants to send takes the next free slot under a lock, and sleeps until
it outside the lock; so it is first come, first served, and nobody starves.

The windows are a quarter of a second longer than the server's. Two requests that left a minute apart
may arrive closer together, and a client that fills a window to the brim would be over the limit.
"""

from __future__ import annotations

import hashlib
import logging
from array import array

from airflow_provider_minut.api.clock import Clock
from airflow_provider_minut.api.shared_state import SharedState
from airflow_provider_minut.exceptions import MinutRateLimitError

log = logging.getLogger(__name__)

SECOND, MINUTE = 1.25, 60.25
# The longest pause after a 429: an answer must not stop a fleet for a day.
MAX_PAUSE = 300.0
# Slots further ahead than this were taken on a clock that has since been set back.
HORIZON = 40 * MINUTE
# Shorter waits are not worth a line in a log.
WORTH_TELLING = 2.0
# Times are whole microseconds since the epoch; the first number of a log is when a pause ends.
MICROSECONDS = 1_000_000


class Budget:
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
        self._name = hashlib.sha256(f"minut|1|budget|{base_url}|{client_id}".encode()).hexdigest()[:40]
        self._per_second, self._per_minute = per_second, per_minute
        self._clock = clock

    def wait(self, what: str, *, deadline: float) -> None:
        """Wait for a free slot.

        :param what: the request, for the message.
        :param deadline: when its answer must be there at the latest, on the monotonic clock.
        :raises MinutRateLimitError: if there is no slot before that; then none is taken.
        """
        while seconds := self._reserve(what, deadline - self._clock.monotonic()):
            if seconds >= WORTH_TELLING:
                log.info("%s waits %.0f s for its turn: %s.", what, seconds, self._limits())
            self._clock.sleep(seconds)
            if not self._is_paused():  # somebody may have met a 429 meanwhile
                return

    def pause(self, seconds: float) -> None:
        """Let nobody send for so long: the API said that it is too much, whatever was counted here."""

        def change(stored: bytes) -> bytes:
            pause_until, slots = self._parse(stored)
            until = self._now() + int(min(seconds, MAX_PAUSE) * MICROSECONDS)
            return _dump(max(pause_until, until), slots)

        self._state.update(self._name, change)

    def _reserve(self, what: str, within: float) -> float:
        """Take the next free slot; return the seconds until it."""
        seconds = 0.0

        def change(stored: bytes) -> bytes:
            nonlocal seconds
            pause_until, slots = self._parse(stored)
            now = self._now()
            slot = max(now, pause_until, *slots[-1:])
            for count, window in ((self._per_second, SECOND), (self._per_minute, MINUTE)):
                if len(slots) >= count:
                    slot = max(slot, slots[-count] + int(window * MICROSECONDS))
            seconds = (slot - now) / MICROSECONDS
            if seconds > within:
                text = f"{what} was not sent: its turn would come in {seconds:.0f} s, which is too late"
                text = f"{text} ({self._limits()}). Run fewer tasks at once."
                raise MinutRateLimitError(text, retry_after=seconds)
            slots.append(slot)
            return _dump(pause_until, slots[-max(self._per_second, self._per_minute) :])

        self._state.update(self._name, change)
        return seconds

    def _is_paused(self) -> bool:
        return self._parse(self._state.read(self._name) or b"")[0] > self._now()

    def _now(self) -> int:
        return int(self._clock.time() * MICROSECONDS)

    def _limits(self) -> str:
        return f"{self._per_minute} requests a minute are shared by all that use this client"

    def _parse(self, stored: bytes) -> tuple[int, array[int]]:
        """Return when a pause ends, and the slots, oldest first; nothing if they make no sense."""
        numbers = array("q")
        if stored and len(stored) % numbers.itemsize == 0:
            numbers.frombytes(stored)
            end = self._now() + int(HORIZON * MICROSECONDS)
            slots = numbers[1:]
            in_order = all(map(int.__le__, slots, slots[1:]))
            if in_order and max(numbers) <= end and min(numbers) >= 0:
                return numbers[0], slots
        if stored:
            log.debug("The shared request budget cannot be read; it starts anew.")
        return 0, array("q")


def _dump(pause_until: int, slots: array[int]) -> bytes:
    return array("q", [pause_until]).tobytes() + slots.tobytes()
