"""Which requests are retried, how often, and after which delay."""

from __future__ import annotations

from collections.abc import Callable

import tenacity

from airflow_provider_minut.api.clock import Clock, Jitter
from airflow_provider_minut.exceptions import MinutError, MinutStatusError

# Methods that may be retried although the first attempt may have been processed (RFC 9110, 9.2.2).
IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})

# Statuses after which a retry may succeed. Minut has been seen to return 502 and 504 in production. With 429
# and 503 the server rejects a request before it processes it, so even a POST may be retried.
TRANSIENT_STATUSES = frozenset({429, 502, 503, 504})
UNPROCESSED_STATUSES = frozenset({429, 503})

# A longer Retry-After is passed to the caller: Airflow can reschedule a task; a sleeping task occupies a
# slot.
MAX_RETRY_AFTER_SECONDS = 60.0
FIRST_BACKOFF_SECONDS, MAX_BACKOFF_SECONDS = 1.0, 30.0


class TransientError(Exception):
    """Contains an error after which a retry may succeed.

    :param error: Error to raise after the last attempt.
    """

    def __init__(self, error: MinutError) -> None:
        super().__init__()
        self.error = error


def retrying(
    max_attempts: int,
    *,
    deadline: float,
    clock: Clock,
    jitter: Jitter,
    announce: Callable[[MinutError, float, int], None],
) -> tenacity.Retrying:
    """Return the loop that retries an attempt while this may help and the deadline allows it.

    An attempt is retried if it raises :class:`TransientError`.

    :param max_attempts: Maximum number of attempts.
    :param deadline: Time of the deadline, on the monotonic clock.
    :param clock: Returns the time, and sleeps.
    :param jitter: Returns a random number between its two arguments.
    :param announce: Called before each delay with the error, the delay in seconds, and the number of the next
        attempt.
    """

    def is_last(state: tenacity.RetryCallState) -> bool:
        return (
            state.attempt_number >= max_attempts
            or _retry_after(state) > MAX_RETRY_AFTER_SECONDS
            or clock.monotonic() + state.upcoming_sleep >= deadline
        )

    return tenacity.Retrying(
        stop=is_last,
        wait=lambda state: _delay(state, jitter),
        retry=tenacity.retry_if_exception_type(TransientError),
        sleep=clock.sleep,
        before_sleep=lambda state: announce(_failure(state), state.upcoming_sleep, state.attempt_number + 1),
        reraise=True,
    )


def _failure(state: tenacity.RetryCallState) -> MinutError:
    """Return the error of the latest attempt. tenacity calls this only after transient errors."""
    transient = state.outcome.exception() if state.outcome else None
    assert isinstance(transient, TransientError)  # noqa: S101 - for mypy; tenacity retries only after this error
    return transient.error


def _delay(state: tenacity.RetryCallState, jitter: Jitter) -> float:
    """Return the seconds until the next attempt: full jitter, but at least Retry-After."""
    backoff = min(MAX_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2.0**state.attempt_number)
    return max(jitter(0, backoff), _retry_after(state))


def _retry_after(state: tenacity.RetryCallState) -> float:
    """Return the Retry-After of the latest response in seconds, 0 without one."""
    error = _failure(state)
    return (error.retry_after or 0.0) if isinstance(error, MinutStatusError) else 0.0
