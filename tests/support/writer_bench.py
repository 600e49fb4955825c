"""A writer of one's own on a real Postgres, with cursors, and looks at what it wrote."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import psycopg

from stream_reconcile.store.batch import CursorMove, DeadLetter, Record, Written, batch_of
from stream_reconcile.store.connect import connect
from stream_reconcile.store.cursors import CursorStore, LogState
from stream_reconcile.store.writer import Writer
from support.log_records import TOPIC_ID

GROUP = "group"
SCHEMA = "reconcile"
# The ways of a batch into the tables: lines with the statements, by temporary tables, straight into history and fills.
WAYS: dict[str, dict[str, int]] = {
    "few": {},
    "staged": {"few_lines": 0},
    "copied": {"few_lines": 0, "most_clean_batches": 0},
}
DERIVED = ("executions", "order_events", "fills", "fill_evidence", "dead_letters")


class Bench:
    """One member: a connection, a writer, and the cursors that it has claimed."""

    def __init__(self, dsn: str, owner: str = "me", **limits: int) -> None:
        self.connection = connect(dsn, SCHEMA, name=f"test {owner}")
        self.writer = Writer(self.connection, group=GROUP, owner=owner, **limits)
        self.cursors = CursorStore(self.connection, dsn=dsn, schema=SCHEMA, group=GROUP, owner=owner)

    def close(self) -> None:
        self.connection.close()

    def claim(self, topic: str, partition: int = 0) -> CursorMove:
        """Claim a cursor; gives a move that goes nowhere, to be changed."""
        cursor = self.cursors.claim(topic, partition, LogState(0, TOPIC_ID, "cluster")).cursor
        at = cursor.next_offset
        return CursorMove(topic, partition, at, cursor.epoch, cursor.topic_id, at, None, None)

    def write(
        self,
        records: Iterable[Record] = (),
        *,
        moves: Iterable[CursorMove] = (),
        dead_letters: Iterable[DeadLetter] = (),
    ) -> Written:
        return self.writer.write(batch_of(list(records), list(dead_letters), list(moves)))

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return self.connection.execute(query, parameters).fetchall()

    def open(self, kind: str | None = None) -> set[tuple[str, str]]:
        """(subject, type) of the open discrepancies."""
        found = set(self.rows("SELECT subject, type FROM discrepancies WHERE state = 'open'"))
        return {row for row in found if kind in (None, row[1])}

    def versions(self) -> dict[str, list[tuple[Any, ...]]]:
        """The place and transaction of every row of the derived tables: equal only if nothing was written."""
        return {table: sorted(self.rows(f"SELECT ctid::text, xmin::text FROM {table}")) for table in DERIVED}


def blank_counts(connection: psycopg.Connection[Any]) -> dict[str, int]:
    """Rows of each derived table."""
    counts = {}
    for table in DERIVED:
        row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        counts[table] = 0 if row is None else row[0]
    return counts
