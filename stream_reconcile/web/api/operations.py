"""All that changes something, by path: what it is, what is said, what is answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from stream_reconcile.web.api.operating import Acceptance, Accepted, Retry, RetryReport, SweepAsked, SweepRequest
from stream_reconcile.web.api.rewinding import Rewind, RewindReport, Undo
from stream_reconcile.web.api.shapes import Shape
from stream_reconcile.web.control import ACCEPT, RETRY, REWIND, SWEEP, UNDO


class Operation(NamedTuple):
    """One of them."""

    summary: str
    body: type[Shape]
    answer: type[Shape]


OPERATIONS: Final[Mapping[str, Operation]] = {
    REWIND: Operation("Plan a rewind, and with `execute` do it.", Rewind, RewindReport),
    UNDO: Operation("Take a rewind back.", Undo, RewindReport),
    ACCEPT: Operation("Close a discrepancy by a person's judgement.", Acceptance, Accepted),
    RETRY: Operation("Apply dead letters again, in the order of the log; 500 at most.", Retry, RetryReport),
    SWEEP: Operation("Ask for a sweep.", SweepRequest, SweepAsked),
}
