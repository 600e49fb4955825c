"""What a lag means: a pure decision over one look at a partition, in the words of Burrow's states.

Burrow's rules (its wiki, "Consumer Lag Evaluation Rules") look at a window of committed offsets: any lag of 0 in it is
OK; an offset that stands still behind the end is STALL; one that moves while its lag never shrinks is WARN; no commits
any more is STOP; an offset that went back is REWIND, which is an error there. Here, on purpose:

- the window is the limit in seconds: who was at the end within it has no older record left to apply, and is OK;
- WARN says that the limit is exceeded, also while the lag shrinks;
- a rewind that was asked for is no alarm, from its first moment until the old position is reached.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

TAKEN_UP_WITHIN_S: Final = 30.0
"""So long after a rewind nobody is said to stand still: the group has yet to notice, or to be started."""


class LagState(StrEnum):
    """State of one partition. docs/commands.md says what to do about each."""

    OK = "OK"  # nothing is behind, or less than the limit
    REWIND = "REWIND"  # reads again what was applied before
    WARN = "WARN"  # further behind than the limit, and moving as far as we can tell
    STALL = "STALL"  # further behind than the limit, a member is there, and the cursor does not move
    STOP = "STOP"  # further behind than the limit, and no member is there
    LOST = "LOST"  # the cursor's position is not in the log: expired, or the topic was made anew (F5)

    @property
    def is_bad_news(self) -> bool:
        """Whether somebody should look at it."""
        return self not in (LagState.OK, LagState.REWIND)


def lag_state(
    *,
    next_offset: int,
    max_offset: int,
    oldest_offset: int,
    end_offset: int,
    lag_seconds: float | None,
    limit_seconds: float,
    same_topic: bool = True,
    members: int | None = None,
    moved: bool | None = None,
    claimed_s: float | None = None,
) -> LagState:
    """State of one partition.

    `next_offset` is -1 where nothing was ever applied. `lag_seconds` None: unknown, which counts as too long.
    `same_topic`: the topic has the id that the cursor was written under. `members` of the group, and whether the
    cursor `moved` between two looks, are None where nobody looked. `claimed_s`: seconds since the cursor's epoch was
    raised, by a rewind or a claim.
    """
    in_log = next_offset < 0 or oldest_offset <= next_offset <= end_offset
    if not same_topic or not in_log:
        return LagState.LOST
    if max(next_offset, oldest_offset) >= end_offset:
        return LagState.OK
    rewound = next_offset < max_offset
    calm = LagState.REWIND if rewound else LagState.OK
    if lag_seconds is not None and lag_seconds <= limit_seconds:
        return calm
    if rewound and claimed_s is not None and claimed_s < TAKEN_UP_WITHIN_S:
        return calm
    if members == 0 or moved is False:
        return LagState.STOP if members == 0 else LagState.STALL
    return calm if rewound else LagState.WARN
