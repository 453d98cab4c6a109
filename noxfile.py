"""The tests in every Airflow and Python that is supported.

All of them:      uv run nox
One:              uv run nox -s "tests-3.12(airflow='3.2')" -- tests/unit -x
With pyenv:       PYENV_VERSION=3.11:3.12:3.13 uv run nox
After a release:  change RELEASES, then  uv run nox -s constraints
"""

from __future__ import annotations

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
# [tool.uv] in pyproject.toml pins the newest of everything, which is not wanted here.
OWN_PINS = "--no-config"

nox.options.default_venv_backend = "uv"
nox.options.error_on_missing_interpreters = True  # a cell that is left out must not look green
nox.options.sessions = ["tests"]


@nox.session(python=PYTHONS)
@nox.parametrize("airflow", list(RELEASES))
def tests(session: nox.Session, airflow: str) -> None:
    """Run the tests in one cell of the matrix."""
    session.install(
        OWN_PINS,
        *("--constraint", f"constraints/airflow-{airflow}.txt"),
        *("--group", "test", "--editable", ".[parquet,redis,report,sandbox]"),
    )
    session.run("pytest", *session.posargs)


@nox.session(venv_backend="none")
def constraints(session: nox.Session) -> None:
    """Write the constraints files."""
    for airflow, (release, day_after) in RELEASES.items():
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
        header = f"# Airflow {release}, and what was newest a day later. Written by: nox -s constraints\n"
        target.write_text(header + target.read_text())
