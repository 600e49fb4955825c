"""Work that was in the way of another's: locks taken in another order, or waited for too long. It is done again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Final, TypeVar

import psycopg
import structlog

log = structlog.get_logger()

_Result = TypeVar("_Result")
_SQLSTATES: Final = frozenset(("40P01", "40001", "55P03"))
TRIES: Final = 6


def waited_out(work: Callable[[], _Result]) -> _Result:
    """What `work`, a whole transaction, gives; it is done again, 6 times at most, where it was in another's way.

    Raises what it raises for another reason, or the last time.
    """
    for attempt in range(1, TRIES):
        try:
            return work()
        except psycopg.Error as error:
            if error.sqlstate not in _SQLSTATES:
                raise
            log.info("lock_conflict", sqlstate=error.sqlstate, attempt=attempt)
        time.sleep(random.uniform(0, 0.05 * 2**attempt))  # noqa: S311 - jitter
    return work()
