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
# Timeout of connecting to Redis and of each response. Retries are disabled: by default, redis-py 8 makes ten.
REDIS_TIMEOUT_SECONDS = 0.5
# Seconds for which Redis is not used after a failure.
RETRY_AFTER_FAILURE_SECONDS = 30.0
# Seconds after which the lock of a dead process is released. A live holder extends it.
LOCK_LEASE_SECONDS = 3.0
LOCK_POLL_SECONDS = 0.05

# Uses Redis' clock, so that the clocks of the workers do not matter. KEYS: the log (a list of reservations,
# oldest first) and the pause (which expires). ARGV: the maximum delay, how far ahead a reservation may lie,
# then limit and window of each rate; all in microseconds. The same algorithm as ReservationLog.reserve.
RESERVE_SCRIPT = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local new = now + math.max(redis.call('PTTL', KEYS[2]), 0) * 1000
local last = tonumber(redis.call('LINDEX', KEYS[1], -1) or 0)
if not last or last > now + tonumber(ARGV[2]) then
  redis.call('DEL', KEYS[1])
  last = 0
end
new = math.max(new, last)
local longest, most = 0, 0
for i = 3, #ARGV, 2 do
  local count, window = tonumber(ARGV[i]), tonumber(ARGV[i + 1])
  local earlier = tonumber(redis.call('LINDEX', KEYS[1], -count) or nil)
  if earlier then new = math.max(new, earlier + window) end
  longest, most = math.max(longest, window), math.max(most, count)
end
if new - now <= tonumber(ARGV[1]) then
  redis.call('RPUSH', KEYS[1], string.format('%.0f', new))
  redis.call('LTRIM', KEYS[1], -most, -1)
  redis.call('PEXPIRE', KEYS[1], math.ceil((new - now + longest) / 1000))
end
return new - now
"""

# Moves the latest reservation that is as old as given. KEYS: the log. ARGV: the age, and how much later the
# reservation is, in microseconds. The same algorithm as ReservationLog.postpone.
POSTPONE_SCRIPT = """
local time = redis.call('TIME')
local reserved = time[1] * 1000000 + time[2] - tonumber(ARGV[1])
local later = reserved + tonumber(ARGV[2])
local times = redis.call('LRANGE', KEYS[1], 0, -1)
local i = #times
while i > 0 and tonumber(times[i]) > reserved do i = i - 1 end
if i == 0 then return end
while i < #times and tonumber(times[i + 1]) <= later do
  redis.call('LSET', KEYS[1], i - 1, times[i + 1])
  i = i + 1
end
redis.call('LSET', KEYS[1], i - 1, string.format('%.0f', later))
"""


class RedisState:
    """Shared by all clients that use the same Redis. A cache: while Redis fails, another backend is used.

    :param url: URL as redis-py accepts it: ``redis://`` or ``rediss://``, with its options in the query.
    :param fallback: Used while Redis is unusable.
    :raises MinutConfigurationError: if the URL is invalid.
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
        self._reserve_script = self._redis.register_script(RESERVE_SCRIPT)  # reloaded if Redis lost it
        self._postpone_script = self._redis.register_script(POSTPONE_SCRIPT)
        self._fallback = fallback
        self._failed_at = -RETRY_AFTER_FAILURE_SECONDS
        self._warned = False
        server = self._redis.connection_pool.connection_kwargs
        self._where = server.get("path") or f"{server.get('host')}:{server.get('port')}"

    def __str__(self) -> str:
        return f"Redis at {self._where}"

    def read(self, name: str) -> bytes | None:
        """Return an entry; ``None`` if it is missing."""

        def get() -> bytes | None:
            entry = self._redis.get(KEY_PREFIX + name)
            return entry if isinstance(entry, bytes) else None

        return self._or_fallback(get, lambda: self._fallback.read(name))

    def write(self, name: str, entry: bytes, *, lifetime: float) -> None:
        """Replace an entry; it expires after ``lifetime`` seconds."""

        def put() -> None:
            self._redis.set(KEY_PREFIX + name, entry, px=max(int(lifetime * 1000), 1))

        self._or_fallback(put, lambda: self._fallback.write(name, entry, lifetime=lifetime))

    @contextmanager
    def lock(self, name: str, *, timeout: float) -> Iterator[bool]:
        """Hold a lock; the context is ``False`` if it was not acquired within ``timeout`` seconds."""
        # Each holder has its own lock object, so that threads exclude each other too.
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
        """Reserve the next free time on Redis' clock; return the seconds until it."""
        numbers = [within, MAX_AHEAD_SECONDS]
        for rate in rates:
            numbers += [rate.limit / MICROSECONDS_PER_SECOND, rate.window]
        arguments = [int(number * MICROSECONDS_PER_SECOND) for number in numbers]
        return self._or_fallback(
            lambda: int(self._reserve_script(keys=_keys(name), args=arguments)) / MICROSECONDS_PER_SECOND,
            lambda: self._fallback.reserve(name, rates, now=now, within=within),
        )

    def pause(self, name: str, seconds: float, *, now: float) -> None:
        """Allow no request for this long."""
        key = _keys(name)[1]

        def extend() -> None:
            if self._redis.pttl(key) < seconds * 1000:
                self._redis.set(key, b"", px=max(int(seconds * 1000), 1))

        self._or_fallback(extend, lambda: self._fallback.pause(name, seconds, now=now))

    def postpone(self, name: str, seconds: float, *, age: float, now: float) -> None:
        """Move a reservation of the past to a later time of the past."""
        arguments = [int(number * MICROSECONDS_PER_SECOND) for number in (age, seconds)]
        self._or_fallback(
            lambda: self._postpone_script(keys=_keys(name)[:1], args=arguments),
            lambda: self._fallback.postpone(name, seconds, age=age, now=now),
        )

    def reservations(self, name: str, *, now: float) -> Reservations:
        """Return the content of a reservation log."""

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
        """Return the result of the first function; of the second while Redis fails."""
        if time.monotonic() - self._failed_at >= RETRY_AFTER_FAILURE_SECONDS:
            try:
                return do()
            except (redis.RedisError, OSError, ValueError) as error:  # ValueError: an invalid log
                self._fall_back(error)
        return otherwise()

    def _fall_back(self, error: Exception) -> None:
        self._failed_at = time.monotonic()
        text = "%s is unusable (%s). Falling back to sharing tokens and the rate limit on this host only."
        log.log(logging.DEBUG if self._warned else logging.WARNING, text, self, type(error).__name__)
        self._warned = True


def _keys(name: str) -> tuple[str, str]:
    """Return the keys of the log and of the pause."""
    # The hash tag keeps both on one node of a Redis cluster, as a script requires.
    prefix = f"{KEY_PREFIX}{{{name}}}:"
    return prefix + "reservations", prefix + "pause"


@contextmanager
def _lease_extended(lock: Lock) -> Iterator[None]:
    """Extend the lease of a lock while it is held; then release it."""
    done = threading.Event()

    def extend() -> None:
        while not done.wait(LOCK_LEASE_SECONDS / 4):
            try:
                lock.reacquire()
            except redis.RedisError as error:
                log.debug("Failed to extend the lease of a lock (%s).", type(error).__name__)
                return

    thread = threading.Thread(target=extend, name="minut-lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        try:
            lock.release()  # compares and deletes: never the lock of another process
        except redis.RedisError as error:
            log.debug("Failed to release a lock (%s); its lease expires.", type(error).__name__)
