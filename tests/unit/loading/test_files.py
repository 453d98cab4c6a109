from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from airflow.sdk import ObjectStoragePath
from airflow.sdk.io import attach
from fsspec.implementations.memory import MemoryFileSystem

from airflow_provider_minut.exceptions import MinutConfigurationError
from airflow_provider_minut.loading import files
from airflow_provider_minut.loading.files import replaced, try_destination


@pytest.fixture(params=["unnamed", "named"])
def kind(request, monkeypatch):
    """File systems with temporary files without names, and those without such files."""
    if request.param == "named":
        monkeypatch.delattr(os, "O_TMPFILE")
    return request.param


def everything(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_file_is_replaced_as_a_whole(tmp_path, kind):
    target = ObjectStoragePath(str(tmp_path / "x.gz"))
    for content in (b"old", b"new"):
        with replaced(target) as file:
            file.write(content)
            assert (tmp_path / "x.gz").exists() == (content == b"new")
            assert [path.name for path in tmp_path.glob("*.gz")] == ["x.gz"] * (content == b"new")
            assert [path.name for path in tmp_path.glob("*") if path.is_file()] == ["x.gz"] * (
                content == b"new"
            )
    assert (tmp_path / "x.gz").read_bytes() == b"new"
    assert (tmp_path / "x.gz").stat().st_mode & 0o777 == 0o666 & ~_umask()


def test_failure_leaves_the_file_as_it_was(tmp_path, kind):
    target = tmp_path / "x.gz"
    target.write_bytes(b"old")

    def fail():
        with replaced(ObjectStoragePath(str(target))) as file:
            file.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert target.read_bytes() == b"old"
    assert [path for path in everything(tmp_path) if not path.startswith(".minut-tmp")] == ["x.gz"]
    assert everything(tmp_path / ".minut-tmp") == []


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


KILLED = """
import os, signal, sys
from airflow.sdk import ObjectStoragePath
from airflow_provider_minut.loading.files import replaced
if sys.argv[2] == "named":
    del os.O_TMPFILE
with replaced(ObjectStoragePath(sys.argv[1])) as file:
    file.write(b"half")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_killed_run_leaves_nothing_that_readers_see_and_the_next_removes_the_rest(tmp_path, kind):
    command = [sys.executable, "-c", KILLED, str(tmp_path / "2026-06-01.gz"), kind]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert [path for path in tmp_path.iterdir() if path.is_file()] == []
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(left) == (kind == "named")
    own = [tmp_path / ".minut-mine.part", tmp_path / ".minut-0123abcd.part.gz", tmp_path / "x.part"]
    for path in own:
        path.write_bytes(b"of a user")
    for path in [*left, *own]:
        os.utime(path, (0, 0))
    young = tmp_path / ".minut-0123abcd.part"
    young.write_bytes(b"of a concurrent run")
    with replaced(ObjectStoragePath(str(tmp_path / "2026-06-02.gz"))):
        pass
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == {
        *own,
        young,
        tmp_path / "2026-06-02.gz",
    }


def test_leftovers_of_uploads_are_removed_too(tmp_path, monkeypatch):
    monkeypatch.setattr(files.tempfile, "gettempdir", lambda: str(tmp_path))
    attach("memory", fs=MemoryFileSystem())
    old = tmp_path / ".minut-0123abcd.part"
    old.write_bytes(b"x")
    os.utime(old, (0, 0))
    with replaced(ObjectStoragePath("memory://bucket/new.gz")) as file:
        file.write(b"content")
        assert len(everything(tmp_path)) == 1
    assert everything(tmp_path) == []
    assert ObjectStoragePath("memory://bucket/new.gz").read_bytes() == b"content"


@pytest.mark.parametrize("path", ["/proc/x.gz", f"{__file__}/x.gz", "/tmp", f"/tmp/{'x' * 300}/y.gz"])  # noqa: S108
def test_destination_that_cannot_be_written_is_an_error_of_the_path(path):
    with pytest.raises(MinutConfigurationError, match=r"^path: must be writable"):
        try_destination(ObjectStoragePath(path))


class StoreError(Exception):
    status_code = 503


@pytest.mark.parametrize(
    ("error", "is_permanent"),
    [
        (FileNotFoundError("no such bucket"), True),
        (PermissionError("denied"), True),
        (type("Rejected", (Exception,), {"status_code": 403})(), True),
        (OSError(28, "No space left on device"), False),
        (StoreError(), False),
        (ConnectionError(), False),
    ],
)
def test_error_of_a_store_is_permanent_or_is_retried(monkeypatch, error, is_permanent):
    def fail(*_, **__):
        raise error

    attach("memory", fs=MemoryFileSystem())
    monkeypatch.setattr(MemoryFileSystem, "pipe_file", fail)
    with pytest.raises(MinutConfigurationError if is_permanent else type(error)):
        try_destination(ObjectStoragePath("memory://bucket/x.gz"))


def test_trial_leaves_nothing(tmp_path):
    attach("memory", fs=MemoryFileSystem())
    try_destination(ObjectStoragePath("memory://trial/folder/x.gz"))
    assert MemoryFileSystem().find("/trial") == []
    try_destination(ObjectStoragePath(str(tmp_path / "folder" / "x.gz")))
    assert everything(tmp_path) == ["folder"]


def test_permission_to_remove_is_not_needed(monkeypatch):
    def fail(*_, **__):
        raise PermissionError

    attach("memory", fs=MemoryFileSystem())
    monkeypatch.setattr(MemoryFileSystem, "rm_file", fail)
    try_destination(ObjectStoragePath("memory://kept/x.gz"))
