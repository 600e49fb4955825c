"""Where a member stands in each partition that it owns, and which records of a fetch fit there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from confluent_kafka import Message

from stream_reconcile.core.cursors import Cursor, contiguous
from stream_reconcile.log.topics import Partition
from stream_reconcile.store.batch import CursorMove
from stream_reconcile.store.rows import plausible_ms


class Run(NamedTuple):
    """Consecutive records of one partition, beginning at its cursor."""

    partition: Partition
    messages: list[Message]


class Positions:
    """Cursors by partition, as Postgres acknowledged them last; and how far batches on their way there go."""

    def __init__(self) -> None:
        self._cursors: dict[Partition, Cursor] = {}
        self._ahead: dict[Partition, int] = {}
        self._max_offsets: dict[Partition, int] = {}
        self._holes: dict[Partition, int] = {}

    def __contains__(self, partition: Partition) -> bool:
        return partition in self._cursors

    def __getitem__(self, partition: Partition) -> Cursor:
        return self._cursors[partition]

    def __iter__(self) -> Iterator[Partition]:
        return iter(sorted(self._cursors))

    def __len__(self) -> int:
        return len(self._cursors)

    def max_offset(self, partition: Partition) -> int:
        """Highest offset ever committed there, as far as this member knows."""
        return self._max_offsets[partition]

    def mirrored(self) -> dict[Partition, tuple[int, str]]:
        """What the group is to show: next offset and topic id of each partition."""
        return {partition: (cursor.next_offset, cursor.topic_id) for partition, cursor in self._cursors.items()}

    def put(self, partition: Partition, cursor: Cursor, max_offset: int) -> None:
        """Take over a cursor as the database has it."""
        self._cursors[partition] = cursor
        self._ahead[partition] = cursor.next_offset
        self._max_offsets[partition] = max_offset
        self._holes.pop(partition, None)

    def drop(self, partition: Partition) -> None:
        """Forget a partition that is no longer ours."""
        self._cursors.pop(partition, None)
        self._ahead.pop(partition, None)
        self._max_offsets.pop(partition, None)
        self._holes.pop(partition, None)

    def fit(self, messages: Iterable[Message]) -> tuple[list[Run], dict[Partition, int], int]:
        """The runs that can be applied; where to seek because records are missing in between; holes passed over.

        A hole is first of all a fetch left over from before a seek: drop it and seek. If the hole is still there when
        that offset comes up again, the log itself has none (a compacted record, a transaction marker): pass over it.
        """
        by_partition = _by_partition(messages)
        runs: list[Run] = []
        seeks: dict[Partition, int] = {}
        passed = 0
        for partition in sorted(by_partition):
            expected = self._ahead.get(partition, -1)
            if expected < 0:  # no cursor was loaded for it on assignment: not ours to apply
                continue
            found = by_partition[partition]
            offsets = [message.offset() or 0 for message in found]
            later = [offset for offset in offsets if offset >= expected]
            if later and later[0] > expected and self._holes.get(partition) == expected:
                passed += later[0] - expected
                expected = later[0]
            span = contiguous(expected, offsets)
            if found[span.take]:
                runs.append(Run(partition, found[span.take]))
                self._holes.pop(partition, None)
            if span.hole_at is not None:
                self._holes[partition] = span.hole_at
                seeks[partition] = span.hole_at
        return runs, seeks, passed

    def moves(self, runs: Iterable[Run]) -> list[CursorMove]:
        """The compare-and-set that applying `runs` calls for; the next batch goes on from there."""
        moves = []
        for partition, messages in runs:
            cursor, last = self._cursors[partition], messages[-1]
            expected, self._ahead[partition] = self._ahead[partition], (last.offset() or 0) + 1
            moves.append(
                CursorMove(
                    partition.topic,
                    partition.partition,
                    expected,
                    cursor.epoch,
                    cursor.topic_id,
                    self._ahead[partition],
                    last.leader_epoch(),
                    plausible_ms(last.timestamp()[1]),
                )
            )
        return moves

    def advanced(self, moves: Iterable[CursorMove]) -> None:
        """Note a commit."""
        for move in moves:
            partition = Partition(move.topic, move.partition)
            if partition not in self._cursors:  # given away while the commit was under way
                continue
            self._cursors[partition] = self._cursors[partition]._replace(next_offset=move.next_offset)
            self._max_offsets[partition] = max(self._max_offsets[partition], move.next_offset)


def _by_partition(messages: Iterable[Message]) -> dict[Partition, list[Message]]:
    """Messages of each partition in their order. A fetch has many of one partition in turn."""
    by_partition: dict[Partition, list[Message]] = {}
    topic, number, together = None, None, []
    for message in messages:
        if message.partition() != number or message.topic() != topic:
            topic, number = message.topic(), message.partition()
            together = by_partition.setdefault(Partition(topic or "", number or 0), [])
        together.append(message)
    return by_partition
