"""How far apply is behind, in records and in seconds: positions from the database, ends from Kafka.

Positions are read before ends, so a lag can be a moment too large but never negative. Seconds are the age of the record
at the position; nothing is extrapolated: 0 where nothing is behind, unknown (None) where that record can't be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from stream_reconcile.log.admin import KafkaAdmin, Watermarks
from stream_reconcile.log.record_times import RecordTimes
from stream_reconcile.log.topics import Partition

# `next_offset` of a partition that has never been committed.
NEVER: Final = -1


class PartitionLag(NamedTuple):
    """One partition: `lag` in records, `lag_seconds` None where it is unknown; `oldest_offset` is that of the first
    record that is there."""

    topic: str
    partition: int
    next_offset: int
    end_offset: int
    lag: int
    lag_seconds: float | None
    oldest_offset: int


def first_unread(next_offset: int, watermarks: Watermarks) -> int:
    """The offset of the first record that is there and not applied; the end where all are."""
    return min(max(next_offset, watermarks.low), watermarks.high)


def partition_lag(
    partition: Partition, next_offset: int, watermarks: Watermarks, record_ms: int | None, now_ms: int
) -> PartitionLag:
    """The lag of one partition. `record_ms` is the time of the record at `first_unread`, None if unknown.

    Without a position every record that is there is behind. Records that were deleted before they were applied count
    too, as Kafka's own tools count them: that they are gone is another matter (F5).
    """
    start = watermarks.low if next_offset < 0 else next_offset
    records = max(0, watermarks.high - start)
    if records == 0:
        seconds: float | None = 0.0
    elif record_ms is None:
        seconds = None
    else:
        seconds = max(0, now_ms - record_ms) / 1000
    return PartitionLag(*partition, next_offset, watermarks.high, records, seconds, watermarks.low)


def read_lag(
    admin: KafkaAdmin, times: RecordTimes, cursors: Mapping[Partition, int], *, now_ms: int
) -> list[PartitionLag]:
    """Lag of each partition in `cursors` (its next offset, -1 for never), by topic and partition.

    The caller has read `cursors` before. A partition that Kafka does not have is left out. Raises KafkaUnreachable,
    CredentialsRefused, RefusedError.
    """
    ends = admin.watermarks(cursors)
    unread = {partition: first_unread(cursors[partition], marks) for partition, marks in ends.items()}
    behind = {partition: offset for partition, offset in unread.items() if offset < ends[partition].high}
    ages = times.at(behind)
    return [
        partition_lag(partition, cursors[partition], ends[partition], ages.get(partition), now_ms)
        for partition in sorted(ends)
    ]
