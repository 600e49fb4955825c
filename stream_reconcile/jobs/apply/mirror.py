"""The group's copy of our positions, for lag tools (it is never a starting position).

Shown some times a second at most: to commit to the group for each small batch would cost more than the batch.
"""

from __future__ import annotations

import time
from typing import Final

from stream_reconcile.jobs.apply.positions import Positions
from stream_reconcile.log.consumer import LogConsumer

MIRROR_EVERY_S: Final = 0.1


class Mirror:
    """Shows what Postgres has acknowledged."""

    def __init__(self, consumer: LogConsumer, positions: Positions) -> None:
        self._consumer, self._positions = consumer, positions
        self._behind = False
        self._shown_at = 0.0

    def note(self) -> None:
        """Positions have moved; shows them if it is time."""
        self._behind = True
        if time.monotonic() - self._shown_at >= MIRROR_EVERY_S:
            self.show()

    def pause(self) -> None:
        """Nothing to do for a moment: shows what was left for later."""
        if self._behind:
            self.show()

    def show(self, *, last: bool = False) -> None:
        """Show each position that the group does not have from us: at every watch; `last`: before partitions go."""
        self._consumer.mirror(self._positions.mirrored(), last=last)
        self._behind = False
        self._shown_at = time.monotonic()
