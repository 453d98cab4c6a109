"""The commands ``airflow minut …`` (Airflow 3.2 and later)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import Namespace

    from airflow.cli.cli_config import CLICommand


def get_cli_commands() -> list[CLICommand]:
    """Return the commands. Airflow calls this for every command."""
    from airflow.cli.cli_config import ActionCommand, Arg, GroupCommand

    from airflow_provider_minut.cli.status import CONN_ID, DESCRIPTION

    status = ActionCommand(
        name="status",
        help="Show the user, the access token and the rate limit of a connection",
        description=DESCRIPTION,
        func=_status,
        args=(Arg(("conn_id",), **CONN_ID),),  # type: ignore[no-untyped-call]  # untyped in Airflow
    )
    return [GroupCommand(name="minut", help="Inspect connections to Minut", subcommands=(status,))]


def _status(args: Namespace) -> None:
    from airflow_provider_minut.cli.status import show_status

    sys.exit(show_status(args.conn_id))
