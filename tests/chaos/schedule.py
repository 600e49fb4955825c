"""What is done to the members, and when: a function of the seed.

When means by progress of the cursors, not by time, so that a slow machine gets the same run. The member is the one
meant; an act that waits for a point of a transaction takes whichever member comes to it, if that one does not.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from stream_reconcile.simulator.values import seeded

_BEGIN: Final = 0.01
_END: Final = 0.93
"""A batch of a short log is a large share of it: later than this there may be nothing left to disturb."""
MEMBERS: Final = 2


class Point(StrEnum):
    """Where a member is, as seen from Postgres."""

    ANYWHERE = "anywhere"
    """At work: it owns cursors. A member that is only starting has nothing to lose."""
    COPYING = "copying"
    """Its batch is on the way into a table."""
    WRITING = "writing"
    """In the transaction, at a statement other than COPY: rows and cursors may be locked."""
    COMMITTING = "committing"
    """COMMIT was sent, and is not answered: the member can't know what became of it."""
    COMMITTED = "committed"
    """Just after: the group has not been shown the position yet."""


_AIMED: Final = (Point.COMMITTING, Point.COPYING, Point.COMMITTED, Point.WRITING)
_STOPPED_AT: Final = (Point.COPYING, Point.WRITING)
"""Where a stopped member is sure to try to commit when it goes on."""


class Act(NamedTuple):
    """One thing done to one member."""

    at: float
    """Share of the log that is applied by then."""
    kind: str
    """`kill` (SIGKILL, and started again) or `stop` (SIGSTOP until the other member has all partitions)."""
    member: int
    point: Point


def schedule(seed: int, kills: int, stops: int) -> list[Act]:
    """So many of each, spread over the whole run; half of the kills anywhere, the others aimed at a point."""
    rng = seeded(f"schedule {seed}")
    aimed = [_AIMED[number // 2 % len(_AIMED)] if number % 2 else Point.ANYWHERE for number in range(kills)]
    what = [("kill", point) for point in aimed]
    what += [("stop", _STOPPED_AT[number % len(_STOPPED_AT)]) for number in range(stops)]
    rng.shuffle(what)
    slot = (_END - _BEGIN) / max(1, len(what))
    return [
        Act(_BEGIN + slot * (number + rng.random()), kind, rng.randrange(MEMBERS), point)
        for number, (kind, point) in enumerate(what)
    ]
