"""``minut-check`` with the replies that clients were seen to read."""

from __future__ import annotations

import json
import re

import pytest

from airflow_provider_minut.api_check.features import Verdict
from airflow_provider_minut.api_check.field_names import KNOWN_FIELDS
from airflow_provider_minut.cli.check import main
from tests.replay import NAMES, Account, ReplyServer

# A shorter text may be a word of the command.
LEAST_CHARACTERS = 8


@pytest.fixture(params=NAMES)
def account(request, monkeypatch):
    """Serve the replies of a file; ``minut_default`` is a connection to them."""
    account = Account(request.param)
    with ReplyServer(account.answer) as server:
        monkeypatch.setenv("AIRFLOW__MINUT__SHARED_STATE", "memory")
        monkeypatch.setenv("AIRFLOW_CONN_MINUT_DEFAULT", server.connection)
        yield account


def texts(value):
    """Return the texts in replies that are no part of a field's name."""
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return {text for each in inner for text in texts(each)}
    is_text = isinstance(value, str) and len(value) >= LEAST_CHARACTERS
    return {value} if is_text and not any(value in field for field in KNOWN_FIELDS) else set()


def test_no_reply_that_was_seen_breaks_a_feature_or_is_shown(account, tmp_path, capsys):
    report = tmp_path / "report.json"
    failed = main(["--report", str(report)])
    verdicts = {feature["verdict"] for feature in json.loads(report.read_text())["features"]}
    assert Verdict.FAILS not in verdicts
    assert failed == (Verdict.PARTLY in verdicts)
    shown = report.read_text() + capsys.readouterr().out
    words = {text for text in texts(account.replies) if re.search(rf"(?<!\w){re.escape(text)}(?!\w)", shown)}
    assert words == set()


@pytest.mark.parametrize("account", ["documentation_v8"], indirect=True)
def test_everything_works_as_documented(account):
    assert main([]) == 0
