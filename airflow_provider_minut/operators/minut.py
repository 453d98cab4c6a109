"""Operators that call the Minut API: credentials, any endpoint, devices and alarms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperator

from airflow_provider_minut.hooks.minut import MinutHook, describe_user, minut_client

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_minut.api.models import QuietHours, Reaction, User


class MinutValidateCredentialsOperator(BaseOperator):
    """Validate the credentials of a connection, and log the user they belong to (``GET /users/me``).

    A token may outlive its credentials, so a token older than a minute is replaced first. Rejected
    credentials and invalid settings fail the task without retries; server errors and timeouts are subject
    to the task's ``retries``.

    .. seealso:: ``dags/minut_validate_credentials.py``

    :param minut_conn_id: ID of a connection of type ``minut`` (templated).
    """

    template_fields: Sequence[str] = ("minut_conn_id",)

    def __init__(self, *, minut_conn_id: str = MinutHook.default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.minut_conn_id = minut_conn_id

    def execute(self, context: Context) -> User:
        """Return the user that owns the credentials, a dict with a ``user_id``.

        :raises AirflowFailException: on a permanent error (credentials, permissions, connection).
        :raises MinutError: on any other error, see :mod:`airflow_provider_minut.exceptions`.
        """
        with minut_client(self.minut_conn_id) as client:
            user = client.validate_credentials()
        text = "The credentials of connection %r are valid. Authenticated as %s."
        self.log.info(text, self.minut_conn_id, describe_user(user))
        return user


class MinutApiOperator(BaseOperator):
    """Send a request to any endpoint of the Minut API, and push the JSON response to XCom.

    Handles tokens, retries and rate limits. A request that is not idempotent (``POST``, ``PATCH``) is
    retried only if it certainly was not processed.

    The query parameters are called ``query``, not ``params``: Airflow passes the DAG's params to every
    operator as ``params``, and they would be sent with the request.

    .. seealso:: ``dags/minut_taskflow.py``

    :param endpoint: Path below the base URL, like ``/homes`` (templated).
    :param method: HTTP method (templated).
    :param query: Query parameters (templated). A list is joined by commas; ``None`` omits the parameter.
    :param json: Request body, sent as JSON (templated).
    :param minut_conn_id: ID of a connection of type ``minut`` (templated).
    """

    template_fields: Sequence[str] = ("endpoint", "method", "query", "json", "minut_conn_id")
    template_fields_renderers: ClassVar[dict[str, str]] = {"query": "json", "json": "json"}

    def __init__(
        self,
        *,
        endpoint: str,
        method: str = "GET",
        query: Mapping[str, Any] | None = None,
        json: Any = None,
        minut_conn_id: str = MinutHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.endpoint = endpoint
        self.method = method
        self.query = query
        self.json = json
        self.minut_conn_id = minut_conn_id

    def execute(self, context: Context) -> Any:
        """Return the parsed JSON response; ``None`` if it is empty.

        :raises AirflowFailException: on a permanent error (credentials, permissions, connection, argument).
        :raises MinutError: on any other error, see :mod:`airflow_provider_minut.exceptions`.
        """
        with minut_client(self.minut_conn_id) as client:
            response = client.request(self.method, self.endpoint, params=self.query, json=self.json)
        self.log.info("%s %s returned %s.", self.method, self.endpoint, _summary(response))
        return response


def _summary(response: Any) -> str:
    """Return a short description of a response for the log, like ``homes (2)``."""
    if isinstance(response, Mapping):
        counts = [f"{name} ({len(value)})" for name, value in response.items() if isinstance(value, list)]
        return ", ".join(counts) or "an object"
    return "nothing" if response is None else type(response).__name__


class MinutUpdateDeviceOperator(BaseOperator):
    """Set thresholds and quiet hours of a device, unless it already has the requested settings.

    Reads the device first; settings that are not given remain unchanged. The device applies the change at
    its next check-in, within about an hour.

    .. seealso:: ``docs/operators.md``

    :param device_id: ID of the device (templated).
    :param reactions: Thresholds, each with its ``type`` and the fields to set (templated), like
        ``[{"type": "sound_level_high", "value": 75, "duration_seconds": 600}]``; dB(A) and seconds.
    :param quiet_hours: ``{"enabled": True, "start": "22:00", "end": "07:00"}``, in the time zone of the
        home (templated).
    :param dry_run: Whether to log the changes without writing them.
    :param minut_conn_id: ID of a connection of type ``minut`` (templated).
    """

    template_fields: Sequence[str] = ("device_id", "reactions", "quiet_hours", "minut_conn_id")
    template_fields_renderers: ClassVar[dict[str, str]] = {"reactions": "json", "quiet_hours": "json"}

    def __init__(
        self,
        *,
        device_id: str,
        reactions: Sequence[Reaction] = (),
        quiet_hours: QuietHours | None = None,
        dry_run: bool = False,
        minut_conn_id: str = MinutHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.device_id = device_id
        self.reactions = reactions
        self.quiet_hours = quiet_hours
        self.writes = not dry_run  # `dry_run` is a method of every operator
        self.minut_conn_id = minut_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Return ``device_id`` and ``changes``, a list of the changes (or planned changes) as text.

        :raises AirflowFailException: on a permanent error (credentials, permissions, connection, argument).
        :raises MinutError: on any other error, see :mod:`airflow_provider_minut.exceptions`.
        """
        from airflow_provider_minut.api.resources.thresholds import check_thresholds, threshold_changes

        with minut_client(self.minut_conn_id) as client:
            check_thresholds(self.reactions, self.quiet_hours)
            device = client.get_device(self.device_id)
            changes = threshold_changes(device, self.reactions, self.quiet_hours)
            if changes and self.writes:
                client.update_device(self.device_id, reactions=self.reactions, quiet_hours=self.quiet_hours)
        _log_changes(self.log, f"Device {self.device_id}", changes, written=self.writes)
        return {"device_id": self.device_id, "changes": changes}


