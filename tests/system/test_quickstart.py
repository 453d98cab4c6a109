"""The commands of docs/quickstart.md, run one after the other as a reader types them, into one shell."""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest

from airflow_provider_minut.sandbox.config import SandboxConfig
from airflow_provider_minut.sandbox.server.state import SandboxState
from tests.conftest import ROOT
from tests.servers import free_port
from tests.system.components import wait_for
from tests.system.conftest import clean_environment
from tests.system.tunnel import minut_by_its_name

BLOCK = re.compile(r"^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PRINTED = re.compile(r"export AIRFLOW_CONN_MINUT_DEFAULT='.+'")
SANDBOX_PORT = 8787  # the default; a process that uses it may be about to end
COMMANDS, SECONDS = 5, 300


def commands(section):
    """Return what the reader types in a section of the document."""
    text = (ROOT / "docs" / "quickstart.md").read_text().split(f"\n## {section}\n")[1].split("\n## ")[0]
    return [line for block in BLOCK.findall(text) for line in block.splitlines()]


class Terminal:
    """A shell that commands are typed into, with its output and that of its background processes."""

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
        """Type a command; return the output until the shell is ready for the next command."""
        before = len(self.output())
        self._typed += 1
        end = f"end of command {self._typed}"
        self._shell.stdin.write(f"{line}\necho {end}: $?\n")
        self._shell.stdin.flush()
        ended = re.compile(rf"{end}: (\d+)\n")
        code = wait_for(lambda: ended.search(self.output()), seconds, self.output)[1]
        assert code == "0", self.output()
        return self.output()[before:]

    def output(self):
        return self._log.read_text()

    def close(self):
        """End the shell with everything that it started."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self._shell.pid, number)
            with suppress(subprocess.TimeoutExpired):
                self._shell.wait(5)


@pytest.fixture(scope="module")
def venv(tmp_path_factory):
    folder = tmp_path_factory.mktemp("quickstart") / "venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    return folder


@pytest.fixture
def home(tmp_path):
    """A home directory that has no Airflow yet."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def terminal(wheel, venv, home, tmp_path):
    port = free_port()
    environment = clean_environment(venv) | {
        "HOME": str(home),
        # Instead of what the package index has: the wheel of this checkout, and the releases that it is tested
        # with, so that a new release of a dependency does not break this test.
        "PIP_FIND_LINKS": f"{os.environ.get('PIP_FIND_LINKS', '')} {wheel.parent}",
        "PIP_CONSTRAINT": str(ROOT / "constraints.txt"),
        "PIP_CACHE_DIR": str(Path.home() / ".cache" / "pip"),
        # Others on this machine may use Airflow's ports.
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": f"http://localhost:{port}",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://localhost:{port}/execution/",
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
    }
    terminal = Terminal(tmp_path, environment)
    yield terminal
    terminal.close()


@pytest.fixture
def finished_runs(home, tmp_path):
    """Wait for the end of the DAG's first run; return run type and state of all of its runs."""
    query = "select run_type, state from dag_run where dag_id = ?"

    def known():
        (path,) = home.glob("airflow*/airflow.db")
        with closing(sqlite3.connect(path, timeout=60)) as database:
            return database.execute(query, ["minut_validate_credentials"]).fetchall()

    def wait():
        is_over = {"success", "failed"}.intersection
        wait_for(
            lambda: is_over(state for _, state in known()), SECONDS, (tmp_path / "airflow.log").read_text
        )
        return known()

    return wait


@pytest.mark.timeout(900)
def test_first_scheduled_run_is_green_after_five_commands_and_minutes(terminal, finished_runs, capsys):
    install, sandbox, paste, standalone, unpause = typed = commands("Without an account")
    assert len(typed) <= COMMANDS
    began = time.monotonic()
    took = {}

    def done(what):
        took[what] = time.monotonic() - began

    terminal.type(install)
    done("installed")
    wait_for(lambda: is_free(SANDBOX_PORT), SECONDS, lambda: f"Port {SANDBOX_PORT} is in use.")
    terminal.type(sandbox)
    printed = wait_for(lambda: PRINTED.search(terminal.output()), 60, terminal.output)[0]
    assert paste.partition("=")[0] == printed.partition("=")[0]
    terminal.type(printed)
    terminal.type(standalone)
    terminal.type(unpause)
    done("unpaused")
    assert finished_runs() == [("scheduled", "success")]
    done("green")
    with capsys.disabled():
        print("\nQuick start: " + ", ".join(f"{what} after {s:.0f} s" for what, s in took.items()))
    assert took["green"] <= SECONDS


@pytest.mark.timeout(900)
def test_same_with_an_account(terminal, finished_runs, tmp_path):
    """The sandbox plays Minut, with Minut's name and a certificate, so that nothing in the commands is another."""
    state = SandboxState(SandboxConfig())
    with minut_by_its_name(state, tmp_path) as network:
        for command in commands("With your account"):
            if command.startswith("airflow"):  # not pip, which is to find the package index
                for name, value in network.items():
                    terminal.type(f"export {name}={value}")
            filled_in = command.replace("CLIENT_ID", state.config.client_id)
            output = terminal.type(filled_in.replace("CLIENT_SECRET", state.client_secret))
            if "connections test" in command:
                assert "Connection success!" in output
        assert finished_runs() == [("scheduled", "success")]
        assert state.stats()["requests"]["GET /users/me"] == 2


def is_free(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
