"""A shared state in a private directory: for all processes of one user on one host."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from airflow_provider_minut.api.shared_state.memory import PROCESS_STATE, MemoryState
from airflow_provider_minut.api.shared_state.reservations import ReservationLog

log = logging.getLogger(__name__)

MAX_ENTRY_BYTES = 65_536
MAX_UPDATED_ENTRY_BYTES = 16 * 2**20
LOCK_POLL_SECONDS = 0.02
# An update takes microseconds, unless the process that makes it is stopped.
UPDATE_LOCK_TIMEOUT_SECONDS = 1.0
# Seconds for which the directory is not used after a failure.
RETRY_AFTER_FAILURE_SECONDS = 30.0
MAX_ENTRY_AGE_SECONDS = 2 * 86_400.0


def default_directory() -> Path:
    """Return this user's directory on this host.

    It is below the temporary directory, which is local and requires no home directory; its name contains the
    user ID.
    """
    return Path(tempfile.gettempdir()) / f"airflow-provider-minut-{os.geteuid()}"


class FileState(ReservationLog):
    """Shared by the processes of one user on one host. A cache: if it fails, each process uses its memory.

    Entries are written to a new file, which is then renamed, so that no process reads half of one (updates,
    which are small and frequent, are written in place). Locks are the kernel's and are released when their
    holder ends. The directory is used only if it belongs to this user and no other user can access it.

    :param directory: Path of the directory; created if it is missing.
    :param fallback: Used while the directory is unusable.
    """

    def __init__(self, directory: Path, *, fallback: MemoryState = PROCESS_STATE) -> None:
        self._directory = directory
        self._fallback = fallback
        self._failed_at = -RETRY_AFTER_FAILURE_SECONDS
        self._warned = False

    def __str__(self) -> str:
        return f"directory {self._directory}"

    def read(self, name: str) -> bytes | None:
        """Return an entry; ``None`` if it is missing."""
        if self._is_usable():
            try:
                return _read_own_file(self._directory / name)
            except OSError as error:
                if error.errno in {errno.ENOENT, errno.ELOOP}:  # ELOOP: a symbolic link, not followed
                    return None
                self._fall_back(error)
        return self._fallback.read(name)

    def write(self, name: str, entry: bytes, *, lifetime: float) -> None:
        """Replace an entry atomically."""
        self._fallback.write(name, entry, lifetime=lifetime)
        if not self._is_usable():
            return
        try:
            # The same name for all writers of an entry, which hold its lock: a killed one leaves only this.
            new = self._directory / f"{name}.new"
            new.unlink(missing_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            with os.fdopen(os.open(new, flags, 0o600), "wb") as file:
                file.write(entry)
            new.replace(self._directory / name)
            self._remove_expired()
        except OSError as error:
            self._fall_back(error)

    def update(self, name: str, change: Callable[[bytes], bytes]) -> None:
        """Replace an entry (empty if missing) by the result of ``change``, under a lock."""
        if self._is_usable():
            try:
                with _locked(self._directory / name) as descriptor:
                    # Not always the maximum: os.pread allocates the size that it is given.
                    size = min(os.fstat(descriptor).st_size, MAX_UPDATED_ENTRY_BYTES)
                    old = os.pread(descriptor, size, 0)
                    new = change(old)
                    os.pwrite(descriptor, new, 0)
                    if len(new) < len(old):
                        os.ftruncate(descriptor, len(new))
            except OSError as error:
                self._fall_back(error)
            else:
                return
        self._fallback.update(name, change)

    def _remove_expired(self) -> None:
        """Delete the files that rotated secrets and killed writers left. No token is valid for that long."""
        for path in self._directory.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if time.time() - path.lstat().st_mtime > MAX_ENTRY_AGE_SECONDS:
                    path.unlink()

    @contextmanager
    def lock(self, name: str, *, timeout: float) -> Iterator[bool]:
        """Hold a lock; the context is ``False`` if it was not acquired within ``timeout`` seconds."""
        with contextlib.ExitStack() as stack:
            yield self._acquire(name, timeout, stack)

    def _acquire(self, name: str, timeout: float, stack: contextlib.ExitStack) -> bool:
        if self._is_usable():
            # Each holder has its own lock object, so that threads exclude each other too.
            lock = FileLock(
                self._directory / f"{name}.lock",
                timeout=timeout,
                mode=0o600,
                poll_interval=LOCK_POLL_SECONDS,
                fallback_to_soft=False,  # a lock that consists of a file would outlive its holder
            )
            try:
                stack.enter_context(lock)
            except Timeout:
                return False
            except (OSError, NotImplementedError) as error:
                self._fall_back(error)
            else:
                return True
        return stack.enter_context(self._fallback.lock(name, timeout=timeout))

    def _is_usable(self) -> bool:
        """Return whether the directory exists, belongs to this user, and is not accessible by others."""
        if time.monotonic() - self._failed_at < RETRY_AFTER_FAILURE_SECONDS:
            return False
        try:
            with contextlib.suppress(FileExistsError):
                self._directory.mkdir(mode=0o700)
            found = self._directory.lstat()
        except OSError as error:
            self._fall_back(error)
            return False
        problem = None
        if not stat.S_ISDIR(found.st_mode):
            problem = "not a directory"
        elif found.st_uid != os.geteuid():
            problem = "owned by another user"
        elif found.st_mode & 0o077:
            problem = "accessible by other users; mode must be 0700"
        if problem:
            self._fall_back(problem)
        return problem is None

    def _fall_back(self, problem: object) -> None:
        self._failed_at = time.monotonic()
        reason = problem.strerror if isinstance(problem, OSError) else problem
        text = "Shared state directory %s is unusable (%s). Falling back to per-process tokens."
        log.log(logging.DEBUG if self._warned else logging.WARNING, text, self._directory, reason)
        self._warned = True


def _read_own_file(path: Path) -> bytes | None:
    """Return the content of a regular file of this user; ``None`` if it is anything else."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
            return None
        return file.read(MAX_ENTRY_BYTES)


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """Open and lock a file of this user; the context is its descriptor.

    The kernel's lock is used directly: this happens for every request, and takes a tenth of the time of a
    lock object.
    """
    deadline = time.monotonic() + UPDATE_LOCK_TIMEOUT_SECONDS
    while True:
        descriptor = os.open(
            path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600
        )
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
                raise OSError(errno.EINVAL, f"{path.name} is not a regular file of this user")
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise TimeoutError(
                            errno.ETIMEDOUT, "another process holds a lock and is stopped"
                        ) from None
                    time.sleep(0.001)
            try:
                if os.fstat(descriptor).st_nlink:  # not deleted during the wait
                    yield descriptor
                    return
            finally:
                # Closing is not enough: a child that was forked meanwhile has the descriptor too.
                fcntl.flock(descriptor, fcntl.LOCK_UN)
        finally:
            os.close(descriptor)
