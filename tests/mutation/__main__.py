"""Mutation testing: make small changes to the code and check that the tests fail.

Each module is changed by Cosmic Ray in a copy of the checkout, one change (a mutant) at a time, and the
quick unit tests that are about it are run. A mutant that no test notices survives: a test is missing, or
the change makes no difference. docs/mutation.md explains the survivors.

Run it with:  uvx nox -s mutation                (about half an hour)
          or:  uvx nox -s mutation -- api/rate_limiter
After tests were added, and nothing else was changed, only the survivors need another try:
               uvx nox -s mutation -- --survivors
"""

from __future__ import annotations

import argparse
import ast
import importlib
import os
import re
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

from cosmic_ray.commands import init
from cosmic_ray.mutating import use_mutation
from cosmic_ray.plugins import get_operator
from cosmic_ray.work_db import use_db
from cosmic_ray.work_item import TestOutcome, WorkerOutcome, WorkResult

ROOT = Path(__file__).parents[2]
SESSIONS = ROOT / "build" / "mutation"
# The files that the tests need. Not the checkout itself: a killed run leaves a mutant behind.
COPIED = ("airflow_provider_minut", "dags", "docs", "tests", "pyproject.toml", "README.md")
TIMEOUT = 20.0  # seconds; then a mutant with an endless loop is killed. The tests take a few seconds
# Imported before the fork in which each mutant is tested: the imports take longer than most tests.
PRELOADED = (
    "pytest", "hypothesis", "pytest_httpserver", "requests", "tenacity", "filelock", "cryptography.fernet",
    "fastapi", "uvicorn",
)  # fmt: skip
RECEIVER = "tests/unit/webhooks/test_receiver.py"
# The tests of each module, most effective first: the first failure ends the test of a mutant.
TESTS = {
    "api/auth/provider": [
        "tests/unit/api/auth/test_provider_refresh.py",
        "tests/unit/api/auth/test_provider.py",
        "tests/unit/api/test_rate_limiter.py::test_requests_of_a_client_keep_the_limit_and_token_requests_do_not_wait",
    ],
    "api/http/transport": [
        "tests/unit/api/http/test_transport_limits.py",
        "tests/unit/api/http/test_transport.py",
        "tests/unit/api/test_rate_limiter.py",
    ],
    "api/http/retry": [
        "tests/unit/api/http/test_transport_limits.py",
        "tests/unit/api/http/test_transport.py",
    ],
    "api/rate_limiter": ["tests/unit/api/test_rate_limiter.py"],
    "webhooks/receiver": [RECEIVER],
    "webhooks/registration": [
        "tests/unit/webhooks/test_registration.py",
        "tests/unit/webhooks/test_registration_properties.py",
        RECEIVER,
    ],
    "webhooks/delivery": ["tests/unit/webhooks/test_delivery_properties.py", RECEIVER],
}
# They take seconds and kill no mutant that other tests do not kill.
SLOW = (
    "tests/unit/api/auth/test_provider.py::test_1000_calls_from_16_threads_make_one_token_request",
    "tests/unit/webhooks/test_registration.py::test_airflow_masks_the_variable",
    f"{RECEIVER}::test_importing_the_plugin_costs_nothing",
)


def main() -> None:
    """Mutate the given modules, or all, and print the survivors."""
    parser = argparse.ArgumentParser()
    parser.add_argument("modules", nargs="*", default=TESTS)
    parser.add_argument("--survivors", action="store_true", help="retry only the survivors of the last run")
    given = parser.parse_args()
    for name in PRELOADED:
        importlib.import_module(name)
    SESSIONS.mkdir(parents=True, exist_ok=True)
    rows = []
    with tempfile.TemporaryDirectory(prefix="minut-mutation-") as folder:
        for name in COPIED:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, Path(folder, name))
        os.chdir(folder)
        for module in given.modules:
            killed, survivors = mutate(module, again=given.survivors)
            rows.append((module, killed + len(survivors), killed, len(survivors)))
            print(f"\n== {module}: survivors", *survivors, sep="\n", flush=True)
    print("\n| Module | Mutants | Killed | Survived | Share |\n|---|---|---|---|---|")
    rows.append(("all", *(sum(row[i] for row in rows) for i in (1, 2, 3))))
    for module, mutants, killed, survived in rows:
        print(f"| `{module}` | {mutants} | {killed} | {survived} | {killed / mutants:.1%} |")


