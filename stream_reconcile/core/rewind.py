"""What a rewind does to each cursor, and what taking one back does. Pure: what was read is given, the answer is a plan.

R1  A rewind never moves a cursor forward; neither does it move one at all whose log is not the one it was read from.
R2  What is no longer in the log is refused by name, or said (`to_earliest`); never clamped in silence.
R3  Taking one back goes to where the cursor stood, never beyond what was once committed, never backward, and only
    in the same topic (by id).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from stream_reconcile.core.cursors import Cursor
from stream_reconcile.core.rewind_target import How, Target

ASSUMED_RECORDS_PER_S: Final = 10_000
"""Estimate where no rewind was measured here yet: well below what two cores do (docs/performance.md)."""


class Verdict(StrEnum):
    """What becomes of a cursor."""

    MOVES = "moves"
    STAYS = "stays"
    """There is nothing to do: it stands there, or further back, already."""
    REFUSED = "refused"
    """It can't be done as asked, and so nothing is done at all."""


class Facts(NamedTuple):
    """What was read of one partition: its cursor row first, then what Kafka says."""

    topic: str
    partition: int
    cursor: Cursor | None
    max_offset: int
    last_record_ms: int | None
    """Time of the last record applied."""
    topic_id: str | None
    """Of the topic as the cluster has it now; None: it has no such topic or partition."""
    low: int
    high: int
    found: int | None = None
    """For a time: the first record of that time or later; `high` where there is none."""
    low_ms: int | None = None
    """Time of the first record that is there; None where there is none, or it could not be read."""


class Step(NamedTuple):
    """What becomes of one cursor. Offsets are of the next record to apply; -1: nothing was ever applied."""

    topic: str
    partition: int
    verdict: Verdict
    why: str
    """Why it stays or is refused, or what else is to be said; empty: nothing."""
    old: int
    new: int
    gone: int | None = 0
    """Records asked for that are no longer retained; None: some may be, and nobody can tell."""
    epoch: int = 0
    topic_id: str = ""

    @property
    def records(self) -> int:
        """Records to read again (of an undo: not to read again)."""
        return abs(self.old - self.new)


def rewind_step(target: Target, facts: Facts) -> Step:
    """What `target` means for one partition (R1, R2)."""
    cursor = facts.cursor
    if cursor is None:
        return _step(facts, Verdict.STAYS, "nothing of it was ever applied: apply begins at its first record")
    if (outside := _outside_the_log(facts, cursor)) is not None:
        return outside
    wanted = _wanted(target, facts, cursor)
    if wanted >= cursor.next_offset:
        return _stays(target, facts, cursor, wanted)
    gone, why = _gone(target, facts, cursor, wanted)
    if gone == 0 or target.how is How.EARLIEST:
        return _step(facts, Verdict.MOVES, why, max(wanted, facts.low), gone)
    return _step(facts, Verdict.REFUSED, f"{why}; {How.EARLIEST.option} begins at {facts.low}", gone=gone)


def _outside_the_log(facts: Facts, cursor: Cursor) -> Step | None:
    if (why := _another_log(facts, cursor)) is not None:
        return _step(facts, Verdict.REFUSED, why)
    if cursor.next_offset < facts.low:
        why = f"its log begins at {facts.low}, after the cursor: apply goes there by itself and records what is lost"
        return _step(facts, Verdict.STAYS, why)
    if cursor.next_offset > facts.high:
        return _step(facts, Verdict.REFUSED, f"its log ends at {facts.high}, before the cursor: the log lost records")
    return None


def _wanted(target: Target, facts: Facts, cursor: Cursor) -> int:
    """The offset asked for, whether or not the log has it; at least 0."""
    if target.how is How.EARLIEST:
        return facts.low
    if target.how is How.SHIFT:
        return max(0, cursor.next_offset + target.number)
    if target.how is How.OFFSET:
        return target.number
    return facts.high if facts.found is None else facts.found


def _stays(target: Target, facts: Facts, cursor: Cursor, wanted: int) -> Step:
    at = cursor.next_offset
    if target.how.is_time and facts.low == at == facts.high and facts.low > 0 and not _applied_before(target, facts):
        # All that it held is gone: what of it was of that time or later, nobody can tell.
        why = f"its records before {at} are no longer retained, and some may be of that time or later"
        return _step(facts, Verdict.REFUSED, f"{why}; {How.EARLIEST.option} leaves it where it is", gone=None)
    if wanted > at:
        return _step(facts, Verdict.STAYS, f"{wanted} lies ahead of the cursor: a rewind never moves it forward")
    return _step(facts, Verdict.STAYS, "the cursor stands there already")


