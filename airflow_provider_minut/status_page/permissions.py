"""Permissions of the status page: Airflow's own, for the connection and for the variable of a webhook."""

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
"""The logged-in user; without a login the response is 401."""

REQUIRES_PLUGINS_ACCESS = Depends(requires_access_view(AccessView.PLUGINS))
"""Without permission to view plugins the response is 403."""


def connection_ids() -> set[str]:
    """Return the IDs of all connections of type ``minut`` in the metadata database and the environment.

    :raises Exception: if the metadata database cannot be queried.
    """
    with create_session() as session:
        stored = set(
            session.scalars(select(Connection.conn_id).where(Connection.conn_type == MinutHook.conn_type))
        )
    return stored | set(_from_environment())


def can_read_connection(user: Any, conn_id: str) -> bool:
    """Return whether a user may read a connection."""
    details = ConnectionDetails(conn_id=conn_id, team_name=Connection.get_team_name(conn_id))
    return get_auth_manager().is_authorized_connection(method="GET", details=details, user=user)


def can_read_variable(user: Any, key: str) -> bool:
    """Return whether a user may read a variable."""
    details = VariableDetails(key=key, team_name=Variable.get_team_name(key))
    return get_auth_manager().is_authorized_variable(method="GET", details=details, user=user)


def _from_environment() -> Iterator[str]:
    """Yield the IDs of connections of type ``minut`` that are defined by environment variables."""
    backend = EnvironmentVariablesBackend()
    for variable in os.environ:
        if variable.startswith(CONN_ENV_PREFIX):
            conn_id = variable.removeprefix(CONN_ENV_PREFIX).lower()
            try:
                connection = backend.get_connection(conn_id)  # None if it belongs to a team
            except Exception:
                log.debug("Ignoring environment variable %s: it is not a valid connection.", variable)
                continue
            if connection and connection.conn_type == MinutHook.conn_type:
                yield conn_id
