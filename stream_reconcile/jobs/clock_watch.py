"""A wall clock that is set back: the process ends, and whatever runs it starts it again.

librdkafka waits until a time of the wall clock (confluentinc/librdkafka#2145, and so in 2.16): when that is set back by
an hour, a wait of 100 ms that is under way lasts an hour, unless something happens that ends it. Its main thread then
makes no heartbeat, looks for no leader, and does not even time out what it can't send. A client can't be woken from
outside, nor left alone by a thread that waits within it. All other waits of ours are by the monotonic clock.

A clock that is set forward ends waits early, which harms nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

LEAST_S: Final = 10.0
"""Set back by less is not minded: some waits last so much longer, once."""
EVERY_S: Final = 1.0
LIMIT_S: Final = 60.0
"""What ends in order does so well within it: jobs have 25 s."""


def _ahead() -> float:
    """Seconds by which the wall clock is ahead of the monotonic one."""
    return time.time() - time.monotonic()


class ClockWatch:
    """Calls `set_back` with the seconds, once, when the wall clock was set back.

    Calls `late` where this is not closed soon after that. A context manager: for its duration.
    """

    def __init__(
        self,
        set_back: Callable[[float], None],
        late: Callable[[], None],
        *,
        ahead: Callable[[], float] = _ahead,
        every_s: float = EVERY_S,
        limit_s: float = LIMIT_S,
    ) -> None:
        self._set_back, self._late, self._ahead = set_back, late, ahead
        self._every_s, self._limit_s = every_s, limit_s
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="clock-watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._closed.set()
        self._thread.join()

    def _watch(self) -> None:
        before = self._ahead()
        while not self._closed.wait(self._every_s):
            now = self._ahead()
            if before - now >= LEAST_S:
                self._set_back(before - now)
                if not self._closed.wait(self._limit_s):
                    self._late()
                return
            before = now
