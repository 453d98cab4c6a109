"""What is sent again, how often, and after how long."""

from __future__ import annotations

from collections.abc import Callable

import tenacity

from airflow_provider_minut.api.clock import Clock, Jitter
from airflow_provider_minut.exceptions import MinutError, MinutStatusError

# What may be repeated although the first try may have been carried out (RFC 9110, 9.2.2).
IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})

# Statuses that a later try may not meet again. 502 and 504 are seen from Minut in production. On
# 429 and 503 the request was refused before it was carried out, so even a POST may be repeated.
TRANSIENT_STATUSES = frozenset({429, 502, 503, 504})
REFUSED_STATUSES = frozenset({429, 503})

# A longer Retry-After is handed to the caller: Airflow can reschedule, a sleeping task only holds a slot.
MAX_RETRY_AFTER_SECONDS = 60.0
FIRST_BACKOFF_SECONDS, MAX_BACKOFF_SECONDS = 1.0, 30.0


class TransientError(Exception):
    """Carries an error that another attempt may not meet.

    :param error: what is raised in the end.
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
    """Return the loop that repeats an attempt while that may help and is in time.

    An attempt asks for another one by raising :class:`TransientError`.

    :param max_attempts: how often in all.
    :param deadline: when to give up, on the monotonic clock.
    :param clock: the time, and the way to wait.
    :param jitter: returns a random number between its two arguments.
    :param announce: called before each pause with the error, the seconds, and the number of the attempt
        that follows.
    """

    def hopeless(state: tenacity.RetryCallState) -> bool:
        return (
            state.attempt_number >= max_attempts
            or _retry_after(state) > MAX_RETRY_AFTER_SECONDS
            or clock.monotonic() + state.upcoming_sleep >= deadline
        )

    return tenacity.Retrying(
        stop=hopeless,
        wait=lambda state: _pause(state, jitter),
        retry=tenacity.retry_if_exception_type(TransientError),
        sleep=clock.sleep,
        before_sleep=lambda state: announce(_failure(state), state.upcoming_sleep, state.attempt_number + 1),
        reraise=True,
    )


def _failure(state: tenacity.RetryCallState) -> MinutError:
    """Return what made the latest attempt fail. tenacity asks only after transient errors."""
    transient = state.outcome.exception() if state.outcome else None
    assert isinstance(transient, TransientError)  # noqa: S101 - for the type checker
    return transient.error


def _pause(state: tenacity.RetryCallState, jitter: Jitter) -> float:
    """Return seconds to wait before the next attempt: full jitter, but never less than Retry-After."""
    backoff = min(MAX_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2.0**state.attempt_number)
    return max(jitter(0, backoff), _retry_after(state))


def _retry_after(state: tenacity.RetryCallState) -> float:
    """Return the seconds that the API asked to wait, 0 if it did not ask."""
    error = _failure(state)
    return (error.retry_after or 0.0) if isinstance(error, MinutStatusError) else 0.0
