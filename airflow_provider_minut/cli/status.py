"""``airflow minut status`` and ``minut-status``: show the state of a connection."""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow_provider_minut.cli.connection import CONN_ID, open_client, print_line

if TYPE_CHECKING:
    from airflow_provider_minut.api.client import ClientStatus


DESCRIPTION = """\
Check the credentials of a connection, and show its user, its access token and its rate limit. Run it on a
worker, as the user of the worker. It sends one request and shows no secret."""


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit code: 0 if the request succeeded, else 1."""
    parser = argparse.ArgumentParser(prog="minut-status", description=DESCRIPTION)
    parser.add_argument("conn_id", **CONN_ID)
    return show_status(parser.parse_args(argv).conn_id)


def show_status(conn_id: str) -> int:
    """Print the state of a connection; return 0 if the request succeeded, else 1."""
    from airflow_provider_minut.exceptions import MinutError
    from airflow_provider_minut.hooks.minut import TEST_SETTINGS, describe_user

    client = open_client(conn_id, TEST_SETTINGS)
    if client is None:
        return 1
    with client:
        message = ""
        try:
            user = describe_user(client.get_current_user())
        except MinutError as error:
            user, message = "unknown", str(error)
        status = client.status()
    print_line("API", status.base_url)
    print_line("User", user)
    print_line("Shared state", status.shared_state)
    print_line("Token", _token(status))
    print_line("Rate limit", _rate_limit(status))
    if message:
        print_line("Error", message)
    return int(bool(message))


def _token(status: ClientStatus) -> str:
    if status.token_state is None:
        return "none"
    expires = datetime.fromtimestamp(status.token_expires_at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"{status.token_state.value}, expires {expires} (in {status.token_expires_at - time.time():.0f} s)"


def _rate_limit(status: ClientStatus) -> str:
    limit = status.rate_limit
    text = f"{limit.last_second} of {limit.per_second} requests in the last second, "
    text += f"{limit.last_minute} of {limit.per_minute} in the last minute"
    if limit.waiting:
        text += f"; {limit.waiting} delayed"
    if limit.paused:
        text += f"; paused for {limit.paused:.0f} s after a 429 response"
    return text
