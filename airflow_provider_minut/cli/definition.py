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

    from airflow_provider_minut.cli import check, status
    from airflow_provider_minut.cli.connection import CONN_ID

    conn_id = Arg(("conn_id",), **CONN_ID)  # type: ignore[no-untyped-call]  # untyped in Airflow
    report = Arg(("--report",), **check.REPORT)  # type: ignore[no-untyped-call]  # untyped in Airflow
    commands = (
        ActionCommand(
            name="status",
            help="Show the user, the access token and the rate limit of a connection",
            description=status.DESCRIPTION,
            func=_status,
            args=(conn_id,),
        ),
        ActionCommand(
            name="check",
            help="Compare what Minut sends with what the provider expects",
            description=check.DESCRIPTION,
            func=_check,
            args=(conn_id, report),
        ),
    )
    return [GroupCommand(name="minut", help="Inspect connections to Minut", subcommands=commands)]


def _status(args: Namespace) -> None:
    from airflow_provider_minut.cli.status import show_status

    sys.exit(show_status(args.conn_id))


def _check(args: Namespace) -> None:
    from airflow_provider_minut.cli.check import run_check

    sys.exit(run_check(args.conn_id, args.report))
