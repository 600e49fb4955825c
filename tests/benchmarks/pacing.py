"""Sending at a rate: each item at its own time of a fixed schedule, however long the ones before took.

A schedule that waits for a slow receiver would leave out the very moments that a percentile is about.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


def paced(items: Iterable[Item], per_second: float) -> Iterator[Item]:
    """The items, each at its time; the first at once."""
    begun = time.monotonic_ns()
    for number, item in enumerate(items):
        due = begun + round(number * 1e9 / per_second)
        if (left := due - time.monotonic_ns()) > 0:
            time.sleep(left / 1e9)
        yield item


def percentile(values: list[float], share: float) -> float:
    """The value that `share` of the values (0 to 1) do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
