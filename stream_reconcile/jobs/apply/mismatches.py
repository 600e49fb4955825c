"""F4, cursor_mismatch: cursors of ours that were found behind what Postgres had acknowledged: a restored database."""

from __future__ import annotations

import sys

from stream_reconcile.jobs.apply.positions import Positions
from stream_reconcile.log.topics import Partition
from stream_reconcile.store.cursors import CursorStore


class Mismatches:
    """Those that are open, by subject, each with the offset at which it is over."""

    def __init__(self) -> None:
        self._open: dict[str, int] = {}

    def read(self, cursors: CursorStore) -> None:
        """Take them as the database has them: those that another member found are ours to close as well."""
        self._open = cursors.open_mismatches()

    def record(self, cursors: CursorStore, partition: Partition, acknowledged: int, found: int) -> None:
        """Record one. Restored again before it had caught up, it is over where the furthest of its copies was."""
        subject = _subject(partition)
        acknowledged = max(acknowledged, self._open.get(subject, 0))
        cursors.record_mismatch(*partition, acknowledged, found)
        self._open[subject] = acknowledged

    def close(self, cursors: CursorStore, positions: Positions) -> None:
        """Close each whose cursor has come to where it had been; some are there from the start."""
        for partition in positions if self._open else ():
            subject = _subject(partition)
            if positions[partition].next_offset >= self._open.get(subject, sys.maxsize):
                cursors.close_mismatch(subject)
                del self._open[subject]


def _subject(partition: Partition) -> str:
    return f"{partition.topic}:{partition.partition}"