class MinutSetAlarmOperator(BaseOperator):
    """Set the alarm of a home, unless it already has the requested settings.

    Only what is given is compared, written and listed; the other settings of the alarm remain unchanged.

    .. seealso:: ``docs/operators.md``

    :param home_id: ID of the home (templated).
    :param alarm_status: Requested status, ``on`` or ``off``. Default: unchanged (templated).
    :param silent_alarm: Whether the device stays silent. Default: unchanged.
    :param scheduled_alarm_active: Whether the schedule arms the home too. Default: unchanged.
    :param alarm_mode: Mode; only ``manual`` has been seen. Default: unchanged (templated).
    :param dry_run: Whether to log the changes without writing them.
    :param minut_conn_id: ID of a connection of type ``minut`` (templated).
    """

    template_fields: Sequence[str] = ("home_id", "alarm_status", "alarm_mode", "minut_conn_id")

    def __init__(
        self,
        *,
        home_id: str,
        alarm_status: str | None = None,
        silent_alarm: bool | None = None,
        scheduled_alarm_active: bool | None = None,
        alarm_mode: str | None = None,
        dry_run: bool = False,
        minut_conn_id: str = MinutHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.home_id = home_id
        self.alarm_status = alarm_status
        self.silent_alarm = silent_alarm
        self.scheduled_alarm_active = scheduled_alarm_active
        self.alarm_mode = alarm_mode
        self.writes = not dry_run  # `dry_run` is a method of every operator
        self.minut_conn_id = minut_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Return ``home_id`` and ``changes``, a list of the changes (or planned changes) as text.

        :raises AirflowFailException: on a permanent error (credentials, permissions, connection, argument).
        :raises MinutError: on any other error, see :mod:`airflow_provider_minut.exceptions`.
        """
        from airflow_provider_minut.api.resources.alarm import alarm_changes, check_alarm

        given = {
            "alarm_status": self.alarm_status,
            "alarm_mode": self.alarm_mode,
            "silent_alarm": self.silent_alarm,
            "scheduled_alarm_active": self.scheduled_alarm_active,
        }
        requested: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        with minut_client(self.minut_conn_id) as client:
            check_alarm(requested)
            changes = alarm_changes(client.get_home(self.home_id), requested)
            if changes and self.writes:
                client.set_alarm(self.home_id, **requested)
        _log_changes(self.log, f"Home {self.home_id}", changes, written=self.writes)
        return {"home_id": self.home_id, "changes": changes}


def _log_changes(log: Any, subject: str, changes: Sequence[str], *, written: bool) -> None:
    if not changes:
        log.info("%s already has the requested settings; no changes.", subject)
    for change in changes:
        log.info("%s, %s: %s", subject, "changed" if written else "would change (dry run)", change)
