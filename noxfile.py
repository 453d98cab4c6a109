"""Everything a developer runs besides `uv run pytest`. List the sessions with: uvx nox -l.

A session installs what it needs, pinned by pyproject.toml, into its own environment below .nox and reuses it.
Arguments after `--` are passed on:  uvx nox -s slow -- tests/system/test_page.py
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import nox

# Airflow keeps the dependencies that it was released with in constraints files, which are outside of the
# package registry. The registry knows the day on which each release appeared; what was newest when an
# Airflow was a day old is what its own files say, or very near. So: the release, and the day after it.
RELEASES = {
    "3.1": ("3.1.8", "2026-03-12"),
    "3.2": ("3.2.2", "2026-05-30"),
    "3.3": ("3.3.2", "2026-09-18"),
}
PYTHONS = ("3.11", "3.12", "3.13")
OLDEST_AND_NEWEST = ("tests-3.11(airflow='3.1')", "tests-3.13(airflow='3.3')")
# What takes several minutes is a session of its own.
SHORT_ENOUGH = "slow and not measured and not long"
# Without the soak, which takes an hour: it runs only if named.
BENCHMARKS = ("imports", "requests", "refresh", "extraction", "latency", "processes")

# [tool.uv] in pyproject.toml pins the newest of everything; the matrix has its own constraints.
OWN_PINS = "--no-config"
PINS = re.compile(r"constraint-dependencies = \[(?:\n.*?\n)?\]$", re.DOTALL | re.MULTILINE)

nox.options.default_venv_backend = "none"  # `uv run` creates the environments, except those of the matrix
nox.options.error_on_missing_interpreters = True  # a cell that is left out must not look green
nox.options.sessions = ["lint", "types", "docs"]


def run(session: nox.Session, *command: str, groups: tuple[str, ...] = ()) -> None:
    """Run a command with the default dependencies plus those of the groups.

    Without groups it runs in .venv; with groups in .nox, so that .venv holds only what the tests need.
    """
    if groups:
        options = ("--exact", *(f"--group={group}" for group in groups))
        env = {"UV_PROJECT_ENVIRONMENT": f".nox/{session.name}"}
        session.run("uv", "run", *options, *command, env=env)
    else:
        session.run("uv", "run", *command)


@nox.session(python=PYTHONS, venv_backend="uv")
@nox.parametrize("airflow", list(RELEASES))
def tests(session: nox.Session, airflow: str) -> None:
    """Run the default tests on one Airflow and Python, with that Airflow's constraints."""
    session.install(
        OWN_PINS,
        *("--constraint", f"constraints/airflow-{airflow}.txt"),
        *("--group", "test", "--editable", ".[delta,parquet,redis,report,sandbox]"),
    )
    session.run("pytest", *session.posargs)


@nox.session
def slow(session: nox.Session) -> None:
    """Run the slow tests: clean installations, a cluster, a browser (30 minutes)."""
    if session.posargs:
        run(session, "pytest", "-n", "0", "-m", "slow", *session.posargs, groups=("slow",))
        return
    run(session, "pytest", "-n", "2", "--dist", "loadfile", "-m", SHORT_ENOUGH, groups=("slow",))
    run(session, "pytest", "-n", "0", "-m", "measured", groups=("slow",))


@nox.session
def long(session: nox.Session) -> None:
    """Run the slow tests that take many minutes: a backfill that is killed ten times (6 minutes)."""
    run(session, "pytest", "-n", "0", "-m", "long", *session.posargs, groups=("slow",))


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, workflows, import contracts and declared dependencies."""
    for command in (
        ("ruff", "check", "."),
        ("ruff", "format", "--check", "."),
        ("zizmor", "--offline", "--persona", "pedantic", "--quiet", ".github"),
        ("lint-imports",),
        ("deptry", "."),
    ):
        run(session, *command, groups=("lint",))


@nox.session
def types(session: nox.Session) -> None:
    """Check types with mypy."""
    run(session, "mypy", *session.posargs, groups=("types",))


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation, warnings are errors. Other builders: -- linkcheck."""
    for builder in session.posargs or ("html",):
        options = ("-q", "-W", "--keep-going", "-n", "-b", builder)
        run(session, "sphinx-build", *options, "docs", f"build/docs/{builder}", groups=("docs",))


