"""What is released can be built again by anybody, byte for byte."""

from __future__ import annotations

import os
import shutil
import subprocess

from tests.conftest import ROOT
from tests.system.conftest import uv

COMMIT_TIME = 1_790_000_000


def built(folder, mtime, umask, **environment):
    """Return what a checkout of such an age builds, by name."""
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    for name in filter(None, tracked):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target, follow_symlinks=False)
        if not target.is_symlink():
            target.chmod((0o777 if os.access(target, os.X_OK) else 0o666) & ~umask)
        os.utime(target, (mtime, mtime), follow_symlinks=False)
    subprocess.run(
        [uv(), "build", "--quiet", "--build-constraint", "constraints.txt"],
        cwd=folder,
        env={**os.environ, **environment, "SOURCE_DATE_EPOCH": str(COMMIT_TIME)},
        umask=umask,
        check=True,
    )
    return {
        file.name: file.read_bytes() for file in (folder / "dist").iterdir() if file.suffix in {".gz", ".whl"}
    }


def test_two_builds_of_one_commit_are_the_same_bytes(tmp_path):
    first = built(tmp_path / "here", 1_000_000_000, 0o022, TZ="UTC", LC_ALL="C", PYTHONHASHSEED="1")
    other = tmp_path / "somewhere" / "else entirely"
    second = built(other, 1_700_000_000, 0o077, TZ="Asia/Tokyo", LC_ALL="C.UTF-8", PYTHONHASHSEED="2")
    assert sorted(name.rpartition(".")[2] for name in first) == ["gz", "whl"]
    assert first == second
