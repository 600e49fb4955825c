"""Lag of one partition, without Kafka."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_reconcile.jobs.lag import LagReader
from stream_reconcile.log.admin import Watermarks
from stream_reconcile.log.lag import NEVER, first_unread, partition_lag
from stream_reconcile.log.topics import Partition
from stream_reconcile.store.readers import Cursor

PARTITION = Partition("alpaca.trade-updates.v1", 3)


@pytest.mark.parametrize(
    ("next_offset", "low", "high", "records"),
    [
        (NEVER, 0, 0, 0),
        (NEVER, 0, 5, 5),
        (NEVER, 3, 5, 2),
        (0, 0, 5, 5),
        (5, 0, 5, 0),
        (9, 0, 5, 0),
        (1, 3, 5, 4),
        (1, 5, 5, 4),
    ],
)
def test_records_behind(next_offset: int, low: int, high: int, records: int) -> None:
    lag = partition_lag(PARTITION, next_offset, Watermarks(low, high), 1000, 4000)
    assert lag == (*PARTITION, next_offset, high, records, 3.0 if records else 0.0, low)


def test_seconds_behind() -> None:
    marks = Watermarks(0, 5)
    assert partition_lag(PARTITION, 2, marks, 10_000, 12_500).lag_seconds == 2.5
    assert partition_lag(PARTITION, 2, marks, 12_500, 10_000).lag_seconds == 0
    assert partition_lag(PARTITION, 2, marks, None, 10_000).lag_seconds is None
    assert partition_lag(PARTITION, 5, marks, None, 10_000).lag_seconds == 0


offsets = st.integers(0, 50)


@given(st.one_of(st.just(NEVER), offsets), offsets, offsets, st.one_of(st.none(), offsets), offsets)
def test_lag_is_never_negative_and_zero_means_zero(
    next_offset: int, low: int, more: int, record_ms: int | None, now_ms: int
) -> None:
    marks = Watermarks(low, low + more)
    lag = partition_lag(PARTITION, next_offset, marks, record_ms, now_ms)
    assert lag.lag >= 0
    assert lag.lag_seconds is None or lag.lag_seconds >= 0
    assert lag.lag > 0 or lag.lag_seconds == 0
    assert marks.low <= first_unread(next_offset, marks) <= marks.high


def test_members_that_are_gone_are_forgotten() -> None:
    reader = LagReader.__new__(LagReader)  # without its connections
    reader._seen, reader._owners_moved = {}, {}
    for number in range(1_000):  # a member that is started again every five seconds, and moves each time
        cursor = Cursor(*PARTITION, number, number, f"member-{number}", number, None, "cluster", "topic", None)
        reader._note_moves({PARTITION: cursor}, now=5.0 * number)
        reader._moved(PARTITION, number, cursor.owner, now=5.0 * number)
    assert "member-999" in reader._owners_moved
    assert len(reader._owners_moved) <= 10
