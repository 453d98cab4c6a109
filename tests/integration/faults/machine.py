"""The machine and the shared state: disks, directories, limits, Redis. None of these faults fails a task."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import subprocess
import time
from pathlib import Path

import pytest

from airflow_provider_minut.api.auth.token import ENTRY_VERSION
from airflow_provider_minut.api.shared_state.file import FileState
from airflow_provider_minut.api.shared_state.memory import MemoryState
from airflow_provider_minut.api.shared_state.redis import RedisState
from airflow_provider_minut.exceptions import MinutConnectionError
from tests.integration.faults.fault import PASSWORD, Fault, get, post
from tests.integration.faults.server import Do, Server
from tests.servers import RedisServer

DESCRIPTORS = Path("/proc/self/fd")
FALLBACK = "Falling back to per-process tokens"


def directory(bench):
    return bench.folder / "state"


def use(bench):
    bench.state = FileState(directory(bench), fallback=MemoryState())


def planted(plant):
    """Create something else at the path of the state directory."""

    def prepare(bench):
        plant(directory(bench), bench)
        use(bench)

    return prepare


def mounted(*options):
    """Mount a small file system at the path of the state directory."""

    def plant(path, bench):
        path.mkdir()
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", ",".join(("mode=0700", *options)), "tmpfs", path], check=True
        )
        bench.cleanup.callback(subprocess.run, ["umount", "-l", path], check=True)
        if "ro" not in options and "nr_inodes=1" not in options:
            (path / "filler").write_bytes(b"x" * 4096)

    return planted(plant)


def symlink(path, bench):
    (bench.folder / "elsewhere").mkdir(mode=0o700)
    path.symlink_to(bench.folder / "elsewhere")


def file(path, _bench):
    path.write_text("")


def open_to_all(path, _bench):
    path.mkdir()
    path.chmod(0o777)


def foreign(path, _bench):
    path.mkdir(mode=0o700)
    os.chown(path, 12345, -1)


def missing_parent(bench):
    bench.state = FileState(bench.folder / "no" / "such" / "place", fallback=MemoryState())


def entries(change, kind="token"):
    """Let a first process fill the directory; then change the token entry or the reservation log."""

    def prepare(bench):
        use(bench)
        first = bench.new_client()
        first.request("GET", "/homes")
        name = first._tokens._shared.name if kind == "token" else first._rate_limiter._name
        path = directory(bench) / name
        assert path.is_file()
        change(path, first)
        use(bench)

    return prepare


def write(content):
    return lambda path, _first: path.write_bytes(content)


def sparse(path, _first):
    os.truncate(path, 2**30)


def to_directory(path, _first):
    path.unlink()
    path.mkdir()


def to_fifo(path, _first):
    path.unlink()
    os.mkfifo(path)


def to_link(path, _first):
    path.rename(path.with_name("target"))
    path.symlink_to(path.with_name("target"))


def to_foreign(path, _first):
    os.chown(path, 12345, -1)


def other_version(_path, first):
    first._tokens._shared.write(b'{"v": %d, "access_token": "x"}' % (ENTRY_VERSION + 1), lifetime=60)


def not_an_object(_path, first):
    first._tokens._shared.write(b"[1]", lifetime=60)


def deep(_path, first):
    first._tokens._shared.write(b"[" * 40_000, lifetime=60)


def gone(path, _first):
    for one in path.parent.iterdir():
        one.unlink()
    path.parent.rmdir()


def in_limits(limit):
    """Make the call in a process with a resource limit."""

    def make_call(bench):
        use(bench)
        return bench.in_child(lambda: get(bench), limit)

    return make_call


def no_growth():
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def no_descriptor():
    in_use = max(int(path.name) for path in DESCRIPTORS.iterdir()) + 1
    resource.setrlimit(resource.RLIMIT_NOFILE, (in_use, in_use))
    with contextlib.suppress(OSError):
        while True:
            os.dup(0)


def without_leaks(bench):
    """Make calls that fail; return the number of additional open descriptors."""
    bench.client.get_access_token()
    before = len(list(DESCRIPTORS.iterdir()))
    for _ in range(33):
        with pytest.raises(MinutConnectionError):
            get(bench)
    bench.client.close()
    give_up = time.monotonic() + 5
    while (more := len(list(DESCRIPTORS.iterdir())) - before) > 0 and time.monotonic() < give_up:
        time.sleep(0.02)
    return max(more, 0)


def redis_that(change):
    """Use a real Redis, after another process used it and ``change`` was applied."""

    def prepare(bench):
        server = RedisServer(bench.folder)
        bench.cleanup.callback(server.stop)
        bench.state = RedisState(server.url, fallback=MemoryState())
        change(server, bench)

    return prepare


def wrong_password(server, bench):
    server.require_password()
    bench.state = RedisState(server.url.replace("redis://", f"redis://:{PASSWORD}@"), fallback=MemoryState())


def wrong_type(server, bench):
    first = bench.new_client()
    server.admin.rpush(f"minut:{first._tokens._shared.name}", "x")
    server.admin.set(f"minut:{{{first._rate_limiter._name}}}:reservations", "x")


def read_only(server, _bench):
    server.admin.replicaof("127.0.0.1", "1")


def flushed(server, bench):
    bench.new_client().request("GET", "/homes")
    server.admin.flushall()
    server.admin.script_flush()


def killed(server, bench):
    bench.new_client().request("GET", "/homes")
    server.process.kill()
    server.process.wait(10)


def redis_at(*arrival):
    """Use a server that accepts connections and is not Redis."""

    def prepare(bench):
        impostor = Server(arrivals=(arrival,))
        bench.cleanup.callback(impostor.stop)
        bench.state = RedisState(f"redis://:{PASSWORD}@127.0.0.1:{impostor.port}/0", fallback=MemoryState())

    return prepare


def redis_refusing(bench):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    bench.state = RedisState(f"redis://:{PASSWORD}@127.0.0.1:{port}/0", fallback=MemoryState())


def unusable(name, prepare, reason, **fields):
    """The backend is unusable: one warning, and the call succeeds."""
    return Fault(name=name, prepare=prepare, log=reason, **fields)


def invalid_entry(name, change, **fields):
    """An entry is invalid: the only effect is a second token request."""
    return Fault(name=f"The token entry {name}", prepare=entries(change), sent=2, tokens=2, **fields)


def invalid_log(name, change, **fields):
    return Fault(
        name=f"The reservation log {name}", prepare=entries(change, "log"), call=post, sent=2, **fields
    )


def freeze(server, _bench):
    server.freeze()


def fill(server, _bench):
    server.fill()


REDIS = "Falling back to sharing tokens and the rate limit on this host only"

FAULTS = [
    unusable("The file system of the state directory is full", mounted("size=4k"), "No space left on device", needs_root=True),
    unusable("The file system of the state directory has no inode left", mounted("nr_inodes=1"), "No space left on device", needs_root=True),
    unusable("The state directory is on a read-only file system", mounted("ro"), "Read-only file system", needs_root=True),
    unusable("The state directory is a symbolic link", planted(symlink), "not a directory", never="the link is followed"),
    unusable("The state directory is a file", planted(file), "not a directory"),
    unusable("The state directory is accessible by other users", planted(open_to_all), "accessible by other users; mode must be 0700"),
    unusable("The state directory belongs to another user", planted(foreign), "owned by another user", needs_root=True),
    unusable("The parent of the state directory is missing", missing_parent, "No such file or directory"),
    Fault(name="File size limit reached (RLIMIT_FSIZE 0)", call=in_limits(no_growth), log="File too large"),
    Fault(name="No file descriptor left (RLIMIT_NOFILE)", call=in_limits(no_descriptor), error="MinutConnectionError",
          message="too many open files", sent=0, tokens=0),
    Fault(name="33 consecutive calls fail: the connections are reset", call=without_leaks, api=((Do.RESET,),), value=0, sent=99,
          never="a file descriptor is leaked"),
    invalid_entry("is empty", write(b"")),
    invalid_entry("contains random bytes", write(bytes(range(256)))),
    invalid_entry("is truncated", lambda path, _f: path.write_bytes(path.read_bytes()[:60])),
    Fault(name="The token entry is followed by a gigabyte of zeros", prepare=entries(sparse), sent=2, mebibytes=10,
          never="more than the maximum size is read"),
    invalid_entry("is a directory", to_directory, log=FALLBACK),
    invalid_entry("is a FIFO", to_fifo, never="a process blocks on it"),
    invalid_entry("is a symbolic link", to_link, never="the link is followed"),
    invalid_entry("belongs to another user", to_foreign, needs_root=True),
    invalid_entry("was written by another version of the package", other_version),
    invalid_entry("is not a JSON object", not_an_object),
    invalid_entry("is JSON with 40,000 levels", deep),
    Fault(name="The state directory is deleted while in use", prepare=entries(gone), sent=2, tokens=2),
    invalid_log("contains random bytes", write(b"x" * 99)),
    invalid_log("contains only times a century ahead", write(b"\x7f" * 960), waits=(0, 0)),
    invalid_log("has a gigabyte", sparse, mebibytes=200, seconds=20),
    invalid_log("is a directory", to_directory, log=FALLBACK),
    invalid_log("is a symbolic link", to_link, log=FALLBACK, never="the link is followed"),
    unusable("Redis refuses connections", redis_refusing, REDIS),
    unusable("Redis accepts connections and does not respond", redis_at(Do.HANG), REDIS, never="a task is delayed by more than a second"),
    unusable("Redis is frozen", redis_that(freeze), REDIS),
    unusable("Redis is full", redis_that(fill), REDIS),
    unusable("Redis rejects the password", redis_that(wrong_password), REDIS),
    unusable("Redis is a read-only replica", redis_that(read_only), REDIS),
    unusable("Redis contains values of other types under the same keys", redis_that(wrong_type), REDIS),
    unusable("The server is not Redis", redis_at(b"HTTP/1.1 400 Bad Request\r\n\r\n", Do.HANG), REDIS),
    Fault(name="Redis was flushed, including its scripts", prepare=redis_that(flushed), sent=2, tokens=2),
    Fault(name="Redis was killed", prepare=redis_that(killed), log=REDIS, sent=2, tokens=2),
]  # fmt: skip
