"""One owner of a data directory, from its start until the last process of its servers has ended."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from stream_reconcile.core.errors import EmbeddedError

_LOOK_EVERY = 0.1  # seconds


class DirectoryLock:
    """An exclusive flock(2) on `DIRECTORY/lock`, which holds the pid of its owner as text.

    The lock belongs to the open file: a server that inherits `fileno()` keeps the directory locked until it has ended,
    whatever became of this process. So nobody starts a second server on data that the first still writes, and a stale
    pid file inside the directory is known to be stale. (That is why this is no library's lock: those hide the file.)
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._descriptor: int | None = None

    def fileno(self) -> int:
        if self._descriptor is None:
            raise EmbeddedError(f"the lock of {self._directory} is not held; start the server first")
        return self._descriptor

    @property
    def held(self) -> bool:
        return self._descriptor is not None

    def acquire(self, patience: float = 30.0) -> None:
        """Take the lock. Refused at once while its owner lives; servers of a dead owner get `patience` seconds to end.

        Raises EmbeddedError, naming the pid of the owner.
        """
        descriptor = os.open(self._directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._wait(descriptor, time.monotonic() + patience)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def _wait(self, descriptor: int, deadline: float) -> None:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                owner = _written_pid(descriptor)
                if owner is not None and _alive(owner):
                    whom = "this process" if owner == os.getpid() else f"process {owner}"
                    raise EmbeddedError(
                        f"data directory {self._directory} is in use by {whom}; "
                        "stop it, or set RECONCILE_DATA_DIR to another directory"
                    ) from None
                if time.monotonic() > deadline:
                    raise EmbeddedError(
                        f"servers in data directory {self._directory} are still running, though the process that "
                        f"started them ({owner or 'unknown'}) has ended; end them, then start again"
                    ) from None
                time.sleep(_LOOK_EVERY)
            else:
                return

    def release(self) -> None:
        """Give up this process's hold; a server that inherited the lock keeps it until it ends."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _written_pid(descriptor: int) -> int | None:
    text = os.pread(descriptor, 32, 0).strip()
    return int(text) if text.isdigit() else None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
