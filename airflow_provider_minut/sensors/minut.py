"""Sensors that wait for events and devices: in a worker, rescheduled, or deferred to the triggerer."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.providers.common.compat.sdk import conf
from airflow.sdk import BaseSensorOperator, PokeReturnValue

from airflow_provider_minut.exceptions import MinutConfigurationError, MinutError
from airflow_provider_minut.hooks.minut import MinutHook, minut_client
from airflow_provider_minut.polling.conditions import CONDITIONS, PollResult
from airflow_provider_minut.utils.validation import checked_names, checked_time

if TYPE_CHECKING:
    from airflow.sdk import Context

# The trigger itself times out at the deadline. If no triggerer runs, Airflow fails the task after this grace.
TRIGGERER_OUTAGE_GRACE = timedelta(minutes=5)


class _MinutSensor(BaseSensorOperator):
    """Base class of the sensors: the same results, deadline and errors, deferred or not.

    ``timeout`` is a deadline. The last poll takes place at the deadline. If no result is possible before it,
    the sensor times out at once.

    :param minut_conn_id: ID of a connection of type ``minut`` (templated).
    :param deferrable: Whether to wait in the triggerer.
    """

    _condition: str

    def __init__(
        self,
        *,
        minut_conn_id: str = MinutHook.default_conn_name,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.minut_conn_id = minut_conn_id
        self.deferrable = deferrable
        self._arguments: dict[str, Any] = {}
        self._last_poll = PollResult(note="No poll succeeded")

    @abstractmethod
    def _checked_arguments(self, context: Context) -> dict[str, Any]:
        """Return the validated arguments of the condition.

        :raises MinutConfigurationError: if an argument is invalid.
        """

    def poke(self, context: Context) -> PokeReturnValue:
        """Poll once.

        :raises AirflowFailException: on a permanent error (credentials, permissions, connection, argument).
        :raises MinutError: on any other error, see :mod:`airflow_provider_minut.exceptions`.
        """
        with minut_client(self.minut_conn_id) as client:
            self._arguments = self._checked_arguments(context)
            self._last_poll = CONDITIONS[self._condition](**self._arguments).poll(client)
        self.log.info("%s.", self._last_poll.note)
        return PokeReturnValue(self._last_poll.result is not None, self._last_poll.result)

    def execute(self, context: Context) -> Any:
        """Wait, and return the result that ended the wait.

        :raises AirflowSensorTimeout: if there is no result at the deadline.
        :raises AirflowFailException: on a permanent error (credentials, permissions, connection, argument).
        :raises MinutError: on any other error, see :mod:`airflow_provider_minut.exceptions`.
        """
        from airflow.providers.common.compat.sdk import AirflowSensorTimeout

        try:
            return super().execute(context)
        except AirflowSensorTimeout as timeout:
            self._fail("timeout", str(timeout))  # Airflow applies never_fail only to other errors

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Return the result of the trigger, or fail as a sensor does that was not deferred.

        :param event: Event of the trigger.
        """
        if event["status"] != "success":
            self._fail(event["status"], event["message"])
        self.log.info("%s.", event["message"])
        return event["result"]

    def _get_next_poke_interval(
        self, started_at: datetime | float, run_duration: Callable[[], float], poke_count: int
    ) -> float:
        """Return the seconds until the next poll, or defer to the triggerer.

        Airflow calls this in every mode after a poll without a result.
        """
        interval = super()._get_next_poke_interval(started_at, run_duration, poke_count)
        now = datetime.now(UTC)
        deadline = now + timedelta(seconds=self.timeout - run_duration())
        next_at = self._last_poll.next_at(now, timedelta(seconds=interval), deadline)
        if next_at is None:
            until = deadline.isoformat(timespec="seconds")
            self._fail("timeout", f"{self._last_poll.note}; the deadline is {until}")
        if self.deferrable:
            from airflow_provider_minut.triggers.minut import MinutSensorTrigger

            trigger = MinutSensorTrigger(
                condition=self._condition,
                arguments=self._arguments,
                not_before=next_at.isoformat(),
                deadline=deadline.isoformat(),
                poke_interval=self.poke_interval,
                silent_fail=self.silent_fail,
                minut_conn_id=self.minut_conn_id,
            )
            timeout = deadline - now + TRIGGERER_OUTAGE_GRACE
            self.defer(trigger=trigger, method_name="execute_complete", timeout=timeout)
        return (next_at - now).total_seconds()

    def _fail(self, status: str, message: str) -> NoReturn:
        """End the task with the exception for a ``status`` of the trigger."""
        from airflow.providers.common.compat.sdk import (
            AirflowFailException,
            AirflowSensorTimeout,
            AirflowSkipException,
        )

        errors = {
            "timeout": AirflowSensorTimeout,
            "permanent_error": AirflowFailException,
            "error": MinutError,
        }
        if self.never_fail or (self.soft_fail and status != "error"):
            raise AirflowSkipException(message)
        raise errors[status](message)


