"""Scripts in the order of their clocks: a heap of generators, each due at a time of its own.

The schedule runs in virtual time. Whoever drives it decides how virtual time relates to the real one: `history` jumps
from due to due, the live simulator waits. Times of scripts depend on their own pauses only, never on when the driver
got round to them, so the order of events is the same however late a driver is.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

from stream_reconcile.simulator.groups import Flow
from stream_reconcile.simulator.orders import OrderStateError


class Schedule:
    """Runs scripts in order of (due time, order of entry)."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Flow, Callable[[], None] | None]] = []
        self._entered = 0
        self.current = 0
        """When the script that goes on now was due; what it starts starts then, however late the driver is."""

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def next_due(self) -> int | None:
        """When the next script goes on, in virtual nanoseconds; None if there is none."""
        return self._heap[0][0] if self._heap else None

    def add(self, due: int, script: Flow, at_end: Callable[[], None] | None = None) -> None:
        """Start a script at `due`; `at_end` is called once it has run out."""
        self._entered += 1
        heapq.heappush(self._heap, (due, self._entered, script, at_end))

    def step(self) -> None:
        """Let the script that is due next go on to its next pause."""
        due, _, script, at_end = heapq.heappop(self._heap)
        self.current = due
        try:
            pause = next(script)
        except (StopIteration, OrderStateError):
            # OrderStateError: the order was closed by somebody else (a client's cancel). The script's story is over.
            if at_end is not None:
                at_end()
            return
        self._entered += 1
        heapq.heappush(self._heap, (due + pause, self._entered, script, at_end))
