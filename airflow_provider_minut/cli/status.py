"""``airflow minut status``, ``minut-status``: how a connection is, for whoever is on call at night."""

from __future__ import annotations

import argparse
import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_minut.api.client import ClientStatus


DESCRIPTION = """\
Show whether a connection's credentials work, its access token, and the request budget. Run it where the tasks
run, as their user. It makes one request, and shows no secret."""
CONN_ID: dict[str, Any] = {"nargs": "?", "default": "minut_default", "help": "connection id (%(default)s)"}


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit code: 0 if Minut answered, 1 if not."""
    parser = argparse.ArgumentParser(prog="minut-status", description=DESCRIPTION)
    parser.add_argument("conn_id", **CONN_ID)
    return show_status(parser.parse_args(argv).conn_id)


def show_status(conn_id: str) -> int:
    """Print how things are with a connection; return 0 if Minut answered, 1 if not."""
    # Outside a task Airflow looks into its metadata database only in the server's context.
    os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")

    from airflow.providers.common.compat.sdk import AirflowNotFoundException

    from airflow_provider_minut.exceptions import MinutError
    from airflow_provider_minut.hooks.minut import TEST_SETTINGS, MinutHook, who_is

    _show("Connection", conn_id)
    try:
        client = MinutHook(conn_id).open_client(TEST_SETTINGS)
    except (MinutError, AirflowNotFoundException) as error:
        _show("Problem", str(error))
        return 1
    with client:
        problem = ""
        try:
            owner = who_is(client.get_current_user())
        except MinutError as error:
            owner, problem = "unknown, see the problem", str(error)
        status = client.status()
    _show("API", status.base_url)
    _show("Belongs to", owner)
    _show("Shared in", status.shared_state)
    _show("Token", _token(status))
    _show("Rate limit", _budget(status))
    if problem:
        _show("Problem", problem)
    return int(bool(problem))


def _token(status: ClientStatus) -> str:
    if status.token_state is None:
        return "none"
    ends = datetime.fromtimestamp(status.token_expires_at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"{status.token_state.value}, ends {ends} (in {status.token_expires_at - time.time():.0f} s)"


def _budget(status: ClientStatus) -> str:
    budget = status.rate_limit
    text = f"{budget.last_second} of {budget.per_second} used this second, "
    text += f"{budget.last_minute} of {budget.per_minute} this minute"
    if budget.waiting:
        text += f"; {budget.waiting} requests wait for their turn"
    if budget.paused:
        text += f"; all wait {budget.paused:.0f} s because the API said that it is too much"
    return text


def _show(what: str, value: str) -> None:
    print(f"{what:12}{value}")
