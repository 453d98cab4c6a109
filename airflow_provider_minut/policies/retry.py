"""Which errors end a task for good, and when Airflow tries a failed task again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import airflow.sdk

from airflow_provider_minut.exceptions import (
    MinutAuthenticationError,
    MinutConfigurationError,
    MinutPermissionError,
    MinutStatusError,
)

if TYPE_CHECKING:
    from airflow.sdk import Context, RetryDecision

PERMANENT_ERRORS = (MinutAuthenticationError, MinutConfigurationError, MinutPermissionError)


@contextmanager
def fail_fast() -> Iterator[None]:
    """Fail the task without Airflow's retries where trying again cannot help.

    :raises AirflowFailException: credentials, connection or an argument are not usable.
    """
    try:
        yield
    except (MinutAuthenticationError, MinutConfigurationError) as error:
        from airflow.providers.common.compat.sdk import AirflowFailException

        raise AirflowFailException(str(error)) from None


if hasattr(airflow.sdk, "RetryPolicy"):

    class MinutRetryPolicy(airflow.sdk.RetryPolicy):
        """Fail at once where trying again cannot help, and try again when Minut wants to hear from us.

        For tasks that raise errors of this package, above all ``@task`` functions that use a
        :class:`~airflow_provider_minut.hooks.minut.MinutHook`. The task's ``retries`` stay the limit.

        ::

            @task(retries=3, retry_policy=MinutRetryPolicy())
            def homes(): ...
        """

        def evaluate(
            self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
        ) -> RetryDecision:
            """Return what to do about a failure; what is not of Minut is left to the task's settings.

            :param exception: of the task.
            :param try_number: counted from 1.
            :param max_tries: of the task.
            :param context: of the task.
            """
            decision = airflow.sdk.RetryDecision
            if isinstance(exception, PERMANENT_ERRORS):
                return decision.fail(f"{type(exception).__name__}: trying again cannot help")
            if isinstance(exception, MinutStatusError) and exception.retry_after:
                delay = timedelta(seconds=exception.retry_after)
                return decision.retry(delay, f"Minut asked to wait {exception.retry_after:.0f} s")
            return decision.default()


def __getattr__(name: str) -> Any:
    if name == "MinutRetryPolicy":
        raise ImportError(f"MinutRetryPolicy needs Airflow 3.3 or later; this is {airflow.__version__}.")
    text = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(text)
