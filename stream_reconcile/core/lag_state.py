"""What a lag means: a pure decision over one look at a partition, in words close to those of Burrow's states.

A rewind that was asked for is no alarm, and neither is a partition that is behind for less than the limit.
"""

from __future__ import annotations

from enum import StrEnum


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
) -> LagState:
    """State of one partition.

    `next_offset` is -1 where nothing was ever applied. `lag_seconds` None: unknown, which counts as too long.
    `same_topic`: the topic has the id that the cursor was written under. `members` of the group, and whether the
    cursor `moved` between two looks, are None where nobody looked.
    """
    in_log = next_offset < 0 or oldest_offset <= next_offset <= end_offset
    if not same_topic or not in_log:
        return LagState.LOST
    behind = max(next_offset, oldest_offset) < end_offset
    if not behind or (lag_seconds is not None and lag_seconds <= limit_seconds):
        return LagState.OK
    if members == 0:
        return LagState.STOP
    if moved is False:
        return LagState.STALL
    return LagState.REWIND if next_offset < max_offset else LagState.WARN