class MinutHomeEventSensor(_MinutSensor):
    """Wait for an event in one of several homes, and return the events that ended the wait, oldest first.

    Polls every ``poke_interval`` seconds (default 60), with one request per home:
    ``GET /homes/{home_id}/events``. For events of all homes, schedule a DAG on an asset instead.

    .. seealso:: ``docs/sensors.md``, ``dags/minut_wait_for_quiet.py``

    :param home_ids: IDs of the homes (templated).
    :param event_types: Names of *home* events, like ``["noise_quieted"]``; any if empty (templated).
    :param since: Events that occurred before this time are ignored: an aware datetime, or ISO 8601 text with
        a time zone (templated). Default: the run's ``run_after``, the same in each try.
    :param kwargs: ``minut_conn_id``, ``deferrable`` and the arguments of Airflow's sensors.
    """

    _condition = "home_event"
    template_fields: Sequence[str] = ("home_ids", "event_types", "since", "minut_conn_id")

    def __init__(
        self,
        *,
        home_ids: Sequence[str],
        event_types: Sequence[str] = (),
        since: datetime | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.home_ids = home_ids
        self.event_types = event_types
        self.since = since

    def _checked_arguments(self, context: Context) -> dict[str, Any]:
        home_ids = checked_names("home_ids", self.home_ids)
        if not home_ids:
            raise MinutConfigurationError("home_ids", "must contain at least one ID")
        return {
            "home_ids": list(home_ids),
            "event_types": list(checked_names("event_types", self.event_types)),
            "since": checked_time("since", self.since or context["dag_run"].run_after).isoformat(),
        }


class MinutHeartbeatSensor(_MinutSensor):
    """Wait until a device has reported measurements newer than a given time.

    Devices check in about once an hour. Minut advises against polling a device before its
    ``next_heartbeat_at``, and blocks clients that poll too often. The sensor therefore polls once, then at
    that time, and every ``poke_interval`` seconds only if the device is late.

    .. seealso:: ``docs/sensors.md``

    :param device_id: ID of the device (templated).
    :param after: An aware datetime, or ISO 8601 text with a time zone (templated). Default: the end of the
        run's data interval, or ``run_after`` if the run has none.
    :param poke_interval: Seconds between polls if the device is late.
    :param kwargs: ``minut_conn_id``, ``deferrable`` and the arguments of Airflow's sensors.
    """

    _condition = "heartbeat"
    template_fields: Sequence[str] = ("device_id", "after", "minut_conn_id")

    def __init__(
        self,
        *,
        device_id: str,
        after: datetime | str | None = None,
        poke_interval: timedelta | float = 300,
        **kwargs: Any,
    ) -> None:
        super().__init__(poke_interval=poke_interval, **kwargs)
        self.device_id = device_id
        self.after = after

    def _checked_arguments(self, context: Context) -> dict[str, Any]:
        after = self.after or context.get("data_interval_end") or context["dag_run"].run_after
        return {"device_id": self.device_id, "after": checked_time("after", after).isoformat()}
