"""What a lag is called: each state, and what holds of all of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_reconcile.core.lag_state import LagState, lag_state

BEHIND: dict[str, Any] = {
    "next_offset": 10,
    "max_offset": 10,
    "oldest_offset": 0,
    "end_offset": 20,
    "lag_seconds": 100.0,
    "limit_seconds": 30.0,
    "members": 1,
    "moved": True,
}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, LagState.WARN),
        ({"lag_seconds": 30.0}, LagState.OK),
        ({"lag_seconds": 30.1}, LagState.WARN),
        ({"lag_seconds": None}, LagState.WARN),
        ({"end_offset": 10, "members": 0}, LagState.OK),
        ({"members": 0}, LagState.STOP),
        ({"members": 0, "lag_seconds": 5.0}, LagState.OK),
        ({"moved": False}, LagState.STALL),
        ({"moved": None, "members": None}, LagState.WARN),
        ({"max_offset": 15}, LagState.REWIND),
        ({"max_offset": 15, "moved": False}, LagState.STALL),
        ({"max_offset": 15, "members": 0}, LagState.STOP),
        ({"max_offset": 15, "lag_seconds": 5.0}, LagState.REWIND),
        ({"max_offset": 15, "moved": False, "claimed_s": 29.0}, LagState.REWIND),
        ({"max_offset": 15, "members": 0, "claimed_s": 29.0}, LagState.REWIND),
        ({"max_offset": 15, "moved": False, "claimed_s": 31.0}, LagState.STALL),
        ({"moved": False, "claimed_s": 1.0}, LagState.STALL),
        ({"oldest_offset": 11}, LagState.LOST),
        ({"oldest_offset": 20}, LagState.LOST),
        ({"next_offset": 21}, LagState.LOST),
        ({"same_topic": False, "lag_seconds": 0.0}, LagState.LOST),
        ({"next_offset": -1, "max_offset": -1, "members": 0}, LagState.STOP),
        ({"next_offset": -1, "max_offset": -1, "lag_seconds": 1.0}, LagState.OK),
        ({"next_offset": -1, "max_offset": -1, "oldest_offset": 20}, LagState.OK),
    ],
)
def test_state(change: dict[str, Any], expected: LagState) -> None:
    assert lag_state(**(BEHIND | change)) is expected


def test_what_is_bad_news() -> None:
    assert {state for state in LagState if state.is_bad_news} == {
        LagState.WARN,
        LagState.STALL,
        LagState.STOP,
        LagState.LOST,
    }


offsets = st.integers(0, 50)


@given(
    cursor=offsets | st.just(-1),
    maximum=offsets,
    low=offsets,
    size=offsets,
    seconds=st.none() | st.floats(0, 1000),
    same=st.booleans(),
    members=st.none() | st.integers(0, 3),
    moved=st.none() | st.booleans(),
)
def test_a_drained_partition_of_the_same_topic_is_always_ok_and_nothing_else_hides_a_lost_position(
    cursor: int,
    maximum: int,
    low: int,
    size: int,
    seconds: float | None,
    same: bool,
    members: int | None,
    moved: bool | None,
) -> None:
    end = low + size
    state = lag_state(
        next_offset=cursor,
        max_offset=maximum,
        oldest_offset=low,
        end_offset=end,
        lag_seconds=seconds,
        limit_seconds=30,
        same_topic=same,
        members=members,
        moved=moved,
    )
    inside = cursor < 0 or low <= cursor <= end
    assert (state is LagState.LOST) == (not same or not inside)
    if same and cursor == end:
        assert state is LagState.OK
