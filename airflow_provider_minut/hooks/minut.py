"""MinutHook: provides the API client for an Airflow connection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook

from airflow_provider_minut.api.overlap import DEFAULT_MAX_IN_FLIGHT
from airflow_provider_minut.get_provider_info import CONN_FIELDS, UI_FIELD_BEHAVIOUR
from airflow_provider_minut.utils.metrics import count

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from airflow_provider_minut.api.client import MinutClient
    from airflow_provider_minut.api.models import User

# The Test button blocks a thread of the API server, and minut-status its user: a single attempt, short
# timeouts.
TEST_SETTINGS = {"timeout": 3.0, "max_attempts": 1, "deadline": 4.0}


class MinutHook(BaseHook):
    """Interacts with the Minut API through an Airflow connection.

    The connection is read on first use. Access tokens are shared by all processes that have the same
    credentials and the same shared state, by default those of this user on this host, and refreshed before
    they expire.

    .. seealso:: ``docs/connection.md`` for the fields of the connection.

    :param minut_conn_id: ID of a connection of type ``minut``.
    :param max_in_flight: Maximum number of requests in flight, see
        :class:`~airflow_provider_minut.api.client.MinutClient`.
    """

    conn_name_attr = "minut_conn_id"
    default_conn_name = "minut_default"
    conn_type = "minut"
    hook_name = "Minut"

    def __init__(
        self, minut_conn_id: str = default_conn_name, max_in_flight: int | None = DEFAULT_MAX_IN_FLIGHT
    ) -> None:
        super().__init__()
        self.minut_conn_id = minut_conn_id
        self.max_in_flight = max_in_flight
        self._client: MinutClient | None = None

    def get_conn(self) -> MinutClient:
        """Return the client for the connection; the same object for each call.

        :raises MinutConfigurationError: if the connection is invalid; the error names the field.
        :raises AirflowNotFoundException: if the connection does not exist.
        """
        if self._client is None:
            self._client = self._build_client(self.get_connection(self.minut_conn_id))
        return self._client

    async def aget_conn(self) -> MinutClient:
        """Return the client without blocking the event loop, for triggers.

        The client itself is synchronous: call it through asgiref's ``sync_to_async``. A token is masked in
        the thread that first uses it, and in Airflow 3.1 masking in a thread of ``asyncio.to_thread``
        terminates the triggerer. For the same reason the client starts no threads itself.

        :raises MinutConfigurationError: if the connection is invalid; the error names the field.
        :raises AirflowNotFoundException: if the connection does not exist.
        """
        if self._client is None:
            from asgiref.sync import sync_to_async

            self.max_in_flight = None
            # In a thread: importing requests is slow, and masking waits for the supervisor.
            self._client = await sync_to_async(self.get_conn, thread_sensitive=False)()
        return self._client

    def get_access_token(self) -> str:
        """Return an access token that is valid for a request now. It is a secret; Airflow masks it in logs.

        :raises MinutAuthenticationError: if Minut rejected the credentials.
        :raises MinutError: if the token endpoint is unreachable, or its response is invalid.
        """
        return self.get_conn().get_access_token()

    def get_current_user(self) -> User:
        """Return the user who owns the credentials (``GET /users/me``), a dict with a ``user_id``.

        :raises MinutError: if the request fails; for the subclasses see
            :mod:`airflow_provider_minut.exceptions`.
        """
        return self.get_conn().get_current_user()

    def open_client(self, overrides: dict[str, Any]) -> MinutClient:
        """Return a new client for the connection, with some settings overridden.

        :param overrides: Fields of :class:`~airflow_provider_minut.api.settings.ClientSettings`.
        :raises MinutConfigurationError: if the connection is invalid; the error names the field.
        :raises AirflowNotFoundException: if the connection does not exist.
        """
        return self._build_client(self.get_connection(self.minut_conn_id), overrides)

    def test_connection(self) -> tuple[bool, str]:
        """Test the credentials, for Airflow's Test button and ``airflow connections test``.

        It takes at most about ten seconds and never raises.

        :return: Whether the credentials are valid, and a message for the user without any secret.
        """
        from airflow_provider_minut.exceptions import MinutError

        try:
            with self.open_client(TEST_SETTINGS) as client:
                user = client.validate_credentials()
        except MinutError as error:
            return False, str(error)
        except Exception as error:
            # Airflow shows this text unchanged, so it contains only the class of the error.
            self.log.debug("The connection test failed unexpectedly.", exc_info=True)
            return False, f"The connection could not be tested ({type(error).__name__}); see the debug log."
        return True, f"Connection successfully tested. Authenticated as {describe_user(user)}."

    def _build_client(self, connection: Connection, overrides: dict[str, Any] | None = None) -> MinutClient:
        from airflow.sdk.log import mask_secret

        from airflow_provider_minut import conf
        from airflow_provider_minut.api.client import MinutClient
        from airflow_provider_minut.api.shared_state.factory import open_shared_state
        from airflow_provider_minut.connection import read_connection

        credentials, settings = read_connection(
            connection.conn_id or self.minut_conn_id,
            login=connection.login,
            password=connection.password,
            host=connection.host,
            port=connection.port,
            schema=connection.schema,
            extra=connection.extra,
            overrides=overrides or {},
        )
        for url in (settings.proxies or {}).values():
            mask_secret(url)
        observe = partial(count, connection.conn_id or self.minut_conn_id)
        state = open_shared_state(conf.shared_state())
        return MinutClient(
            credentials,
            settings,
            state=state,
            on_secret=mask_secret,
            observe=observe,
            max_in_flight=self.max_in_flight,
        )

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return the standard fields of the form, for Airflow 3.1; later versions read the provider info."""
        behaviour = UI_FIELD_BEHAVIOUR
        return {
            "hidden_fields": behaviour["hidden-fields"],
            "relabeling": behaviour["relabeling"],
            "placeholders": behaviour["placeholders"],
        }

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the extra fields of the form, for Airflow 3.1; later versions read the provider info."""
        from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextFieldWidget
        from wtforms import IntegerField, PasswordField, StringField
        from wtforms.validators import Optional

        def widget(field: dict[str, Any]) -> Any:
            options = {"label": field["label"], "description": field["description"]}
            types = field["schema"]["type"]
            if field["schema"].get("format") == "password":
                return PasswordField(**options, widget=BS3PasswordFieldWidget())
            kind = IntegerField if "integer" in types else StringField
            return kind(**options, widget=BS3TextFieldWidget(), validators=[Optional()])

        return {name: widget(field) for name, field in CONN_FIELDS.items()}


@contextmanager
def minut_client(minut_conn_id: str, *, max_in_flight: int = DEFAULT_MAX_IN_FLIGHT) -> Iterator[MinutClient]:
    """Open the client of a connection for a task; a permanent error fails the task without retries.

    :param minut_conn_id: ID of a connection of type ``minut``.
    :param max_in_flight: Maximum number of requests in flight.
    :raises AirflowFailException: if a permanent error is raised (``exceptions.PERMANENT_ERRORS``).
    :raises AirflowNotFoundException: if there is no such connection.
    """
    # Imported here, because Airflow's retry policies take milliseconds that a DAG file would pay for.
    from airflow_provider_minut.policies.retry import fail_fast

    with fail_fast(), MinutHook(minut_conn_id, max_in_flight).get_conn() as client:
        yield client


def describe_user(user: User) -> str:
    """Return a user's name and ID as text."""
    name = user.get("fullname") or user.get("email")
    return f"{name} (user {user['user_id']})" if name else f"user {user['user_id']}"
