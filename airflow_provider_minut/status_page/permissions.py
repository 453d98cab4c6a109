"""Who may see what on the page: what Airflow says of the connection, or of the webhook's variable."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from typing import Annotated, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import (
    AccessView,
    ConnectionDetails,
    VariableDetails,
)
from airflow.api_fastapi.core_api.security import get_user, requires_access_view
from airflow.models.connection import Connection
from airflow.models.variable import Variable
from airflow.secrets.environment_variables import CONN_ENV_PREFIX, EnvironmentVariablesBackend
from airflow.utils.session import create_session
from fastapi import Depends
from sqlalchemy import select

from airflow_provider_minut.hooks.minut import MinutHook

log = logging.getLogger(__name__)

CurrentUser = Annotated[Any, Depends(get_user)]
"""The user who is logged in; without one a request is answered 401."""

REQUIRES_PLUGINS_ACCESS = Depends(requires_access_view(AccessView.PLUGINS))
"""Without this right a request is answered 403."""


def connection_ids() -> set[str]:
    """Return the connections of type ``minut`` that can be listed: of the database and the environment.

    :raises Exception: the database could not be asked.
    """
    with create_session() as session:
        found = set(
            session.scalars(select(Connection.conn_id).where(Connection.conn_type == MinutHook.conn_type))
        )
    return found | set(_from_environment())


def can_read_connection(user: Any, conn_id: str) -> bool:
    """Return whether a user may read a connection."""
    details = ConnectionDetails(conn_id=conn_id, team_name=Connection.get_team_name(conn_id))
    return get_auth_manager().is_authorized_connection(method="GET", details=details, user=user)


def can_read_variable(user: Any, key: str) -> bool:
    """Return whether a user may read a variable."""
    details = VariableDetails(key=key, team_name=Variable.get_team_name(key))
    return get_auth_manager().is_authorized_variable(method="GET", details=details, user=user)


def _from_environment() -> Iterator[str]:
    """Yield the ids of connections that environment variables define, as far as they can be read."""
    backend = EnvironmentVariablesBackend()
    for variable in os.environ:
        if variable.startswith(CONN_ENV_PREFIX):
            conn_id = variable.removeprefix(CONN_ENV_PREFIX).lower()
            try:
                connection = backend.get_connection(conn_id)  # none for one that belongs to a team
            except Exception:
                log.debug("The variable %s cannot be read as a connection.", variable)
                continue
            if connection and connection.conn_type == MinutHook.conn_type:
                yield conn_id