@nox.session
def generate(session: nox.Session) -> None:
    """Write the documentation pages that are generated from code."""
    run(session, "python", "-m", "docs._generate", *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Fuzz each parser for 60 seconds. One parser, longer: -- 600 retry_after."""
    run(session, "python", "-m", "tests.fuzz", *(session.posargs or ("60",)), groups=("fuzz",))


@nox.session
def mutation(session: nox.Session) -> None:
    """Run the mutation tests (30 minutes). One module: -- api/rate_limiter."""
    run(session, "python", "-m", "tests.mutation", *session.posargs, groups=("mutation",))


@nox.session
def bench(session: nox.Session) -> None:
    """Run the benchmarks except the soak (20 minutes). One: -- soak 60."""
    for command in [session.posargs] if session.posargs else [[name] for name in BENCHMARKS]:
        name, *arguments = command
        run(session, "python", "-m", f"tests.benchmarks.{name}", *arguments, groups=("bench",))


@nox.session
def pins(session: nox.Session) -> None:
    """Update the pins: constraints.txt, pyproject.toml, constraints/."""
    _pin_newest(session)
    for airflow in RELEASES:
        _pin_release(session, airflow)


@nox.session
def gate(session: nox.Session) -> None:
    """Run every check that a change must pass after `uv run pytest` (35 minutes)."""
    # The slow tests also build the documentation and fuzz for some seconds. Benchmarks do not pass or fail.
    session.run("uv", "build", "--quiet", "--out-dir", session.create_tmp())
    for name in ("lint", "types", *OLDEST_AND_NEWEST, "slow"):
        session.notify(name, posargs=())


def _pin_newest(session: nox.Session) -> None:
    """Write constraints.txt and its copy in pyproject.toml: `uv run` reads only the latter."""
    pyproject, target = Path("pyproject.toml"), Path("constraints.txt")
    text = pyproject.read_text()
    pyproject.write_text(PINS.sub("constraint-dependencies = []", text))
    Path("uv.lock").unlink(missing_ok=True)  # or uv would keep what is in it
    session.run(
        *("uv", "export", "--quiet", "--no-hashes", "--no-annotate", "--no-header", "--no-emit-project"),
        *("--all-extras", "--all-groups", "--output-file", str(target)),
        silent=True,
    )
    pinned = [line for line in target.read_text().splitlines() if line]
    _write(target, "The releases that the tests run with.", pinned)
    listed = "".join(f"    {json.dumps(pin)},\n" for pin in pinned)
    pyproject.write_text(PINS.sub(lambda _: f"constraint-dependencies = [\n{listed}]", text))


def _pin_release(session: nox.Session, airflow: str) -> None:
    """Write the constraints file of one Airflow release."""
    release, day_after = RELEASES[airflow]
    wanted = Path(session.create_tmp()) / "airflow.in"
    wanted.write_text(f"apache-airflow=={release}\n")
    target = Path("constraints") / f"airflow-{airflow}.txt"
    target.unlink(missing_ok=True)  # or uv would keep what is in it
    session.run(
        *("uv", "pip", "compile", OWN_PINS, "--quiet", "--universal", "--python-version", PYTHONS[0]),
        *("--exclude-newer", f"{day_after}T00:00:00Z", "--no-header", "--no-annotate"),
        *("--all-extras", "--group", "test", "--output-file", str(target)),
        *(str(wanted), "pyproject.toml"),
        silent=True,
    )
    _write(target, f"Airflow {release}, and what was newest a day later.", target.read_text().splitlines())


def _write(target: Path, what: str, lines: list[str]) -> None:
    target.write_text("".join(f"{line}\n" for line in (f"# {what} Written by: nox -s pins", *lines)))
