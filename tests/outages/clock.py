"""A clock that can be wrong: that of one program, by libfaketime, where it is installed."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_SLEEPS: Final = Path(__file__).with_name("faked_clock")
_LIBRARIES: Final = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib/faketime/libfaketimeMT.so.1")


class Clock:
    """Of programs started with `settings`; `path` is a file of ours."""

    def __init__(self, path: Path) -> None:
        self._path = path
        found = [place for pattern in _LIBRARIES for place in Path("/").glob(pattern.removeprefix("/"))]
        self.can_jump = bool(found)
        self.settings: dict[str, str] = {}
        if found:
            self.set(0)
            self.settings = {
                "LD_PRELOAD": str(found[0]),
                "FAKETIME_TIMESTAMP_FILE": str(path),
                "FAKETIME_CACHE_DURATION": "1",
                # A machine whose wall clock is set has a monotonic one that is not.
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                "DONT_FAKE_MONOTONIC": "1",
                "PYTHONPATH": str(_SLEEPS),
            }

    def set(self, ahead_s: int) -> None:
        """From within a second on, the clock is so much ahead of the true one."""
        partial = self._path.with_suffix(".partial")
        partial.write_text(f"{ahead_s:+d}s\n", encoding="ascii")
        partial.replace(self._path)
