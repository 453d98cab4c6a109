"""``airflow minut …``: what this package adds to Airflow's command line (Airflow 3.2 and later)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import Namespace

    from airflow.cli.cli_config import CLICommand


def get_cli_commands() -> list[CLICommand]:
    """Return the commands. Airflow calls this whatever command was given."""
    from airflow.cli.cli_config import ActionCommand, Arg, GroupCommand

    from airflow_provider_minut.cli.status import CONN_ID, DESCRIPTION

    status = ActionCommand(
        name="status",
        help="Show whether a connection's credentials work, its access token, and the request budget",
        description=DESCRIPTION,
        func=_status,
        args=(Arg(("conn_id",), **CONN_ID),),  # type: ignore[no-untyped-call]  # Airflow's, without types
    )
    return [GroupCommand(name="minut", help="Look after connections to Minut", subcommands=(status,))]


def _status(args: Namespace) -> None:
    from airflow_provider_minut.cli.status import show_status

    sys.exit(show_status(args.conn_id))
