"""What a member of apply decides about its cursors (I4). Pure: the rows are given, the answer is a value."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple


class Cursor(NamedTuple):
    """A cursor as a member holds it or as its row stands in the database."""

    next_offset: int
    epoch: int
    owner: str
    topic_id: str


class Verdict(StrEnum):
    """What a look at the row says."""

    SAME = "same"
    MOVED = "moved"
    """Somebody rewound it: the owner is still this member. Drop what is buffered, take the row, seek, go on."""
    LOST = "lost"
    """Another owner, or no row: discard, leave the group, join again; claim after the next assignment only."""


def judge(mine: Cursor, row: Cursor | None) -> Verdict:
    """Compare all four: owner, epoch, offset, topic id."""
    if row is None or row.owner != mine.owner:
        return Verdict.LOST
    return Verdict.SAME if row == mine else Verdict.MOVED


def is_restored(acknowledged: Cursor, row: Cursor | None) -> bool:
    """F4 while running: the row is older than what Postgres acknowledged to this member.

    A lower epoch; or the same epoch, owner and topic id and a lower offset. No rewind looks like that, since each
    raises the epoch.
    """
    if row is None:
        return True
    if row.epoch != acknowledged.epoch:
        return row.epoch < acknowledged.epoch
    same = row.owner == acknowledged.owner and row.topic_id == acknowledged.topic_id
    return same and row.next_offset < acknowledged.next_offset


def is_restored_at_start(mirrored_offset: int, mirrored_topic_id: str, max_offset: int, topic_id: str) -> bool:
    """F4 at start: the group holds a mirror of this very topic above all that this database ever committed."""
    return mirrored_topic_id == topic_id and mirrored_offset > max_offset


class Span(NamedTuple):
    """How much of a run of records of one partition can be taken."""

    take: slice
    hole_at: int | None
    """Offset that was expected where another record stood; None when there is no hole."""


def contiguous(expected: int, offsets: Sequence[int]) -> Span:
    """The stretch of `offsets` (ascending) that begins at `expected` and has no hole.

    Records before `expected` are left over from before a seek and are dropped.
    """
    start = 0
    while start < len(offsets) and offsets[start] < expected:
        start += 1
    if start < len(offsets) and offsets[-1] - offsets[start] == len(offsets) - 1 - start and offsets[start] == expected:
        return Span(slice(start, len(offsets)), None)
    end = start
    while end < len(offsets) and offsets[end] == expected + (end - start):
        end += 1
    return Span(slice(start, end), expected + (end - start) if end < len(offsets) else None)


class Loss(StrEnum):
    """What of the log is gone (F5), hence from when on frames have to be looked for at the broker."""

    RECREATED = "recreated"
    """Another topic of this name: all time."""
    EXPIRED = "expired"
    """Records expired that were never applied: from the last record applied."""
    REWOUND_PAST_START = "rewound_past_start"
    """Records expired that had been applied before: nothing is missing from the rows."""


def loss(row_topic_id: str, topic_id: str, low: int, max_offset: int) -> Loss:
    """Which loss it is when the cursor's offset can't be read."""
    if row_topic_id != topic_id:
        return Loss.RECREATED
    return Loss.EXPIRED if low > max_offset else Loss.REWOUND_PAST_START
