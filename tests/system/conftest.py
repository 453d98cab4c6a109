"""The built wheel, in clean virtual environments with nothing else of this checkout."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psycopg2
import pytest
import requests

from airflow_provider_minut.sandbox.sandbox import Sandbox
from tests.conftest import ROOT
from tests.servers import PostgresServer, free_port
from tests.system import components

# The newest Airflow with the pins of this repository, and the oldest with what it was released with.
AIRFLOWS = {
    "newest": ["-c", str(ROOT / "constraints.txt")],
    "oldest": ["-c", str(ROOT / "constraints" / "airflow-3.1.txt")],
}


def pytest_collection_modifyitems(items):
    for item in items:
        if "tests/system" in item.nodeid:
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.timeout(600))


@dataclass
class Installation:
    """A clean virtual environment with the wheel in it, and an Airflow home."""

    bin: Path
    home: Path
    environment: dict[str, str]

    def run(self, command, *arguments, **environment):
        return subprocess.run(
            [self.bin / command, *arguments],
            env={**self.environment, **environment},
            cwd=self.home,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=500,
            check=False,
        )

    def airflow(self, *arguments, **environment):
        return self.run("airflow", *arguments, **environment)

    def python(self, code, **environment):
        done = self.run("python", "-c", code, **environment)
        assert done.returncode == 0, done.stdout
        return done.stdout


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    return build_wheel(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session", params=AIRFLOWS)
def installed(request, wheel, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    venv = folder / "venv"
    subprocess.run([uv(), "venv", "--quiet", "--python", sys.executable, venv], check=True)
    install = [uv(), "pip", "install", "--quiet", "--python", venv / "bin" / "python"]
    packages = [f"{wheel}[report,sandbox]", "apache-airflow-providers-sqlite"]
    subprocess.run([*install, *packages, *AIRFLOWS[request.param]], check=True, cwd=folder)
    environment = clean_environment(venv) | {
        "AIRFLOW_HOME": str(folder / "home"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW__MINUT__SHARED_STATE": f"file://{folder}/state",
    }
    (folder / "home").mkdir()
    installation = Installation(venv / "bin", folder / "home", environment)
    find = (
        "import airflow_provider_minut as p, pathlib; print(pathlib.Path(p.__file__).parent / 'example_dags')"
    )
    environment["AIRFLOW__CORE__DAGS_FOLDER"] = installation.python(find).strip()
    migrated = installation.airflow("db", "migrate")
    assert migrated.returncode == 0, migrated.stdout
    return installation


@pytest.fixture(scope="session")
def origin(installed, tmp_path_factory):
    """The address of a running API server; every user is an admin."""
    port = free_port()
    running = components.Components(installed, tmp_path_factory.mktemp("server"))
    everybody = {"AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True"}
    running.start("api-server", AIRFLOW__API__PORT=str(port), **everybody)
    address = f"http://127.0.0.1:{port}"

    def is_up():
        with suppress(requests.RequestException):
            return requests.get(f"{address}/api/v2/version", timeout=5).ok
        return False

    components.wait_for(is_up, 120, lambda: running.log("api-server"))
    yield address
    running.stop()


@pytest.fixture(scope="session")
def complete_venv(request, wheel, tmp_path_factory):
    """A clean environment, by default with the newest Airflow."""
    airflow = getattr(request, "param", "newest")
    return make_complete_venv(wheel, tmp_path_factory.mktemp(f"complete-{airflow}"), airflow)


@pytest.fixture
def postgres():
    if not PostgresServer.find("initdb"):
        assert not os.environ.get("CI"), "CI has to have PostgreSQL"
        pytest.skip("PostgreSQL is not installed (Debian: apt install postgresql)")
    server = PostgresServer()
    yield server
    server.stop()


@pytest.fixture
def db_query(postgres):
    """Query the metadata database."""
    return partial(ask_database, postgres)


@pytest.fixture
def deploy(complete_venv, postgres, tmp_path):
    """Create an Airflow with its own PostgreSQL, whose components are started separately."""
    deployed = []

    def deploy(dags, **environment):
        installation = make_airflow(complete_venv, tmp_path, dags, postgres, **environment)
        deployed.append(components.Components(installation, tmp_path))
        return installation, deployed[0]

    yield deploy
    for parts in deployed:
        parts.stop()


@pytest.fixture
def sandbox():
    with Sandbox() as running:
        yield running


@pytest.fixture
def added_to(sandbox):
    """Add the connection minut_default to an installation, with the command that the README shows."""

    def add(installation):
        add_connection(installation, sandbox)
        return "minut_default"

    return add


@pytest.fixture
def added_connection(added_to, installed):
    return added_to(installed)


def build_wheel(folder):
    # The wheel is built from the sdist, so that both are shown to be complete.
    subprocess.run([uv(), "build", "--quiet", "--out-dir", folder], cwd=ROOT, check=True)
    return next(folder.glob("*.whl"))


def make_complete_venv(wheel, folder, airflow="newest"):
    """Make a clean environment with an Airflow, Celery and PostgreSQL's drivers."""
    venv = folder / "venv"
    subprocess.run([uv(), "venv", "--quiet", "--python", sys.executable, venv], check=True)
    install = [uv(), "pip", "install", "--quiet", "--python", venv / "bin" / "python"]
    packages = [f"{wheel}[redis]", "apache-airflow-providers-celery", "asyncpg", "psycopg2-binary"]
    packages += ["apache-airflow-providers-sqlite"]
    subprocess.run([*install, *packages, *AIRFLOWS[airflow]], check=True, cwd=folder)
    return venv


def make_airflow(venv, folder, dags, postgres, **environment):
    """Make an Airflow below a folder, with an empty metadata database.

    :param dags: their code by name.
    """
    for name in ("home", "dags"):
        (folder / name).mkdir()
    for name, code in dags.items():
        (folder / "dags" / f"{name}.py").write_text(code)
    database = f"postgresql+psycopg2://{postgres.address}"
    agreed = components.environment(folder / "home", folder / "dags", database)
    shared = {"AIRFLOW__MINUT__SHARED_STATE": f"file://{folder}/state"}
    whole = {**clean_environment(venv), **agreed, **shared, **environment}
    installation = Installation(venv / "bin", folder / "home", whole)
    migrated = installation.airflow("db", "migrate")
    assert migrated.returncode == 0, migrated.stdout
    return installation


def add_connection(installation, sandbox):
    fields = json.loads(sandbox.connection_json)
    installation.airflow("connections", "delete", "minut_default")
    added = installation.airflow(
        *("connections", "add", "minut_default", "--conn-type", "minut"),
        *("--conn-login", fields["login"], "--conn-password", fields["password"]),
        *("--conn-host", fields["host"]),
    )
    assert added.returncode == 0, added.stdout


def ask_database(postgres, sql, *values):
    with closing(psycopg2.connect(f"postgresql://{postgres.address}")) as connection:
        cursor = connection.cursor()
        cursor.execute(sql, values or None)
        return cursor.fetchall()


def clean_environment(venv):
    """The environment without what belongs to this checkout, or to another Airflow."""
    foreign = ("AIRFLOW_", "PYTHON", "VIRTUAL_ENV", "UV_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return kept | {"PATH": f"{venv / 'bin'}:{kept['PATH']}"}


def uv():
    found = shutil.which("uv")
    assert found, "these tests build and install with uv: pip install uv"
    return found
