"""``minut-sandbox`` ends cleanly, and says clearly what it cannot do."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

SANDBOX = [sys.executable, "-m", "airflow_provider_minut.sandbox"]


def start(*options):
    command = [*SANDBOX, "--port", "0", *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def read_greeting(process):
    lines = []
    while "Ctrl-C" not in (line := process.stdout.readline()):
        assert line, process.stderr.read()
        lines.append(line)
    return lines


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_it_cleanly(number):
    with start() as process:
        read_greeting(process)
        process.send_signal(number)
        assert (process.wait(10), process.stderr.read()) == (0, "")


def test_exported_line_survives_a_shell_whatever_the_client_is_called():
    with start("--client-id", "o'brien $HOME") as process:
        export = next(line for line in read_greeting(process) if "export" in line)
        process.terminate()
    shell = ["sh", "-c", f"{export.strip()}; printenv AIRFLOW_CONN_MINUT_DEFAULT"]
    done = subprocess.run(shell, capture_output=True, text=True, timeout=10, check=True)
    assert json.loads(done.stdout)["login"] == "o'brien $HOME"


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--port", "70000"),
        ("--port", "-1"),
        ("--port", "x"),
        ("--token-lifetime", "0"),
        ("--token-lifetime", "nan"),
        ("--token-lifetime", "inf"),
    ],
)
def test_impossible_value_is_named_with_its_option(option, value):
    # Port 0 first, so that a value that is accepted by mistake does not take a port that is in use.
    command = [*SANDBOX, "--port", "0", option, value]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    assert done.returncode == 2
    assert f"argument {option}: " in done.stderr
    assert "Traceback" not in done.stderr
