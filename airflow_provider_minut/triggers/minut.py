"""The trigger of deferred sensors: polls Minut until a condition is met or the deadline has passed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_minut.exceptions import PERMANENT_ERRORS, MinutError
from airflow_provider_minut.polling.async_client import AsyncClient
from airflow_provider_minut.polling.conditions import CONDITIONS, PollResult

log = logging.getLogger(__name__)

LAST_POLL_GRACE_SECONDS = 30.0  # seconds that the last poll may take after the deadline


class MinutSensorTrigger(BaseTrigger):
    """Fires once, with ``status``, ``message`` and ``result``.

    ``status`` is ``success``, ``timeout``, ``error`` (a retry may succeed) or ``permanent_error``.

    :param condition: Name of the condition in ``airflow_provider_minut.polling.conditions.CONDITIONS``.
    :param arguments: Arguments of the condition.
    :param not_before: Time of the first poll, ISO 8601 with a time zone.
    :param deadline: Time of the last poll, ISO 8601 with a time zone.
    :param poke_interval: Seconds between polls.
    :param silent_fail: Whether to continue after errors that are not permanent.
    :param minut_conn_id: ID of a connection of type ``minut``.
    """

    def __init__(
        self,
        *,
        condition: str,
        arguments: dict[str, Any],
        not_before: str,
        deadline: str,
        poke_interval: float,
        silent_fail: bool,
        minut_conn_id: str,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # untyped in Airflow
        self.condition = condition
        self.arguments = arguments
        self.not_before = not_before
        self.deadline = deadline
        self.poke_interval = poke_interval
        self.silent_fail = silent_fail
        self.minut_conn_id = minut_conn_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class and the arguments from which Airflow recreates the trigger; without secrets."""
        names = ("condition", "arguments", "not_before", "deadline", "poke_interval", "silent_fail")
        kwargs = {name: getattr(self, name) for name in (*names, "minut_conn_id")}
        return f"{__name__}.{type(self).__name__}", kwargs

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield the only event."""
        try:
            event = await self._wait()
        except PERMANENT_ERRORS as error:
            event = _event("permanent_error", str(error))
        except MinutError as error:
            event = _event("error", str(error))
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]  # untyped in Airflow

    async def _wait(self) -> dict[str, Any]:
        deadline, next_at = datetime.fromisoformat(self.deadline), datetime.fromisoformat(self.not_before)
        interval = timedelta(seconds=self.poke_interval)
        client, condition = AsyncClient.of(self.minut_conn_id), CONDITIONS[self.condition](**self.arguments)
        note = "No poll succeeded"
        while True:
            await asyncio.sleep(_seconds_until(next_at))
            polled = PollResult(note=note)
            try:
                async with (
                    asyncio.timeout(max(_seconds_until(deadline), 0) + LAST_POLL_GRACE_SECONDS),
                    client.request_lock,
                ):
                    polled = await client.call(condition.poll)
            except TimeoutError:
                return _event(
                    "timeout", f"{note}; the last poll got no response; the deadline is {self.deadline}."
                )
            except PERMANENT_ERRORS:
                raise
            except MinutError as error:
                if not self.silent_fail:
                    raise
                log.warning("Failed to poll; the sensor continues to wait: %s", error)
            note = polled.note
            if polled.result is not None:
                return _event("success", note, polled.result)
            following = polled.next_at(datetime.now(UTC), interval, deadline)
            if following is None:
                return _event("timeout", f"{note}; the deadline is {self.deadline}.")
            next_at = following
            log.info("%s. Next poll at %s.", note, next_at.isoformat(timespec="seconds"))


def _event(status: str, message: str, result: Any = None) -> dict[str, Any]:
    return {"status": status, "message": message, "result": result}


def _seconds_until(time: datetime) -> float:
    return (time - datetime.now(UTC)).total_seconds()