def mutate(module: str, *, again: bool) -> tuple[int, list[str]]:
    """Return how many mutants of a module were killed, and the survivors."""
    source = Path("airflow_provider_minut", f"{module}.py")
    session = SESSIONS / f"{module.replace('/', '.')}.sqlite"
    if again:
        with sqlite3.connect(session) as database:
            database.execute("DELETE FROM work_results WHERE test_outcome = 'SURVIVED'")
    if not tests_pass(module):
        sys.exit(f"The tests of {module} fail without a change.")
    with use_db(str(session)) as database:
        if not again:
            init([source], database, {})
        ignored = spans_without_behaviour(source)
        for item in list(database.pending_work_items):
            database.set_result(item.job_id, result_of(module, item.mutations[0], ignored))
        mutations = {item.job_id: item.mutations[0] for item in database.work_items}
        done = [(job, r) for job, r in database.results if r.worker_outcome is not WorkerOutcome.SKIPPED]
    survivors = [mutations[job] for job, result in done if result.test_outcome is TestOutcome.SURVIVED]
    survivors.sort(key=lambda mutation: mutation.start_pos)
    lines = source.read_text().splitlines()
    return len(done) - len(survivors), [
        f"{module}.py:{m.start_pos[0]} {m.operator_name.removeprefix('core/')} #{m.occurrence}: "
        + lines[m.start_pos[0] - 1].strip()
        for m in survivors
    ]


def result_of(module: str, mutation, ignored) -> WorkResult:
    if any(start <= mutation.start_pos < end for start, end in ignored):
        return WorkResult(worker_outcome=WorkerOutcome.SKIPPED)
    operator = get_operator(mutation.operator_name)(**mutation.operator_args)
    try:
        with use_mutation(mutation.module_path, operator, mutation.occurrence):
            outcome = TestOutcome.SURVIVED if tests_pass(module) else TestOutcome.KILLED
    except AttributeError:  # Cosmic Ray cannot replace an exception whose name has a dot
        return WorkResult(worker_outcome=WorkerOutcome.SKIPPED)
    return WorkResult(test_outcome=outcome, worker_outcome=WorkerOutcome.NORMAL)


def spans_without_behaviour(source: Path):
    """Return where annotations stand (``str | None`` is no computation), and stars that multiply nothing."""
    text = source.read_text()
    spans = [
        ((number, star.start()), (number, star.end()))
        for number, line in enumerate(text.splitlines(), start=1)
        for star in re.finditer(r"\*,", line)  # what follows is given by name
    ]
    for node in ast.walk(ast.parse(text)):
        for annotation in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if annotation is not None:
                end = annotation.end_lineno, annotation.end_col_offset
                spans.append(((annotation.lineno, annotation.col_offset), end))
    return spans


def tests_pass(module: str) -> bool:
    """Run the tests of a module in a fork, on the code as it is in the present directory."""
    child = os.fork()
    if child == 0:
        run_tests(module)
    give_up = time.monotonic() + TIMEOUT
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return status == 0
        if time.monotonic() > give_up:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return False
        time.sleep(0.01)


class FirstFailure:
    """A plugin of pytest that ends the process at once: stopping servers takes half a second."""

    def pytest_runtest_logreport(self, report):
        if report.failed:
            os._exit(1)


def run_tests(module: str):
    import pytest

    os.setsid()
    quiet = os.open("pytest.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    sys.dont_write_bytecode = True  # Python cannot distinguish two mutants within a second
    for name in [
        name for name in sys.modules if name.partition(".")[0] in {"tests", "airflow_provider_minut"}
    ]:
        del sys.modules[name]
    sys.path[:] = [os.getcwd(), *(path for path in sys.path if path and Path(path) != ROOT)]  # noqa: PTH109
    options = [
        "-x",
        "-q",
        "-n0",
        "-p",
        "no:cacheprovider",
        "--hypothesis-profile=brief",
        *(f"--deselect={name}" for name in SLOW),
    ]
    os._exit(pytest.main([*options, *TESTS[module]], plugins=[FirstFailure()]))


if __name__ == "__main__":
    main()
