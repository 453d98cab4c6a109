"""Operators that ask the Minut API something and hand on the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperator

from airflow_provider_minut.exceptions import MinutConfigurationError
from airflow_provider_minut.hooks.minut import MinutHook, minut_client, who_is

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_minut.api.models import QuietHours, Reaction, User


class MinutValidateCredentialsOperator(BaseOperator):
    """Prove that the credentials of a connection work, and say whose they are (``GET /users/me``).

    A token may outlive its credentials, so one that is older than a minute is replaced first. Bad
    credentials and bad settings fail the task at once; a server error or a timeout goes through the
    task's ``retries``.

    .. seealso:: ``dags/minut_validate_credentials.py``

    :param minut_conn_id: id of a connection of type ``minut`` (templated).
    """

    template_fields: Sequence[str] = ("minut_conn_id",)

    def __init__(self, *, minut_conn_id: str = MinutHook.default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.minut_conn_id = minut_conn_id

    def execute(self, context: Context) -> User:
        """Return the user who owns the credentials, a dict with a ``user_id``.

        :raises AirflowFailException: the credentials or the connection are not usable; not retried.
        :raises MinutError: Minut could not be asked, or did not answer as it should.
        """
        with minut_client(self.minut_conn_id) as client:
            user = client.validate_credentials()
        text = "The credentials of connection %r work: they belong to %s."
        self.log.info(text, self.minut_conn_id, who_is(user))
        return user


class MinutApiOperator(BaseOperator):
    """Send a request to any endpoint of the Minut API and push its JSON answer to XCom.

    Tokens, retries and rate limits are taken care of. A request that may not be repeated (``POST``,
    ``PATCH``) is repeated only if it certainly was not carried out.

    The query is called ``query`` and not ``params``: ``params`` is how Airflow hands DAG params to
    every operator, and they would end up in the request.

    .. seealso:: ``dags/minut_taskflow.py``

    :param endpoint: path below the base URL, like ``/homes`` (templated).
    :param method: HTTP method (templated).
    :param query: query parameters (templated); a list repeats its key, ``None`` leaves it out.
    :param json: body to send as JSON (templated).
    :param minut_conn_id: id of a connection of type ``minut`` (templated).
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
        """Return the parsed JSON; ``None`` for an empty answer.

        :raises AirflowFailException: credentials, connection or an argument are not usable; not retried.
        :raises MinutError: the child that fits, see :mod:`airflow_provider_minut.exceptions`.
        """
        with minut_client(self.minut_conn_id) as client:
            answer = client.request(self.method, self.endpoint, params=self.query, json=self.json)
        self.log.info("%s %s was answered: %s.", self.method, self.endpoint, _summary(answer))
        return answer


def _summary(answer: Any) -> str:
    """Return how much an answer is, for people: ``2 homes``."""
    if isinstance(answer, Mapping):
        counts = [f"{len(value)} {name}" for name, value in answer.items() if isinstance(value, list)]
        return ", ".join(counts) or "an object"
    return "nothing" if answer is None else type(answer).__name__


class MinutUpdateDeviceOperator(BaseOperator):
    """Set thresholds and quiet hours of a device, if they are not so already.

    The device is read first; what is not given stays as it is. The device takes over the change when it
    checks in next, within about an hour.

    .. seealso:: ``docs/operators.md``

    :param device_id: of the device (templated).
    :param reactions: thresholds, each with its ``type`` and what of it to set (templated), like
        ``[{"type": "sound_level_high", "value": 75, "duration_seconds": 600}]``; dB(A) and seconds.
    :param quiet_hours: ``{"enabled": True, "start": "22:00", "end": "07:00"}``, in the home's own time
        zone (templated).
    :param dry_run: log the difference and write nothing.
    :param minut_conn_id: id of a connection of type ``minut`` (templated).
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
        """Return ``device_id`` and ``changes``, a list of what was (or would be) changed, for people.

        :raises AirflowFailException: credentials, connection or an argument are not usable; not retried.
        :raises MinutError: the child that fits.
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
    """Arm or disarm the alarm of a home, if it is not so already.

    .. seealso:: ``docs/operators.md``

    :param home_id: of the home (templated).
    :param alarm_status: ``on`` or ``off`` (templated).
    :param silent_alarm: whether the device stays silent.
    :param dry_run: log the difference and write nothing.
    :param minut_conn_id: id of a connection of type ``minut`` (templated).
    """

    template_fields: Sequence[str] = ("home_id", "alarm_status", "minut_conn_id")

    def __init__(
        self,
        *,
        home_id: str,
        alarm_status: str,
        silent_alarm: bool = False,
        dry_run: bool = False,
        minut_conn_id: str = MinutHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.home_id = home_id
        self.alarm_status = alarm_status
        self.silent_alarm = silent_alarm
        self.writes = not dry_run  # `dry_run` is a method of every operator
        self.minut_conn_id = minut_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Return ``home_id`` and ``changes``, a list of what was (or would be) changed, for people.

        :raises AirflowFailException: credentials, connection or an argument are not usable; not retried.
        :raises MinutError: the child that fits.
        """
        with minut_client(self.minut_conn_id) as client:
            if self.alarm_status not in _SATISFIED_BY:
                raise MinutConfigurationError("alarm_status", "must be on or off")
            status = client.get_home(self.home_id).get("alarm_status")
            changes = []
            if status not in _SATISFIED_BY[self.alarm_status]:
                changes = [f"alarm_status: {status or 'unknown'} -> {self.alarm_status}"]
                if self.writes:
                    client.set_alarm(self.home_id, self.alarm_status, silent_alarm=self.silent_alarm)
        _log_changes(self.log, f"Home {self.home_id}", changes, written=self.writes)
        return {"home_id": self.home_id, "changes": changes}


# Arming passes through a grace period.
_SATISFIED_BY = {"on": {"on", "on_grace_period"}, "off": {"off"}}


def _log_changes(log: Any, what: str, changes: Sequence[str], *, written: bool) -> None:
    if not changes:
        log.info("%s is so already; nothing to change.", what)
    for change in changes:
        log.info("%s, %s: %s", what, "changed" if written else "would change (dry run)", change)
