"""Which errors end a task for good."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow_provider_minut.exceptions import MinutAuthenticationError, MinutConfigurationError


@contextmanager
def no_retry_when_hopeless() -> Iterator[None]:
    """Fail the task without Airflow's retries where trying again cannot help.

    :raises AirflowFailException: credentials, connection or an argument are not usable.
    """
    try:
        yield
    except (MinutAuthenticationError, MinutConfigurationError) as error:
        from airflow.providers.common.compat.sdk import AirflowFailException

        raise AirflowFailException(str(error)) from None
