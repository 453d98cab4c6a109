"""The processes of a real Airflow: API server, scheduler, DAG processor, triggerer, workers."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import time

from cryptography.fernet import Fernet

from tests.servers import free_port

COMMANDS = {
    "api-server": ["api-server", "--host", "127.0.0.1", "--workers", "1"],
    "api-servers": ["api-server", "--host", "127.0.0.1", "--workers", "2"],
    "dag-processor": ["dag-processor"],
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
    "worker-1": ["celery", "worker", "--skip-serve-logs", "--celery-hostname", "one@%h"],
    "worker-2": ["celery", "worker", "--skip-serve-logs", "--celery-hostname", "two@%h"],
}


class Components:
    """Processes of one Airflow, each with a folder that holds its temporary files and its log.

    :param installation: what to start, with an environment from :func:`environment`.
    :param folder: for what they leave behind.
    """

    def __init__(self, installation, folder):
        self._installation = installation
        self._folder = folder
        self._processes = {}

    def start(self, *names, **environment):
        for name in names:
            folder = self.folder(name)
            folder.mkdir(exist_ok=True)
            with (folder / "log.txt").open("a") as log:
                self._processes[name] = subprocess.Popen(
                    [self._installation.bin / "airflow", *COMMANDS[name]],
                    env={**self._installation.environment, "TMPDIR": str(folder), **environment},
                    cwd=folder,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )

    def kill(self, name, number=signal.SIGKILL):
        """Send a signal to a component with all its processes, and wait for its end."""
        process = self._processes.pop(name)
        with contextlib.suppress(ProcessLookupError):  # already ended
            os.killpg(process.pid, number)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)

    def folder(self, name):
        return self._folder / name

    def log(self, name):
        return (self.folder(name) / "log.txt").read_text()

    def is_running(self, name):
        return self._processes[name].poll() is None

    def process_id(self, name):
        return self._processes[name].pid

    def stop(self):
        for name in list(self._processes):
            self.kill(name, signal.SIGTERM)


def environment(home, dags, database):
    """Return the settings that the processes of an Airflow share, without those of other Airflows.

    :param database: the URL of its metadata database.
    """
    api = free_port()
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__API__PORT": str(api),
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{api}",
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{api}/execution/",
        "AIRFLOW__CORE__FERNET_KEY": Fernet.generate_key().decode(),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
    }


def wait_for(condition, seconds, details=lambda: ""):
    """Wait for a condition, and return its first true result.

    :param details: Returns details for the error message if it times out.
    """
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not in {seconds} s: {details()}"
        time.sleep(0.05)
    return found
