"""A shared state in Redis: for all workers of a cluster."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.lock import Lock
from redis.retry import Retry

from airflow_provider_minut.api.shared_state.base import SharedState
from airflow_provider_minut.api.shared_state.reservations import (
    MAX_AHEAD_SECONDS,
    MICROSECONDS_PER_SECOND,
    Rate,
    Reservations,
)
from airflow_provider_minut.exceptions import MinutConfigurationError

log = logging.getLogger(__name__)
_Result = TypeVar("_Result")

KEY_PREFIX = "minut:"
# Seconds to wait for Redis, to connect and for each answer. Without a retry: redis-py 8 makes ten.
REDIS_TIMEOUT_SECONDS = 0.5
# Seconds for which Redis is left alone after it failed.
RETRY_AFTER_FAILURE_SECONDS = 30.0
# Seconds after which the lock of a dead process is free. A living holder renews it.
LOCK_LEASE_SECONDS = 3.0
LOCK_POLL_SECONDS = 0.05

# On Redis' own clock, so that the clocks of the workers do not matter. KEYS: the log (a list of reservations,
# oldest first) and the pause (which expires). ARGV: within, how far ahead a reservation may lie, then limit
# and window of each rate; all in microseconds. The same algorithm as ReservationLog.reserve.
RESERVE_SCRIPT = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local slot = now + math.max(redis.call('PTTL', KEYS[2]), 0) * 1000
local last = tonumber(redis.call('LINDEX', KEYS[1], -1) or 0)
if not last or last > now + tonumber(ARGV[2]) then
  redis.call('DEL', KEYS[1])
  last = 0
end
slot = math.max(slot, last)
local longest, most = 0, 0
for i = 3, #ARGV, 2 do
  local count, window = tonumber(ARGV[i]), tonumber(ARGV[i + 1])
  local earlier = tonumber(redis.call('LINDEX', KEYS[1], -count) or nil)
  if earlier then slot = math.max(slot, earlier + window) end
  longest, most = math.max(longest, window), math.max(most, count)
end
if slot - now <= tonumber(ARGV[1]) then
  redis.call('RPUSH', KEYS[1], string.format('%.0f', slot))
  redis.call('LTRIM', KEYS[1], -most, -1)
  redis.call('PEXPIRE', KEYS[1], math.ceil((slot - now + longest) / 1000))
end
return slot - now
"""


