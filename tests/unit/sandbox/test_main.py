"""``minut-sandbox`` exits cleanly and reports invalid options."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest
import requests

from airflow_provider_minut.sandbox.__main__ import main
from airflow_provider_minut.sandbox.config import SandboxConfig
from tests.unit.sandbox.support import FORM

SANDBOX = [sys.executable, "-m", "airflow_provider_minut.sandbox"]


def start(*options):
    command = [*SANDBOX, "--port", "0", *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def read_output(process):
    lines = []
    while "Ctrl-C" not in (line := process.stdout.readline()):
        assert line, process.stderr.read()
        lines.append(line)
    return lines


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_it_cleanly(number):
    with start() as process:
        read_output(process)
        process.send_signal(number)
        assert (process.wait(10), process.stderr.read()) == (0, "")


def test_exported_line_survives_a_shell_whatever_the_client_is_called():
    with start("--client-id", "o'brien $HOME") as process:
        export = next(line for line in read_output(process) if "export" in line)
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
    # Port 0 first, so that a value that is accepted by mistake does not bind a port that is in use.
    command = [*SANDBOX, "--port", "0", option, value]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    assert done.returncode == 2
    assert f"argument {option}: " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--homes", "0"),
        ("--homes", "1.5"),
        ("--devices", "-1"),
        ("--seed", "-1"),
        ("--noisy-periods-per-day", "-0.1"),
        ("--noisy-periods-per-day", "nan"),
        ("--late-share", "0.95"),
        ("--silent-share", "1.1"),
        ("--fault-rate", "2"),
        ("--unknown-events", "ignore"),
        ("--shape", "round"),
    ],
)
def test_impossible_fleet_is_named_with_its_option(option, value, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["--port", "0", option, value])
    assert f"argument {option}: " in capsys.readouterr().err


def test_fleet_is_as_the_options_say():
    options = [
        "--homes",
        "7",
        "--devices",
        "9",
        "--seed",
        "5",
        "--noisy-periods-per-day",
        "24",
        "--late-share",
        "0",
    ]
    with start(
        *options, "--silent-share", "0.5", "--fault-rate", "0", "--shape", "sparse", "--no-rate-limit"
    ) as process:
        export = next(line for line in read_output(process) if "export" in line)
        fields = json.loads(export.partition("=")[2].strip().strip("'"))
        user = (fields["login"], fields["password"])
        token = requests.post(f"{fields['host']}/oauth/token", data=FORM, auth=user, timeout=5).json()
        header = {"Authorization": f"Bearer {token['access_token']}"}
        homes, devices = (
            requests.get(f"{fields['host']}/{name}", headers=header, timeout=5).json()[name]
            for name in ("homes", "devices")
        )
        process.terminate()
    assert (len(homes), len(devices)) == (7, 9)
    assert homes[6] == {"home_id": "64aa0000000000000000b007", "name": "Home 7"}


@pytest.mark.parametrize(
    ("field", "value", "accepted"),
    [
        ("token_lifetime", 0, "from 0.001 to 1000000000"),
        ("homes", 0, "from 1 to 10000000"),
        ("devices", -1, "from 0 to 10000000"),
        ("seed", -1, "from 0 to"),
        ("noisy_periods_per_day", float("inf"), "from 0 to 8640"),
        ("late_share", 1, "from 0 to 0.9"),
        ("silent_share", float("nan"), "from 0 to 1"),
        ("fault_rate", 1.01, "from 0 to 1"),
        ("unknown_events", "ignore", "one of accept, reject"),
        ("shape", "round", "one of seen, documented, old, sparse, odd"),
    ],
)
def test_impossible_field_is_named_with_what_is_accepted(field, value, accepted):
    with pytest.raises(ValueError, match=f"^{field}: must be {accepted}.*: {value}$"):
        SandboxConfig(**{field: value})
