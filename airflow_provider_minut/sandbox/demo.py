"""``minut-demo``: run the DAG that validates credentials in a temporary Airflow installation."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_minut.sandbox.__main__ import MISSING_EXTRA

if TYPE_CHECKING:
    from rich.console import Console

    from airflow_provider_minut.sandbox.sandbox import Sandbox

DAG_ID = "minut_validate_credentials"
DAGS_FOLDER = Path(__file__).parents[1] / "example_dags"
CONNECTION_VARIABLE = "AIRFLOW_CONN_MINUT_DEFAULT"
COMMAND_TIMEOUT = 300  # seconds; a slow machine needs about 60


@dataclass(frozen=True)
class Outcome:
    """The result of the DAG run: the owner of the credentials, or the error."""

    owner: str = ""
    problem: str = ""


def main(argv: list[str] | None = None) -> int:
    """Run the command; return 0 only if the DAG run succeeded."""
    args = _parser().parse_args(argv)
    try:
        from rich.console import Console

        from airflow_provider_minut.sandbox.sandbox import Sandbox
    except ImportError:
        print(MISSING_EXTRA, file=sys.stderr)
        return 2
    console = Console()
    connection = args.conn_uri or os.environ.get(CONNECTION_VARIABLE)
    home = Path(tempfile.mkdtemp(prefix="minut-demo-"))
    log = Path(tempfile.gettempdir()) / f"{home.name}.log"
    started = time.monotonic()
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        sandbox = None if connection else stack.enter_context(Sandbox())
        target = f"the sandbox at {sandbox.base_url}" if sandbox else "the API of your connection"
        console.print(f"[bold]Minut for Airflow[/]: running the DAG [cyan]{DAG_ID}[/] against {target}")
        console.print(f"Airflow log: {log}\n", soft_wrap=True)
        environment = _environment(home, connection or (sandbox.connection_json if sandbox else ""))
        outcome = _run(console, environment, log)
        seconds = time.monotonic() - started
        _print_summary(console, outcome, seconds, _requests_made(sandbox, log))
    return 1 if outcome.problem else 0


def _run(console: Console, environment: dict[str, str], log: Path) -> Outcome:
    steps = (
        ("Preparing a temporary Airflow with SQLite", ["db", "migrate"]),
        ("Running the DAG", ["dags", "test", DAG_ID]),
    )
    for title, command in steps:
        with _step(console, title):
            code = _airflow(command, environment, log)
        if code:
            break
    text = log.read_text(errors="replace")
    owner = re.search(r"Authenticated as (.+? \(user \S+?\)|user \S+?)\.", text)
    if code == 0 and owner:
        return Outcome(owner=owner[1])
    # The last line of a traceback is the error message, which in this package includes the remedy.
    errors = re.findall(r"^\S*(?:AirflowFailException|Minut\w+Error): (.+)$", text, re.MULTILINE)
    return Outcome(problem=errors[-1] if errors else f"'airflow {' '.join(command)}' failed; see the log.")


def _airflow(command: list[str], environment: dict[str, str], log: Path) -> int:
    """Run an airflow command, append its output to ``log``, and return its exit code."""
    # Use the current interpreter, and so the Airflow that this package is installed with.
    airflow = [sys.executable, "-m", "airflow", *command]
    deadline = time.monotonic() + COMMAND_TIMEOUT
    with (
        log.open("ab") as output,
        subprocess.Popen(airflow, env=environment, stdout=output, stderr=output) as process,  # noqa: S603 - no shell, and all arguments are constants
    ):
        while process.poll() is None:
            # Airflow retries a failed task only after minutes; report the error of the first attempt instead.
            if time.monotonic() > deadline or b"new_state=up_for_retry" in log.read_bytes():
                process.kill()  # it ignores SIGTERM, and its files are deleted anyway
                return 1
            time.sleep(0.25)
        return process.returncode


@contextlib.contextmanager
def _step(console: Console, title: str) -> Iterator[None]:
    """Show progress, and the duration at the end."""
    if not console.is_terminal:  # no spinner in a file or a CI log
        console.print(f"  {title} …")
    started = time.monotonic()
    with console.status(f"{title} …"):
        yield
    console.print(f"  {title}: {time.monotonic() - started:.0f} s")


def _environment(home: Path, connection: str) -> dict[str, str]:
    """Return environment variables that isolate Airflow from the user's own installation."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")}
    return environment | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS_FOLDER),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        CONNECTION_VARIABLE: connection,
    }


def _requests_made(sandbox: Sandbox | None, log: Path) -> str:
    if sandbox:
        stats = sandbox.stats()
        return (
            f"{stats['token_requests']} for a token, {stats['requests'].get('GET /users/me', 0)} to /users/me"
        )
    tokens = log.read_text(errors="replace").count("Received an access token")
    return f"{tokens} for a token"


def _print_summary(console: Console, outcome: Outcome, seconds: float, requests: str) -> None:
    from rich.markup import escape
    from rich.panel import Panel
    from rich.table import Table

    rows = Table.grid(padding=(0, 2))
    if outcome.problem:
        rows.add_row("Problem", escape(outcome.problem))
    else:
        rows.add_row("Validated", f"[bold]{escape(outcome.owner)}[/]")
    rows.add_row("Duration", f"{seconds:.0f} s, mostly the start of Airflow")
    rows.add_row("Requests", requests)
    if outcome.problem:
        rows.add_row(
            "Next", "Correct the connection and run minut-demo again. For details, see the Airflow log."
        )
        console.print(Panel(rows, title="[red]The credentials were not validated[/]", expand=False))
        return
    console.print(Panel(rows, title="[green]The credentials are valid[/]", expand=False))
    for line in (
        f"Next: copy {DAGS_FOLDER.resolve() / DAG_ID}.py to your DAGs folder, and add your account:",
        "  airflow connections add minut_default --conn-type minut --conn-login ID --conn-password SECRET",
    ):
        console.print(line, soft_wrap=True, highlight=False)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="minut-demo",
        description=(
            f"Run the DAG {DAG_ID} once, in a temporary Airflow installation, against a sandbox on this "
            f"machine; or, if {CONNECTION_VARIABLE} or --conn-uri is set, against the API of that connection."
        ),
    )
    parser.add_argument(
        "--conn-uri",
        help="Airflow connection URI; unlike the variable, visible to other users of this machine (ps)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
