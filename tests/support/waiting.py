"""Waiting for a condition, with a limit, instead of sleeping and hoping."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

_FIRST_PAUSE = 0.005  # seconds; doubles up to the longest
_LONGEST_PAUSE = 0.1
_AFTER_A_LONG_LOOK = 0.5

T = TypeVar("T")


def wait_until(condition: Callable[[], T], *, timeout: float = 20.0, what: str) -> T:
    """Call `condition` until what it returns is true, and return that; AssertionError after `timeout` seconds.

    `what` completes the sentence "waited … for", e.g. "the row to appear". Exceptions of `condition` pass through.
    """
    deadline = time.monotonic() + timeout
    pause = _FIRST_PAUSE
    while True:
        began = time.monotonic()
        last = condition()
        if last:
            return last
        ended = time.monotonic()
        if ended > deadline:
            raise AssertionError(f"waited {timeout:g} s for {what}; the last look gave {last!r}")
        # At most half of the time is for looking: what is waited for needs the processor too.
        time.sleep(max(pause, min(ended - began, _AFTER_A_LONG_LOOK)))
        pause = min(2 * pause, _LONGEST_PAUSE)


async def wait_until_async(
    condition: Callable[[], T | Awaitable[T]],
    *,
    timeout: float = 20.0,  # noqa: ASYNC109 - the same signature as its twin
    what: str,
) -> T:
    """`wait_until` for code on an event loop; `condition` may be a coroutine function."""
    deadline = time.monotonic() + timeout
    pause = _FIRST_PAUSE
    while True:
        found = condition()
        last = await found if isinstance(found, Awaitable) else found
        if last:
            return last
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout:g} s for {what}; the last look gave {last!r}")
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
