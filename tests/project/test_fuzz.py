"""The fuzzers run, and notice what they are for."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.fuzz.__main__ import HARNESSES


@pytest.mark.parametrize("name", HARNESSES)
def test_harness_takes_its_seeds_and_notices_another_error(name, monkeypatch):
    harness = importlib.import_module(f"tests.fuzz.{name}")
    for seed in harness.SEEDS:
        harness.one_input(seed)

    def fail(*_args, **_kwargs):
        raise KeyError

    parsers = {"token_from_response", "retry_after", "read_delivery", "from_text"}
    for parser in parsers & set(vars(harness)):
        monkeypatch.setattr(harness, parser, fail)
    with pytest.raises(KeyError):
        harness.one_input(harness.SEEDS[0])


@pytest.mark.slow
@pytest.mark.parametrize("name", HARNESSES)
def test_fuzzing_for_some_seconds_finds_nothing(name):
    pytest.importorskip("atheris", reason="Atheris has wheels for Linux on x86-64 only")
    command = [sys.executable, "-m", "tests.fuzz", "5", name]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(re.search(r"number_of_executed_units: (\d+)", done.stderr)[1]) > 1000
