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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

LEAST_S: Final = 10.0
"""Set back by less is not minded: some waits last so much longer, once."""
EVERY_S: Final = 1.0
LIMIT_S: Final = 60.0
"""What ends in order does so well within it: jobs have 25 s."""


def _ahead() -> float:
    """Seconds by which the wall clock is ahead of the monotonic one."""
    return time.time() - time.monotonic()


@contextmanager
def clock_watched(
    set_back: Callable[[float], None],
    late: Callable[[], None],
    *,
    ahead: Callable[[], float] = _ahead,
    every_s: float = EVERY_S,
    limit_s: float = LIMIT_S,
) -> Iterator[None]:
    """While it lasts: `set_back` is called with the seconds, once, when the wall clock was set back.

    `late` is called where it has not ended soon after that. Both in a thread of its own.
    """
    ended = threading.Event()

    def watch() -> None:
        before = ahead()
        while not ended.wait(every_s):
            now = ahead()
            if before - now >= LEAST_S:
                set_back(before - now)
                if not ended.wait(limit_s):
                    late()
                return
            before = now

    thread = threading.Thread(target=watch, name="clock-watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
