"""What is under way: looks at it, waits for it, and brings it to rest."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from stream_reconcile.core.errors import UnreachableError
from stream_reconcile.demo.figures import Figures, Watcher
from stream_reconcile.demo.programs import Program, ProgramEnded, State
from stream_reconcile.demo.story import Wait
from stream_reconcile.demo.terminal import Screen
from stream_reconcile.demo.trader import Trader
from stream_reconcile.simulator.client import Control

_LOOK_EVERY: Final = 0.5  # seconds
_DRAINS_WITHIN: Final = 90.0
_STANDS_STILL_S: Final = 5.0


class StoryStuck(UnreachableError):
    """Something that should have happened did not."""


class EndedEarly(Exception):
    """The user has seen enough."""


class LiveStage:
    """The stage of `story`, with real processes on it. Ctrl-C sets `enough`; `require_alive` raises ProgramEnded."""

    def __init__(
        self,
        control: Control,
        members: tuple[Program, Program],
        watcher: Watcher,
        screen: Screen,
        *,
        enough: threading.Event,
        require_alive: Callable[[], None],
        trader: Trader,
        sweep: Callable[[], str],
    ) -> None:
        """`sweep` has a deep sweep made and says why it proves nothing, "" if it does."""
        self._trader, self._sweep = trader, sweep
        self.unproven = "no sweep was made"
        self.control, self.members = control, members
        self.figures = Figures()
        self.most_lag_records, self.most_lag_seconds = 0, 0.0
        self._watcher, self._screen = watcher, screen
        self._enough, self._require_alive = enough, require_alive
        self._began: float | None = None
        self.disturbed = False
        """Whether somebody has pressed buttons of the panel."""
        self._in_log, self._in_log_since = -1, 0.0

    @property
    def elapsed(self) -> float:
        """Seconds since the story began."""
        return 0.0 if self._began is None else time.monotonic() - self._began

    def begin(self) -> None:
        """The story begins now."""
        self._began = time.monotonic()

    def say(self, text: str) -> None:
        """Tell those who watch."""
        self._screen.say(text, None if self._began is None else self.elapsed)

    def submit_in_vain(self) -> str:
        """Have the trader do it."""
        return self._trader.submit_in_vain()

    def place_by_hand(self) -> str:
        """Have it placed."""
        return self._trader.place_by_hand()

    def wait(self, wait: Wait, *, to_the_end: bool = False) -> None:
        """Look until the wait is met by a look that was taken after it began.

        Raises EndedEarly at a Ctrl-C (not with `to_the_end`), ProgramEnded, StoryStuck.
        """
        deadline = time.monotonic() + wait.limit_s
        while True:
            self._look()
            if wait.met():
                return
            if self._enough.is_set() and not to_the_end:
                raise EndedEarly
            self._require_alive()
            if time.monotonic() > deadline:
                raise StoryStuck(f"waited {wait.limit_s:.0f} s for {wait.what}, in vain")
            if to_the_end:
                time.sleep(_LOOK_EVERY)
            else:
                self._enough.wait(_LOOK_EVERY)

    def bring_to_rest(self) -> bool:
        """End the flow and wait until all that was sent is applied; whether that came to be."""
        for member in self.members:
            if member.state is State.KILLED:
                member.start()
            elif member.state is State.FROZEN:
                member.thaw()
        with suppress(ProgramEnded, StoryStuck):
            self.wait(Wait(lambda: self.figures.listening, _DRAINS_WITHIN, "ingest to listen"), to_the_end=True)
            self.control.resume()
            self.control.settle()
            self.say("the broker stops trading; what is under way is told to its end")
            self.wait(Wait(self._drained, _DRAINS_WITHIN, "everything to be applied"), to_the_end=True)
            self.say("a deep sweep reads the broker and compares")
            self.wait(Wait(self._proved, _DRAINS_WITHIN, "a sweep to prove the rows equal"), to_the_end=True)
        self._look(compare=True)
        return self._drained()

    def _drained(self) -> bool:
        """Whether all that can be applied is.

        What was sent into a socket as it was cut in the middle of trading is in no log: once somebody may have done
        that, a log that stands still has all that there is. The sweep reads the rest, and the verdict compares it.
        """
        figures, now = self.figures, time.monotonic()
        if figures.in_log != self._in_log:
            self._in_log, self._in_log_since = figures.in_log, now
        stands_still = self.disturbed and now - self._in_log_since > _STANDS_STILL_S
        return figures.drained or (stands_still and figures.lag_records == 0)

    def _proved(self) -> bool:
        self.unproven = self._sweep()
        return not self.unproven

    def _look(self, *, compare: bool = False) -> None:
        self.figures = self._watcher.look(compare=compare)
        self.most_lag_records = max(self.most_lag_records, self.figures.lag_records)
        self.most_lag_seconds = max(self.most_lag_seconds, self.figures.lag_seconds or 0.0)
        self._screen.show(self.elapsed, self.figures)