def _applied_before(target: Target, facts: Facts) -> bool:
    return facts.last_record_ms is not None and facts.last_record_ms < target.number


def _gone(target: Target, facts: Facts, cursor: Cursor, wanted: int) -> tuple[int | None, str]:
    """How many of the records asked for are no longer retained, and that in words."""
    low = facts.low
    if target.how is How.EARLIEST:
        return low, f"{low} records before {low} are no longer retained" if low else ""
    if target.how.is_time:
        later = facts.low_ms is None or facts.low_ms > target.number
        if wanted == low and low > 0 and later:
            return None, f"its log begins at {low} with a record of a later time, and what was before is not retained"
        return 0, ""
    if wanted < low:
        return low - wanted, f"{low - wanted} records, {wanted} to {low - 1}, are no longer retained"
    if target.how is How.SHIFT and -target.number > cursor.next_offset:
        return 0, f"it has only {cursor.next_offset} records before the cursor"
    return 0, ""


class Undoable(NamedTuple):
    """One cursor of a rewind that was done."""

    action_id: int
    topic: str
    partition: int
    before: int
    topic_id: str
    undone: bool


def undo_step(rewound: Undoable, facts: Facts, newest: int) -> Step:
    """What taking `rewound` back means (R3). `newest`: the newest rewind of this cursor that was not taken back.

    A cursor that can't go back by now is left where it is, and the others go.
    """
    cursor = facts.cursor
    why = "it has no cursor any more" if cursor is None else _another_log(facts, cursor, rewound.topic_id)
    if cursor is None or why is not None:
        return _step(facts, Verdict.STAYS, why or "")
    back = min(rewound.before, facts.max_offset)
    if rewound.undone or back <= cursor.next_offset:
        why = "this was taken back already" if rewound.undone else f"the cursor has come past {rewound.before} again"
        return _step(facts, Verdict.STAYS, why)
    if newest > rewound.action_id:
        return _step(facts, Verdict.REFUSED, f"rewind {newest} came after: take that back first")
    return _step(facts, Verdict.MOVES, "", back)


def newest_by_cursor(rewinds: Iterable[Undoable]) -> dict[tuple[str, int], int]:
    """The newest rewind of each cursor that was not taken back."""
    newest: dict[tuple[str, int], int] = {}
    for one in rewinds:
        if not one.undone:
            place = (one.topic, one.partition)
            newest[place] = max(one.action_id, newest.get(place, 0))
    return newest


def _another_log(facts: Facts, cursor: Cursor, of: str | None = None) -> str | None:
    """Why the cursor's offsets mean nothing in the topic that is there, or those under topic id `of`; None: they do."""
    if facts.topic_id is None:
        return "Kafka does not have it (any more)"
    if facts.topic_id != cursor.topic_id:
        return "its topic was made anew since the cursor was written: its offsets mean nothing there"
    if of not in (None, cursor.topic_id):
        return "its topic was made anew since that rewind: its offsets mean nothing there"
    return None


def _step(facts: Facts, verdict: Verdict, why: str, new: int | None = None, gone: int | None = 0) -> Step:
    cursor = facts.cursor
    if cursor is None:
        return Step(facts.topic, facts.partition, verdict, why, -1, -1, gone)
    at = cursor.next_offset
    return Step(
        facts.topic, facts.partition, verdict, why, at, at if new is None else new, gone, cursor.epoch, cursor.topic_id
    )


class Estimate(NamedTuple):
    """How long it takes to read again, and from what that follows."""

    seconds: float
    records_per_second: float
    source: str


def estimate(records: int, measured: tuple[int, float] | None) -> Estimate:
    """`measured`: records and seconds of the newest rewind that somebody waited for; None where there is none."""
    if measured is None or measured[0] <= 0 or measured[1] <= 0:
        rate, source = float(ASSUMED_RECORDS_PER_S), "assumed: no rewind was measured here yet"
    else:
        rate = measured[0] / measured[1]
        source = f"the newest rewind that was waited for: {measured[0]} records in {measured[1]:.1f} s"
    return Estimate(records / rate, rate, source)


def moves(steps: Sequence[Step]) -> list[Step]:
    """Those that move, in the order in which cursors are locked."""
    return sorted((step for step in steps if step.verdict is Verdict.MOVES), key=lambda step: step[:2])
