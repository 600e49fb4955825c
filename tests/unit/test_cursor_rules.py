"""What a member decides about its cursors: judged against the row, restored databases, runs without holes, losses."""

from __future__ import annotations

import pytest

from stream_reconcile.core.cursors import (
    Cursor,
    Loss,
    Span,
    Verdict,
    contiguous,
    is_restored,
    is_restored_at_start,
    judge,
    loss,
)

MINE = Cursor(100, 5, "me", "topic-a")


@pytest.mark.parametrize(
    ("row", "verdict", "restored"),
    [
        (MINE, Verdict.SAME, False),
        (None, Verdict.LOST, True),
        (Cursor(100, 6, "you", "topic-a"), Verdict.LOST, False),  # claimed by another
        (Cursor(100, 4, "you", "topic-a"), Verdict.LOST, True),  # an older copy, of another's time
        (Cursor(50, 6, "me", "topic-a"), Verdict.MOVED, False),  # rewound: the epoch was raised
        (Cursor(150, 5, "me", "topic-a"), Verdict.MOVED, False),  # our own commit, of unknown outcome
        (Cursor(50, 5, "me", "topic-a"), Verdict.MOVED, True),  # less than was acknowledged
        (Cursor(100, 4, "me", "topic-a"), Verdict.MOVED, True),  # an epoch goes back in an older copy only
        (Cursor(0, 5, "me", "topic-b"), Verdict.MOVED, False),  # another log: its offsets say nothing
    ],
)
def test_a_look_at_the_row(row: Cursor | None, verdict: Verdict, restored: bool) -> None:
    assert judge(MINE, row) is verdict
    assert is_restored(MINE, row) is restored


@pytest.mark.parametrize(
    ("mirrored", "of_topic", "max_offset", "restored"),
    [
        (101, "topic-a", 100, True),
        (100, "topic-a", 100, False),
        (99, "topic-a", 100, False),  # a mirror behind the cursor is normal
        (500, "topic-b", 100, False),  # of another topic of this name
        (500, "", 100, False),  # committed by something else
    ],
)
def test_the_mirror_at_start(mirrored: int, of_topic: str, max_offset: int, restored: bool) -> None:
    assert is_restored_at_start(mirrored, of_topic, max_offset, "topic-a") is restored


@pytest.mark.parametrize(
    ("expected", "offsets", "taken", "hole_at"),
    [
        (10, [], [], None),
        (10, [10, 11, 12], [10, 11, 12], None),
        (10, [8, 9, 10, 11], [10, 11], None),  # left over from before a seek
        (10, [7, 8, 9], [], None),
        (10, [11, 12], [], 10),
        (10, [10, 11, 13, 14], [10, 11], 12),
        (10, [8, 10, 12], [10], 11),
        (10, [8, 12], [], 10),
        (0, [0], [0], None),
    ],
)
def test_the_run_that_begins_at_the_cursor(
    expected: int, offsets: list[int], taken: list[int], hole_at: int | None
) -> None:
    span = contiguous(expected, offsets)
    assert isinstance(span, Span)
    assert offsets[span.take] == taken
    assert span.hole_at == hole_at


@pytest.mark.parametrize(
    ("topic_id", "low", "max_offset", "expected"),
    [
        ("topic-b", 0, 100, Loss.RECREATED),
        ("topic-a", 101, 100, Loss.EXPIRED),
        ("topic-a", 100, 100, Loss.REWOUND_PAST_START),
        ("topic-a", 50, 100, Loss.REWOUND_PAST_START),
    ],
)
def test_what_is_lost(topic_id: str, low: int, max_offset: int, expected: Loss) -> None:
    assert loss("topic-a", topic_id, low, max_offset) is expected
