"""A small disk for one server's data, to be filled: a file system in memory, where we have the right to mount one."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_SIZE_MB: Final = 700
_PIECE: Final = 1 << 20


class Disk:
    """Mounted on `path` for the length of the `with` block; a directory like any other where that is not allowed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"
        self.can_fill = False

    def __enter__(self) -> Self:
        self.path.mkdir()
        self.path.chmod(0o755)
        mount = shutil.which("mount")
        if os.geteuid() == 0 and mount is not None:
            done = subprocess.run(
                [mount, "-t", "tmpfs", "-o", f"size={_SIZE_MB}m,mode=755", "outages", str(self.path)],
                check=False,
                capture_output=True,
            )
            self.can_fill = done.returncode == 0
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.can_fill:
            umount = shutil.which("umount") or "umount"
            subprocess.run([umount, "-l", str(self.path)], check=False, capture_output=True)

    def fill(self) -> None:
        """Until not a byte is left."""
        try:
            with self._ballast.open("ab", buffering=0) as file:
                while True:
                    file.write(bytes(_PIECE))
        except OSError:
            return  # it is full

    def free(self) -> None:
        """There is room again."""
        self._ballast.unlink(missing_ok=True)
