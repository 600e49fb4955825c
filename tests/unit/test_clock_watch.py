"""Only a wall clock that is set back by much is minded; and an end in order that does not come is not waited for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import pairwise

import pytest

from stream_reconcile.jobs.clock_watch import clock_watched


def told_of(readings: list[float]) -> tuple[list[float], bool]:
    """What is told of these readings of how far the wall clock is ahead, and whether the end was called late."""
    told: list[float] = []
    all_read, late = threading.Event(), threading.Event()

    def ahead() -> Iterator[float]:
        yield from readings
        all_read.set()
        while True:
            yield readings[-1]

    with clock_watched(told.append, late.set, ahead=ahead().__next__, every_s=0.001, limit_s=0.001):
        if min(later - earlier for earlier, later in pairwise(readings)) <= -10:
            assert late.wait(10)
        else:
            assert all_read.wait(10)
    return told, late.is_set()


@pytest.mark.parametrize(
    "readings",
    [
        pytest.param([5.0, 5.0], id="it goes as it should"),
        pytest.param([5.0, 3605.0], id="set forward"),
        pytest.param([5.0, -4.9], id="set back by less than 10 s"),
        pytest.param([float(-second) for second in range(60)], id="slewed"),
    ],
)
def test_what_is_not_minded(readings: list[float]) -> None:
    assert told_of(readings) == ([], False)


def test_it_is_told_once_and_late_where_nothing_ends() -> None:
    assert told_of([5.0, 3605.0, 5.0, -3595.0]) == ([3600.0], True)


def test_what_ends_in_order_is_not_late() -> None:
    told, late = threading.Event(), threading.Event()
    readings = iter([60.0, *[0.0] * 1_000])
    with clock_watched(lambda _seconds: told.set(), late.set, ahead=readings.__next__, every_s=0.001, limit_s=60):
        assert told.wait(10)
    assert not late.is_set()
