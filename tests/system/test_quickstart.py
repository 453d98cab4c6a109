"""The commands of docs/quickstart.md, run one after the other as a reader types them, into one shell."""

from __future__ import annotations

import os
import re
import shlex
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.servers import free_port
from tests.system.components import wait_for
from tests.system.conftest import clean_environment

BLOCK = re.compile(r"^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PRINTED = re.compile(r"export AIRFLOW_CONN_MINUT_DEFAULT='.+'")
DAG_ID = "minut_validate_credentials"
COMMANDS, SECONDS = 5, 300


def commands(section):
    """Return what the reader types in a section of the document."""
    text = (ROOT / "docs" / "quickstart.md").read_text().split(f"\n## {section}\n")[1].split("\n## ")[0]
    return [line for block in BLOCK.findall(text) for line in block.splitlines()]


class Terminal:
    """A shell that is typed into, with everything that it and its background processes say."""

    def __init__(self, folder, environment):
        self._log = folder / "terminal.txt"
        self._typed = 0
        self._shell = subprocess.Popen(
            ["bash"],
            env=environment,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=self._log.open("w"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
        )

    def type(self, line, seconds=SECONDS):
        """Type a command; return what was said until the shell was ready for the next."""
        before = len(self.said())
        self._typed += 1
        end = f"end of command {self._typed}"
        self._shell.stdin.write(f"{line}\necho {end}: $?\n")
        self._shell.stdin.flush()
        ended = re.compile(rf"{end}: (\d+)\n")
        code = wait_for(lambda: ended.search(self.said()), seconds, self.said)[1]
        assert code == "0", self.said()
        return self.said()[before:]

    def said(self):
        return self._log.read_text()

    def close(self):
        """End the shell with everything that it started."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self._shell.pid, number)
            with suppress(subprocess.TimeoutExpired):
                self._shell.wait(5)


@pytest.fixture
def reader(wheel, tmp_path):
    """A terminal as the document wants it: in a new virtual environment, with a home that has no Airflow yet."""
    venv, home = tmp_path / "venv", tmp_path / "home"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    home.mkdir()
    port = free_port()
    environment = clean_environment(venv) | {
        "HOME": str(home),
        # Instead of what the package index has: the wheel of this checkout, and the releases that it is tested
        # with, so that somebody else's release does not end the gate.
        "PIP_FIND_LINKS": f"{os.environ.get('PIP_FIND_LINKS', '')} {wheel.parent}",
        "PIP_CONSTRAINT": str(ROOT / "constraints.txt"),
        "PIP_CACHE_DIR": str(Path.home() / ".cache" / "pip"),
        # Others of this machine may use Airflow's ports.
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": f"http://localhost:{port}",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://localhost:{port}/execution/",
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
    }
    terminal = Terminal(tmp_path, environment)
    yield terminal, home
    terminal.close()


def runs(home):
    """Return run type and state of the DAG's runs, as far as there is a database that knows them."""
    with (
        suppress(sqlite3.OperationalError),
        closing(sqlite3.connect(f"file:{home}/airflow/airflow.db?mode=ro", uri=True)) as database,
    ):
        return database.execute("select run_type, state from dag_run where dag_id = ?", [DAG_ID]).fetchall()
    return []


@pytest.mark.timeout(900)
def test_first_scheduled_run_is_green_after_five_commands_and_minutes(reader, tmp_path, capsys):
    terminal, home = reader
    install, sandbox, paste, standalone, unpause = typed = commands("Without an account")
    assert len(typed) <= COMMANDS
    began = time.monotonic()
    took = {}

    def done(what):
        took[what] = time.monotonic() - began

    terminal.type(install)
    done("installed")
    terminal.type(sandbox)
    printed = wait_for(lambda: PRINTED.search(terminal.said()), 60, terminal.said)[0]
    assert shlex.split(paste)[:1] == shlex.split(printed)[:1]
    assert paste.partition("=")[0] == printed.partition("=")[0]
    terminal.type(printed)
    terminal.type(standalone)
    terminal.type(unpause)
    done("unpaused")
    wait_for(
        lambda: {state for _, state in runs(home)} & {"success", "failed"},
        SECONDS,
        lambda: (tmp_path / "airflow.log").read_text()[-10_000:],
    )
    done("green")
    with capsys.disabled():
        print("\nQuick start: " + ", ".join(f"{what} after {s:.0f} s" for what, s in took.items()))
    assert runs(home) == [("scheduled", "success")]
    assert took["green"] <= SECONDS
