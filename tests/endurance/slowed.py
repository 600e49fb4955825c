"""A program that may run for a share of the time only, as `cpulimit` does it: stopped and continued by turns."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Final, Self

from stream_reconcile.demo.programs import Program

_PERIOD_S: Final = 0.2


class Slowed:
    """From a thread, as long as the `with` block lasts; after it the program runs freely."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._run, name="slowed", daemon=True)
        self.share = 1.0
        """Of the time; 0: it stands still, 1: it is left alone."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._enough.set()
        self._thread.join(10)
        self._program.thaw()

    def _run(self) -> None:
        while not self._enough.is_set():
            share = self.share
            if share < 1:
                self._program.freeze()
                self._enough.wait((1 - share) * _PERIOD_S)
            if share > 0:
                self._program.thaw()
                self._enough.wait(share * _PERIOD_S)
