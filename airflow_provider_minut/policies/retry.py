"""Which errors are permanent, and how Airflow retries a failed task."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import airflow.sdk

from airflow_provider_minut.exceptions import PERMANENT_ERRORS, MinutStatusError

if TYPE_CHECKING:
    from airflow.sdk import Context, RetryDecision


@contextmanager
def fail_fast() -> Iterator[None]:
    """Fail the task without Airflow's retries on a permanent error.

    :raises AirflowFailException: if one of ``PERMANENT_ERRORS`` is raised.
    """
    try:
        yield
    except PERMANENT_ERRORS as error:
        from airflow.providers.common.compat.sdk import AirflowFailException

        raise AirflowFailException(str(error)) from None


if hasattr(airflow.sdk, "RetryPolicy"):

    class MinutRetryPolicy(airflow.sdk.RetryPolicy):
        """Do not retry after a permanent error, and wait as long as the API requests before a retry.

        For tasks that raise errors of this package, such as ``@task`` functions that use a
        :class:`~airflow_provider_minut.hooks.minut.MinutHook`. The task's ``retries`` remain the limit.

        ::

            @task(retries=3, retry_policy=MinutRetryPolicy())
            def homes(): ...
        """

        def evaluate(
            self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
        ) -> RetryDecision:
            """Return the decision after a failure. Errors of other packages are left to the task's settings.

            :param exception: The exception that the task raised.
            :param try_number: The number of the try, from 1.
            :param max_tries: The maximum number of tries of the task.
            :param context: The context of the task.
            """
            decision = airflow.sdk.RetryDecision
            if isinstance(exception, PERMANENT_ERRORS):
                return decision.fail(f"{type(exception).__name__} is permanent; a retry cannot succeed")
            if isinstance(exception, MinutStatusError) and exception.retry_after:
                delay = timedelta(seconds=exception.retry_after)
                return decision.retry(delay, f"Minut requested a delay of {exception.retry_after:.0f} s")
            return decision.default()


def __getattr__(name: str) -> Any:
    if name == "MinutRetryPolicy":
        raise ImportError(f"MinutRetryPolicy needs Airflow 3.3 or later; this is {airflow.__version__}.")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
