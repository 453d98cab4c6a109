"""Files that are replaced as a whole or not at all, on local disks and in object stores."""

from __future__ import annotations

import errno
import logging
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from airflow_provider_minut.exceptions import MinutConfigurationError

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

log = logging.getLogger(__name__)

# Age at which the temporary file of a killed run is removed.
MAX_LEFTOVER_AGE_SECONDS = 86_400.0
# For file systems that need names for temporary files. Readers of a folder ignore hidden folders.
HIDDEN_FOLDER = ".minut-tmp"
PROBE_NAME = ".minut-probe"
_PREFIX, _SUFFIX = ".minut-", ".part"
_PART = re.compile(r"\.minut-[0-9a-z_]{8}\.part")
# What a store returns for credentials that are rejected, and for a bucket that does not exist.
_PERMANENT_STATUSES = {400, 401, 403, 404}
_PERMANENT_ERRORS = (
    FileExistsError,
    FileNotFoundError,
    ImportError,
    IsADirectoryError,
    NotADirectoryError,
    PermissionError,
    ValueError,
)
_PERMANENT_ERRNOS = {errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP}


def is_local(path: ObjectStoragePath) -> bool:
    """Return whether a path is on a file system of the worker."""
    return path.protocol in {"", "file", "local"}


def try_destination(path: ObjectStoragePath) -> None:
    """Write and remove an empty file beside a path; whatever prevents that would prevent the export.

    :param path: Path of the file to write later.
    :raises MinutConfigurationError: if the path is wrong, or the credentials may not write there.
    :raises Exception: the error of the file system or store that may be temporary, for example a full disk.
    """
    try:
        if is_local(path):
            _try_folder(Path(path.path))
        else:
            _try_store(path)
    except Exception as error:
        if _is_permanent(error):
            reason = f"{type(error).__name__}: {error}" if is_local(path) else type(error).__name__
            raise MinutConfigurationError(
                "path", f"must be writable; a file beside {path} could not be written ({reason})"
            ) from error
        raise


@contextmanager
def replaced(path: ObjectStoragePath) -> Iterator[IO[bytes]]:
    """Open a temporary file that replaces ``path`` at the end; after an error ``path`` is unchanged."""
    if is_local(path):
        with _replaced_file(Path(path.path)) as file:
            yield file
        return
    folder = Path(tempfile.gettempdir())
    _remove_leftovers(folder)
    with tempfile.NamedTemporaryFile(dir=folder, prefix=_PREFIX, suffix=_SUFFIX) as part:
        yield cast(IO[bytes], part)
        part.flush()
        path.fs.put_file(part.name, path.path)  # an object appears only when it is complete


@contextmanager
def _replaced_file(target: Path) -> Iterator[IO[bytes]]:
    folder = target.parent
    folder.mkdir(parents=True, exist_ok=True)
    hidden = folder / HIDDEN_FOLDER
    for leftovers in (folder, hidden):
        _remove_leftovers(leftovers)
    part = _new_part(folder)
    file = _unnamed_file(folder)
    is_unnamed = file is not None
    if file is None:
        hidden.mkdir(exist_ok=True)
        part = _new_part(hidden)
        file = part.open("xb")
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if is_unnamed:
                _link(file.fileno(), part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _unnamed_file(folder: Path) -> IO[bytes] | None:
    """Return a new file without a name, which a killed process cannot leave behind.

    :return: ``None`` if the file system or the operating system has no such files.
    """
    flag = getattr(os, "O_TMPFILE", None)
    if flag is None:
        return None
    try:
        trial = os.open(folder, flag | os.O_WRONLY)
        try:
            part = _new_part(folder)
            _link(trial, part)
            part.unlink()
        finally:
            os.close(trial)
        return os.fdopen(os.open(folder, flag | os.O_RDWR, 0o666), "wb")
    except OSError:
        return None


def _link(descriptor: int, name: Path) -> None:
    # The descriptor of a folder is not needed; without one, Python would not follow the link to the file.
    os.link(f"/proc/self/fd/{descriptor}", name, src_dir_fd=descriptor, follow_symlinks=True)


def _new_part(folder: Path) -> Path:
    return folder / f"{_PREFIX}{os.urandom(4).hex()}{_SUFFIX}"


def _remove_leftovers(folder: Path) -> None:
    """Remove the temporary files of killed runs; those of concurrent runs are younger."""
    for part in folder.glob(f"{_PREFIX}*{_SUFFIX}"):
        if not _PART.fullmatch(part.name):
            continue
        try:
            if time.time() - part.stat().st_mtime > MAX_LEFTOVER_AGE_SECONDS:
                part.unlink()
        except OSError as error:  # removed by another run, or of another user
            log.debug("Failed to remove %s: %s", part, error)


def _try_folder(target: Path) -> None:
    if target.is_dir():
        raise IsADirectoryError(f"{target} is a folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=_PREFIX, suffix=_SUFFIX) as probe:
        probe.write(b"\n")
        probe.flush()
        os.fsync(probe.fileno())  # a full disk or quota may only be noticed here


def _try_store(path: ObjectStoragePath) -> None:
    probe = path.parent / PROBE_NAME
    path.fs.pipe_file(probe.path, b"")
    try:
        path.fs.rm_file(probe.path)
    except FileNotFoundError:
        return  # removed by a concurrent run
    except Exception as error:  # permission to write is enough for an export
        log.warning("Failed to remove the empty object %s (%s).", probe, type(error).__name__)


def _is_permanent(error: Exception) -> bool:
    if isinstance(error, _PERMANENT_ERRORS) or _status_of(error) in _PERMANENT_STATUSES:
        return True
    return isinstance(error, OSError) and error.errno in _PERMANENT_ERRNOS


def _status_of(error: Exception) -> int | None:
    """Return the HTTP status in an error of a store's library, which each library names differently."""
    found = [str(getattr(error, name, "")) for name in ("status_code", "code", "status")]
    return next((int(status) for status in found if status.isdecimal()), None)
