"""Operators that ask the Minut API something and hand on the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperator

from airflow_provider_minut.failing import no_retry_when_hopeless
from airflow_provider_minut.hooks.minut import MinutHook, who_is

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_minut.api.models import User


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
        with no_retry_when_hopeless(), MinutHook(self.minut_conn_id).get_conn() as client:
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
        with no_retry_when_hopeless(), MinutHook(self.minut_conn_id).get_conn() as client:
            answer = client.request(self.method, self.endpoint, params=self.query, json=self.json)
        self.log.info("%s %s was answered.", self.method, self.endpoint)
        return answer
