"""The group's copy of our positions, for lag tools (it is never a starting position).

Shown some times a second at most: to commit to the group for each small batch would cost more than the batch.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from stream_reconcile.log.consumer import LogConsumer
from stream_reconcile.log.topics import Partition

MIRROR_EVERY_S: Final = 0.1


class Mirror:
    """What is committed in Postgres and not yet shown to the group."""

    def __init__(self, consumer: LogConsumer) -> None:
        self._consumer = consumer
        self._waiting: dict[Partition, tuple[int, str]] = {}
        self._shown_at = 0.0

    def note(self, positions: Mapping[Partition, tuple[int, str]]) -> None:
        """Take positions (next offset, topic id) that Postgres has acknowledged; shows them if it is time."""
        self._waiting.update(positions)
        if time.monotonic() - self._shown_at >= MIRROR_EVERY_S:
            self.show()

    def show(self) -> None:
        """Show what waits: at a pause, and before partitions are given away."""
        if self._waiting:
            self._consumer.mirror(self._waiting)
            self._waiting = {}
            self._shown_at = time.monotonic()

    def forget(self, partitions: list[Partition]) -> None:
        """Partitions that are no longer ours."""
        for partition in partitions:
            self._waiting.pop(partition, None)
