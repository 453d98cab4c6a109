"""What the commands have in common: they are about a connection, and print lines with a label."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_minut.api.client import MinutClient

CONN_ID: dict[str, Any] = {
    "nargs": "?",
    "default": "minut_default",
    "help": "connection ID (default: %(default)s)",
}


def open_client(conn_id: str, overrides: dict[str, Any]) -> MinutClient | None:
    """Print the connection ID, and return a client for the connection; print why there is none.

    :param conn_id: ID of the connection.
    :param overrides: Settings that override the connection's.
    """
    # Outside a task, Airflow reads connections from its metadata database only in the server context.
    os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")

    from airflow.providers.common.compat.sdk import AirflowNotFoundException

    from airflow_provider_minut.exceptions import MinutError
    from airflow_provider_minut.hooks.minut import MinutHook

    print_line("Connection", conn_id)
    try:
        return MinutHook(conn_id).open_client(overrides)
    except (MinutError, AirflowNotFoundException) as error:
        print_line("Error", str(error))
        return None


def print_line(label: str, value: str) -> None:
    """Print a label and a value."""
    print(f"{label:14}{value}")
