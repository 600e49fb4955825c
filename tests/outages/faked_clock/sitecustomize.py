"""Loaded by a copy whose clock is libfaketime's, before anything else: `time.sleep` that works there.

libfaketime 0.9.10 that leaves the monotonic clock alone gets the end of a sleep wrong by the whole wall clock, and
every `time.sleep` of CPython (clock_nanosleep until a time of the monotonic clock) fails with EINVAL. A wait for
nothing takes a length of time instead, which it does not touch.
"""

import select
import time
from typing import SupportsIndex


def _sleep(seconds: float | SupportsIndex, /) -> None:
    select.select([], [], [], float(seconds))


time.sleep = _sleep
