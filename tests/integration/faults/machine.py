"""The machine: disks, directories, limits, Redis. None of it may cost a task."""

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
SHARED_IN = "Access tokens cannot be shared in"


def directory(bench):
    return bench.folder / "state"


def use(bench):
    bench.state = FileState(directory(bench), fallback=MemoryState())


def planted(plant):
    """Let something be in the place of the state directory."""

    def prepare(bench):
        plant(directory(bench), bench)
        use(bench)

    return prepare


def mounted(*options):
    """Mount a small file system in the place of the state directory."""

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
    """Let a first process fill the directory; then change the token entry or the request log."""

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
    """Make the call in a process that has set itself a limit."""

    def ask(bench):
        use(bench)
        return bench.in_child(lambda: get(bench), limit)

    return ask


def no_growth():
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def no_descriptor():
    in_use = max(int(path.name) for path in DESCRIPTORS.iterdir()) + 1
    resource.setrlimit(resource.RLIMIT_NOFILE, (in_use, in_use))
    with contextlib.suppress(OSError):
        while True:
            os.dup(0)


def without_leaks(bench):
    """Fail a hundred times; return how many more descriptors are open than before."""
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
    """Share in a real Redis, after a first process did, and something happened to it."""

    def prepare(bench):
        server = RedisServer(bench.folder)
        bench.cleanup.callback(server.stop)
        bench.state = RedisState(server.url, fallback=MemoryState())
        change(server, bench)

    return prepare


def wrong_password(server, bench):
    server.ask_password()
    bench.state = RedisState(server.url.replace("redis://", f"redis://:{PASSWORD}@"), fallback=MemoryState())


def wrong_type(server, bench):
    first = bench.new_client()
    server.admin.rpush(f"minut:{first._tokens._shared.name}", "x")
    server.admin.set(f"minut:{{{first._rate_limiter._name}}}:slots", "x")


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
    """Share in something that takes connections like a Redis, and is none."""

    def prepare(bench):
        impostor = Server(arrivals=(arrival,))
        bench.cleanup.callback(impostor.stop)
        bench.state = RedisState(f"redis://:{PASSWORD}@127.0.0.1:{impostor.port}/0", fallback=MemoryState())

    return prepare


def redis_refusing(bench):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    bench.state = RedisState(f"redis://:{PASSWORD}@127.0.0.1:{port}/0", fallback=MemoryState())


def shared(what, prepare, reason, **fields):
    """The place to share cannot be used: one warning, and the call succeeds."""
    return Fault(what=what, prepare=prepare, warns=reason, **fields)


def replaced(what, change, **fields):
    """An entry is not believed: it costs a second token request and nothing else."""
    return Fault(what=f"The token entry {what}", prepare=entries(change), sent=2, tokens=2, **fields)


def uncounted(what, change, **fields):
    return Fault(what=f"The request log {what}", prepare=entries(change, "log"), call=post, sent=2, **fields)


def freeze(server, _bench):
    server.freeze()


def fill(server, _bench):
    server.fill()


REDIS = "Tokens and the request budget are shared on this host only meanwhile"

FAULTS = [
    shared("The state directory's disk is full", mounted("size=4k"), "No space left on device", needs_root=True),
    shared("The state directory's disk has no inode left", mounted("nr_inodes=1"), "No space left on device", needs_root=True),
    shared("The state directory is on a read-only file system", mounted("ro"), "Read-only file system", needs_root=True),
    shared("The state directory is a symbolic link", planted(symlink), "it is no directory", never="the link is followed"),
    shared("The state directory is a file", planted(file), "it is no directory"),
    shared("The state directory is open to others", planted(open_to_all), "its mode must be 0700"),
    shared("The state directory belongs to another user", planted(foreign), "it belongs to another user", needs_root=True),
    shared("The state directory's parent is missing", missing_parent, "No such file or directory"),
    Fault(what="No file may grow (RLIMIT_FSIZE 0)", call=in_limits(no_growth), warns="File too large"),
    Fault(what="No descriptor is left (RLIMIT_NOFILE)", call=in_limits(no_descriptor), error="MinutConnectionError",
          says="too many open files", sent=0, tokens=0),
    Fault(what="33 calls fail in a row: nothing listens any more", call=without_leaks, api=((Do.RESET,),), value=0, sent=99,
          never="a descriptor is leaked"),
    replaced("is empty", write(b"")),
    replaced("is random", write(bytes(range(256)))),
    replaced("is half of one", lambda path, _f: path.write_bytes(path.read_bytes()[:60])),
    Fault(what="The token entry has a gigabyte of zeros behind it", prepare=entries(sparse), sent=2, mebibytes=10,
          never="more than an entry may have is read"),
    replaced("is a directory", to_directory, warns=SHARED_IN),
    replaced("is a FIFO", to_fifo, never="it is waited for"),
    replaced("is a symbolic link", to_link, never="the link is followed"),
    replaced("belongs to another user", to_foreign, needs_root=True),
    replaced("is of another version of this package", other_version),
    replaced("is no object", not_an_object),
    replaced("is a JSON 40,000 levels deep", deep),
    Fault(what="The state directory is deleted while it is used", prepare=entries(gone), sent=2, tokens=2),
    uncounted("is random", write(b"x" * 99)),
    uncounted("is full of times a century ahead", write(b"\x7f" * 960), waits=(0, 0)),
    uncounted("is a gigabyte", sparse, mebibytes=200, seconds=20),
    uncounted("is a directory", to_directory, warns=SHARED_IN),
    uncounted("is a symbolic link", to_link, warns=SHARED_IN, never="the link is followed"),
    shared("Redis refuses connections", redis_refusing, REDIS),
    shared("Redis takes connections and says nothing", redis_at(Do.HANG), REDIS, never="a task waits for more than a second"),
    shared("Redis is frozen", redis_that(freeze), REDIS),
    shared("Redis is full", redis_that(fill), REDIS),
    shared("Redis wants another password", redis_that(wrong_password), REDIS),
    shared("Redis is a read-only replica", redis_that(read_only), REDIS),
    shared("Redis holds something else under our names", redis_that(wrong_type), REDIS),
    shared("What answers is no Redis", redis_at(b"HTTP/1.1 400 Bad Request\r\n\r\n", Do.HANG), REDIS),
    Fault(what="Redis was flushed, scripts too", prepare=redis_that(flushed), sent=2, tokens=2),
    Fault(what="Redis was killed", prepare=redis_that(killed), warns=REDIS, sent=2, tokens=2),
]  # fmt: skip
