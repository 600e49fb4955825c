"""The cursor rows in Postgres: claimed on assignment, watched, restarted when the log is gone (I4, F4, F5)."""

from __future__ import annotations

from typing import NamedTuple

import psycopg
import structlog
from psycopg.types.json import Jsonb

from stream_reconcile.core.cursors import Cursor, Loss, loss
from stream_reconcile.core.errors import FencedError, WrongAccount
from stream_reconcile.store.blockers import ending_blockers
from stream_reconcile.store.queries import load

log = structlog.get_logger()


class Claimed(NamedTuple):
    """A cursor as it stands after the claim."""

    cursor: Cursor
    max_offset: int
    added: bool
    """The partition had no cursor: it starts at its first record."""
    old_owner: str | None


class LogState(NamedTuple):
    """What the cluster says of a partition."""

    low: int
    topic_id: str
    cluster_id: str


class CursorStore:
    """Cursor rows of one consumer group for one owner, through one connection (autocommit)."""

    def __init__(self, connection: psycopg.Connection, *, dsn: str, schema: str, group: str, owner: str) -> None:
        self._connection = connection
        self._dsn, self._schema = dsn, schema
        self._group, self._owner = group, owner
        self._sql = load("cursors.sql")

    def claim(self, topic: str, partition: int, state: LogState) -> Claimed:
        """Take the cursor of a partition under a new epoch. Waits for a commit under way, but not for ever."""
        values = {"group": self._group, "topic": topic, "partition": partition, "owner": self._owner}
        values |= {"low": state.low, "cluster_id": state.cluster_id, "topic_id": state.topic_id}
        with ending_blockers(self._connection, dsn=self._dsn, schema=self._schema, what="claim"):
            row = self._connection.execute(self._sql["claim"], values).fetchone()
        assert row is not None  # noqa: S101 - INSERT … DO UPDATE … RETURNING always gives its row
        next_offset, epoch, owner, topic_id, max_offset, _leader_epoch, _cluster_id, old_owner, added = row
        return Claimed(Cursor(next_offset, epoch, owner, topic_id), max_offset, added, old_owner)

    def read(self) -> dict[tuple[str, int], tuple[Cursor, int]]:
        """All rows of the group: cursor and max_offset by (topic, partition)."""
        rows = self._connection.execute(self._sql["read"], {"group": self._group}, prepare=True).fetchall()
        return {
            (t, p): (Cursor(offset, epoch, owner, topic_id), top) for t, p, offset, epoch, owner, topic_id, top in rows
        }

    def restart(self, topic: str, partition: int, cursor: Cursor, max_offset: int, state: LogState) -> Cursor:
        """The log can't be read at the cursor (F5): go to its first record, open the gap window and the discrepancy.

        Raises FencedError when the cursor is not as given any more, WrongAccount while no account is pinned: whose
        records are gone could not be recorded.
        """
        what = loss(cursor.topic_id, state.topic_id, state.low, max_offset)
        subject = f"{topic}:{partition}"
        with self._connection.transaction():
            if not self.accounts():
                raise WrongAccount(
                    f"the records of {subject} before {state.low} are gone, and no account is pinned here yet: start "
                    "ingest, which pins it"
                )
            values = {"group": self._group, "topic": topic, "partition": partition, **cursor._asdict()}
            values |= {"low": state.low, "new_topic_id": state.topic_id, "cluster_id": state.cluster_id}
            row = self._connection.execute(self._sql["restart_at_low"], values).fetchone()
            if row is None:
                raise FencedError(f"cursor of {subject} was moved while its log was found to be gone: read it again")
            if what is not Loss.REWOUND_PAST_START:
                window_start = None if what is Loss.RECREATED else row[0]
                self._connection.execute(
                    self._sql["open_gap"], {"window_start": window_start, "reason": f"log_{what} {subject}"}
                )
            ours = {"next_offset": cursor.next_offset, "max_offset": max_offset, "topic_id": cursor.topic_id}
            log_says = {"first_offset": state.low, "topic_id": state.topic_id, "loss": what}
            self._for_each_account("retention_loss", subject, {"broker": log_says, "ours": ours})
        log.error("log_lost", topic=topic, partition=partition, loss=what, first_offset=state.low)
        return cursor._replace(next_offset=state.low, topic_id=state.topic_id)

    def record_mismatch(self, topic: str, partition: int, acknowledged: int, found: int) -> None:
        """F4: Postgres is an older copy. Recorded; the database wins, the log is applied again from its cursor."""
        evidence = {"broker": None, "ours": {"acknowledged": acknowledged, "found": found}}
        self._connection.execute(
            self._sql["open_mismatch"], {"subject": f"{topic}:{partition}", "evidence": Jsonb(evidence)}
        )
        log.error("database_restored", topic=topic, partition=partition, acknowledged=acknowledged, found=found)

    def close_mismatches(self) -> int:
        """Close F4 of our cursors that have come to where they had been, whoever found it; gives how many."""
        values = {"group": self._group, "owner": self._owner}
        return self._connection.execute(self._sql["close_mismatches"], values, prepare=True).rowcount

    def accounts(self) -> dict[str, bool]:
        """Pinned accounts; True for one that an open F6 stops."""
        return dict(self._connection.execute(self._sql["pinned_accounts"]).fetchall())

    def _for_each_account(self, kind: str, subject: str, evidence: dict[str, object]) -> None:
        self._connection.execute(
            self._sql["open_for_each_account"], {"type": kind, "subject": subject, "evidence": Jsonb(evidence)}
        )
