"""A folder for one run. Every run begins with empty servers, so no run can take another's data for its own.

It is removed at the end, unless it was to be kept or the verdict was bad. What a demo left that was itself killed is
removed by the next one.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from stream_reconcile.core.errors import EmbeddedError
from stream_reconcile.embedded.lock import DirectoryLock
from stream_reconcile.embedded.obstacles import make_directory

_NAME: Final = "demo-"
_KEPT: Final = "kept"


class Place:
    """The folder of this run; `servers` is the data directory of Kafka and Postgres, `logs` what programs print."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.servers = self.directory / "servers"
        self.logs = self.directory / "logs"

    def keep(self) -> None:
        """Leave it there, for good."""
        (self.directory / _KEPT).touch()

    @property
    def kept(self) -> bool:
        return (self.directory / _KEPT).exists()


@contextmanager
def place_for_a_run(base: Path) -> Iterator[Place]:
    """A new folder below `base`, gone afterwards unless kept. Raises EmbeddedError if it can't be made."""
    make_directory(base, "data directory", "RECONCILE_DATA_DIR")
    _remove_what_is_left(base)
    name = f"{_NAME}{time.strftime('%Y%m%d-%H%M%S')}-"
    place = Place(Path(tempfile.mkdtemp(prefix=name, suffix=f"-{os.getpid()}", dir=base)))
    try:
        place.logs.mkdir()
        yield place
    finally:
        if not place.kept:
            shutil.rmtree(place.directory, ignore_errors=True)


def _remove_what_is_left(base: Path) -> None:
    for directory in base.glob(f"{_NAME}*"):
        if not (directory / _KEPT).exists() and _is_abandoned(directory):
            shutil.rmtree(directory, ignore_errors=True)


def _is_abandoned(directory: Path) -> bool:
    """Whether neither the demo that made it (its name says which process that was) nor a server of its still runs."""
    pid = directory.name.rpartition("-")[2]
    if not pid.isdecimal() or _alive(int(pid)):
        return False
    for locked in (directory / "servers" / "kafka", directory / "servers" / "postgres"):
        if not locked.is_dir():
            continue
        lock = DirectoryLock(locked)
        try:
            lock.acquire(patience=0)
        except EmbeddedError:
            return False
        lock.release()
    return True


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
