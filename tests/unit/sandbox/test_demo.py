"""The commands and the fixture, as users run them."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import textwrap

import pytest

from airflow_provider_minut.sandbox.assumptions import ASSUMPTIONS
from airflow_provider_minut.sandbox.pytest_plugin import __file__ as plugin_file

SANDBOX = [sys.executable, "-m", "airflow_provider_minut.sandbox"]


def run(*command, **kwargs):
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **kwargs)


def test_sandbox_prints_a_connection_that_works():
    from airflow_provider_minut.api.client import MinutClient
    from airflow_provider_minut.connection import read_connection

    environment = {**os.environ, "MINUT_SANDBOX_CLIENT_SECRET": "from-the-environment"}
    with subprocess.Popen(
        [*SANDBOX, "--port", "0"], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            lines = []
            while "Ctrl-C" not in (line := process.stdout.readline()):
                lines.append(line)
            exported = re.search(r"export AIRFLOW_CONN_MINUT_DEFAULT='(.+)'", "".join(lines))[1]
            fields = json.loads(exported)
            assert (fields.pop("conn_type"), fields["password"]) == ("minut", "from-the-environment")
            parts = read_connection("c", **fields, port=None, schema=None, extra=None, overrides={})
            with MinutClient(*parts) as client:
                assert client.get_current_user()["user_id"]
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0


def test_port_in_use_is_one_clear_line():
    with socket.create_server(("127.0.0.1", 0)) as occupied:
        port = occupied.getsockname()[1]
        done = run(*SANDBOX, "--port", str(port))
    assert done.returncode == 1
    assert (
        done.stderr
        == f"Failed to listen on port {port} (Address already in use); set another port with --port.\n"
    )


def test_help_lists_every_behaviour_and_how_it_is_known():
    text = " ".join(run(*SANDBOX, "--help").stdout.split())
    for known in ASSUMPTIONS:
        assert f"* [{known.mark}] {known.text}" in text


@pytest.mark.parametrize(
    "module", ["airflow_provider_minut.sandbox.__main__", "airflow_provider_minut.sandbox.demo"]
)
def test_missing_extra_is_one_clear_line(module):
    code = f"import sys; sys.modules['uvicorn'] = None; from {module} import main; sys.exit(main([]))"
    done = run(sys.executable, "-c", code)
    assert done.returncode == 2
    assert done.stderr == "The sandbox needs its extra: pip install 'airflow-provider-minut[sandbox]'\n"


def test_fixture_runs_in_a_users_own_tests(tmp_path):
    (tmp_path / "test_mine.py").write_text(
        textwrap.dedent("""
        def test_mine(minut_sandbox):
            from airflow_provider_minut.hooks.minut import MinutHook
            assert MinutHook().get_current_user()["user_id"]
            assert minut_sandbox.stats()["token_requests"] == 1
        """)
    )
    done = run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=tmp_path)
    assert "1 passed" in done.stdout, done.stdout


def test_fixture_costs_other_tests_nothing():
    """pytest imports the plugin in every run in an environment with the package."""
    code = f"import pytest, sys; before = set(sys.modules); exec(open({plugin_file!r}).read()); "
    code += "print([m for m in ('fastapi', 'uvicorn', 'jwt', 'requests', 'airflow') if m in set(sys.modules) - before])"
    assert run(sys.executable, "-c", code).stdout == "[]\n"