class RedisState:
    """Shared by all who use the same Redis. A cache: while it fails, something else takes over.

    :param url: as redis-py takes it: ``redis://``, ``rediss://``, with its options in the query.
    :param fallback: what takes over while Redis cannot be used.
    :raises MinutConfigurationError: if the URL cannot be used.
    """

    def __init__(self, url: str, *, fallback: SharedState) -> None:
        timeouts: dict[str, Any] = {
            "socket_timeout": REDIS_TIMEOUT_SECONDS,
            "socket_connect_timeout": REDIS_TIMEOUT_SECONDS,
        }
        try:
            self._redis = redis.Redis.from_url(url, **timeouts, retry=Retry(NoBackoff(), 0))
        except (ValueError, TypeError):
            raise MinutConfigurationError(
                "shared_state",
                "is not a Redis URL like redis://host:6379/0 or rediss://user:password@host:6380/0",
            ) from None
        self._reserve_script = self._redis.register_script(
            RESERVE_SCRIPT
        )  # loads itself again if Redis forgot it
        self._fallback = fallback
        self._failed_at = -RETRY_AFTER_FAILURE_SECONDS
        self._warned = False
        server = self._redis.connection_pool.connection_kwargs
        self._where = server.get("path") or f"{server.get('host')}:{server.get('port')}"

    def __str__(self) -> str:
        return f"Redis at {self._where}"

    def read(self, name: str) -> bytes | None:
        """Return the entry, or ``None`` if there is none."""

        def get() -> bytes | None:
            entry = self._redis.get(KEY_PREFIX + name)
            return entry if isinstance(entry, bytes) else None

        return self._or_fallback(get, lambda: self._fallback.read(name))

    def write(self, name: str, entry: bytes, *, lifetime: float) -> None:
        """Put ``entry`` in the place of what was there; Redis forgets it after ``lifetime`` seconds."""

        def put() -> None:
            self._redis.set(KEY_PREFIX + name, entry, px=max(int(lifetime * 1000), 1))

        self._or_fallback(put, lambda: self._fallback.write(name, entry, lifetime=lifetime))

    @contextmanager
    def lock(self, name: str, *, timeout: float) -> Iterator[bool]:
        """Hold the lock ``name``; gives whether it was had within ``timeout`` seconds."""
        # Each holder has a lock object of its own, so threads exclude each other too.
        lock = Lock(
            self._redis,
            f"{KEY_PREFIX}{name}:lock",
            timeout=LOCK_LEASE_SECONDS,
            sleep=LOCK_POLL_SECONDS,
            thread_local=False,
        )
        with ExitStack() as stack:
            held = self._or_fallback(
                lambda: lock.acquire(blocking=timeout > 0, blocking_timeout=timeout if timeout > 0 else None),
                lambda: stack.enter_context(self._fallback.lock(name, timeout=timeout)),
            )
            if held and lock.local.token:
                stack.enter_context(_lease_extended(lock))
            yield held

    def reserve(self, name: str, rates: Sequence[Rate], *, now: float, within: float) -> float:
        """Take the next free slot on Redis' clock; return the seconds until it."""
        numbers = [within, MAX_AHEAD_SECONDS]
        for rate in rates:
            numbers += [rate.limit / MICROSECONDS_PER_SECOND, rate.window]
        arguments = [int(number * MICROSECONDS_PER_SECOND) for number in numbers]
        return self._or_fallback(
            lambda: int(self._reserve_script(keys=_keys(name), args=arguments)) / MICROSECONDS_PER_SECOND,
            lambda: self._fallback.reserve(name, rates, now=now, within=within),
        )

    def pause(self, name: str, seconds: float, *, now: float) -> None:
        """Let nobody send for so long."""
        key = _keys(name)[1]

        def extend() -> None:
            if self._redis.pttl(key) < seconds * 1000:
                self._redis.set(key, b"", px=max(int(seconds * 1000), 1))

        self._or_fallback(extend, lambda: self._fallback.pause(name, seconds, now=now))

    def reservations(self, name: str, *, now: float) -> Reservations:
        """Return what is in the log."""

        def read() -> Reservations:
            log_key, pause_key = _keys(name)
            pipeline = self._redis.pipeline()
            pipeline.time()
            pipeline.pttl(pause_key)
            pipeline.lrange(log_key, 0, -1)
            (seconds, microseconds), pause, reserved = pipeline.execute()
            at = seconds * MICROSECONDS_PER_SECOND + microseconds
            ahead = tuple((int(time) - at) / MICROSECONDS_PER_SECOND for time in reserved)
            return Reservations(pause / 1000, ahead)

        return self._or_fallback(read, lambda: self._fallback.reservations(name, now=now))

    def _or_fallback(self, do: Callable[[], _Result], otherwise: Callable[[], _Result]) -> _Result:
        """Return what Redis answers, or what the fallback does while Redis fails."""
        if time.monotonic() - self._failed_at >= RETRY_AFTER_FAILURE_SECONDS:
            try:
                return do()
            except (redis.RedisError, OSError, ValueError) as error:  # ValueError: a foreign log
                self._fall_back(error)
        return otherwise()

    def _fall_back(self, error: Exception) -> None:
        self._failed_at = time.monotonic()
        text = "%s cannot be used (%s). Tokens and the request budget are shared on this host only meanwhile."
        log.log(logging.DEBUG if self._warned else logging.WARNING, text, self, type(error).__name__)
        self._warned = True


def _keys(name: str) -> tuple[str, str]:
    """Return the keys of the log and of the pause."""
    # The braces keep both on one node of a Redis cluster, as a script requires.
    prefix = f"{KEY_PREFIX}{{{name}}}:"
    return prefix + "reservations", prefix + "pause"


@contextmanager
def _lease_extended(lock: Lock) -> Iterator[None]:
    """Renew the lease of a lock while it is held, and release it then."""
    done = threading.Event()

    def keep() -> None:
        while not done.wait(LOCK_LEASE_SECONDS / 4):
            try:
                lock.reacquire()
            except redis.RedisError as error:
                log.debug("The lease of a lock could not be renewed (%s).", type(error).__name__)
                return

    keeper = threading.Thread(target=keep, name="minut-lease", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        done.set()
        keeper.join()
        try:
            lock.release()  # compares and deletes: never somebody else's lock
        except redis.RedisError as error:
            log.debug("A lock could not be released (%s); its lease ends.", type(error).__name__)
