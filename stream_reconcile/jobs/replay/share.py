"""Live apply keeps its share: while it is behind, a replay rests after each stretch of work.

If at most `1 - share` of the time is work, a replay takes no more than that from live apply, even if apply stands still
whenever the replay works. What it wrote keeps Postgres busy for a while after (the log, vacuum), so it takes half of
that. While nothing is behind there is nothing to protect, and no rest.
"""

from __future__ import annotations

import threading
import time
from typing import Final

import psycopg
import structlog

from stream_reconcile.core.errors import ReconcileError
from stream_reconcile.log.admin import KafkaAdmin
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.topics import Partition
from stream_reconcile.store.connect import connect
from stream_reconcile.store.replay_schema import coverage

log = structlog.get_logger()

LOOK_EVERY_S: Final = 1.0
LONGEST_REST_S: Final = 30.0


def rest_for(worked_s: float, share: float) -> float:
    """Seconds to rest after so much work, so that work is at most half of `1 - share` of both together."""
    if share <= 0:
        return 0.0
    if share >= 1:
        return LONGEST_REST_S
    work = (1 - share) / 2
    return min(worked_s * (1 - work) / work, LONGEST_REST_S)


class Share:
    """Looks at the live group each second, in a thread of its own; `rest` as the work goes on."""

    def __init__(self, kafka: KafkaConfig, dsn: str, schema: str, group: str, share: float) -> None:
        self._kafka, self._dsn, self._schema, self._group = kafka, dsn, schema, group
        self._share = share
        self._stop = threading.Event()
        self._behind = self._hurry = False
        self._since = time.monotonic()
        self.rested_s = 0.0
        """Seconds rested so far."""
        self._thread = threading.Thread(target=self._watch, name="replay-share", daemon=True)
        if share > 0:
            self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(30)

    def begin(self, *, hurry: bool = False) -> None:
        """Work begins now; in a hurry there is no rest."""
        self._hurry = hurry
        self._since = time.monotonic()

    def rest(self, stop: threading.Event) -> None:
        """Rest for the work done since the last time, if live apply is behind."""
        now = time.monotonic()
        if self.live_is_behind:
            stop.wait(rest_for(now - self._since, self._share))
            self.rested_s += time.monotonic() - now
        self._since = time.monotonic()

    @property
    def live_is_behind(self) -> bool:
        """Whether records that were there a second ago are not applied yet, and a member is there to apply them."""
        return self._behind and not self._hurry

    def _watch(self) -> None:
        ends: dict[Partition, int] = {}
        with KafkaAdmin(self._kafka) as admin:
            while True:
                try:
                    self._behind, ends = self._look(admin, ends)
                except (psycopg.Error, ReconcileError) as error:
                    # Not known: live apply is taken for behind, since what troubles us may trouble it.
                    self._behind = True
                    log.info("replay_share_unknown", why=type(error).__name__)
                if self._stop.wait(LOOK_EVERY_S):
                    return

    def _look(self, admin: KafkaAdmin, before: dict[Partition, int]) -> tuple[bool, dict[Partition, int]]:
        with connect(self._dsn, self._schema, name="stream-reconcile replay share") as connection:
            cursors = coverage(connection, self._group)
        ends = admin.end_offsets(Partition(*place) for place in cursors)
        first_look = not before
        late = any(cursors[p].next_offset < (end if first_look else before.get(p, 0)) for p, end in ends.items())
        return late and admin.group_has_members(self._group), ends
