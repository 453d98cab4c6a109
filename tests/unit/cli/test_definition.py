"""The commands that Airflow adds to its own."""

from __future__ import annotations

import pytest

from airflow_provider_minut.cli.definition import get_cli_commands
from tests.conftest import AIRFLOW_VERSION


@pytest.fixture
def run(monkeypatch):
    """Run a command as ``airflow`` does, and return its exit code."""
    if AIRFLOW_VERSION < (3, 2):
        pytest.skip("commands of providers came with Airflow 3.2")
    from airflow.cli import cli_parser

    assert "minut" in cli_parser.ALL_COMMANDS_DICT

    def run(*words):
        args = cli_parser.get_parser().parse_args(words)
        with pytest.raises(SystemExit) as left:
            args.func(args)
        return left.value.code

    return run


def test_status_is_what_minut_status_shows(run, minut_sandbox, capsys):
    assert run("minut", "status") == 0
    assert "User          Alex Sandbox" in capsys.readouterr().out


def test_exit_code_reports_an_error(run, capsys):
    assert run("minut", "status", "no_such") == 1
    assert "no_such" in capsys.readouterr().out.split("Error", 1)[1]


def test_check_is_what_minut_check_shows(run, minut_sandbox, capsys, tmp_path):
    run("minut", "check", "--report", str(tmp_path / "report.json"))
    assert "GET /users/me                           answered" in capsys.readouterr().out
    assert (tmp_path / "report.json").read_text().startswith("{")


def test_there_is_one_group_with_two_commands():
    (group,) = get_cli_commands()
    assert (group.name, [command.name for command in group.subcommands]) == ("minut", ["status", "check"])
