"""Discrepancies for people: which there are, and accepting one, which is recorded in the same transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import class_row, dict_row

from stream_reconcile.store.queries import load
from stream_reconcile.store.readers import Discrepancy

_FILE = "discrepancies.sql"


@dataclass(frozen=True, slots=True)
class ClosableDiscrepancy(Discrepancy):
    """The same with how it ended; all None while it is open."""

    resolved_at: datetime | None
    resolution: str | None
    resolved_by: str | None


@dataclass(frozen=True, slots=True)
class Found:
    """The newest that match, oldest of these first; `matching` counts those beyond the limit too."""

    rows: list[ClosableDiscrepancy]
    matching: int


def find(
    connection: psycopg.Connection,
    *,
    state: str | None = "open",
    kind: str | None = None,
    account_id: str | None = None,
    since: datetime | None = None,
    limit: int = 100,
) -> Found:
    """Discrepancies of a state, type and account that were seen at or after `since`; None means any."""
    wanted = {"state": state, "type": kind, "account_id": account_id, "since": since, "limit": limit}
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(load(_FILE)["find"], wanted).fetchall()
    matching = rows[0]["matching"] if rows else 0
    return Found(
        [ClosableDiscrepancy(**{name: row[name] for name in row if name != "matching"}) for row in rows], matching
    )


def count_open(connection: psycopg.Connection) -> int:
    """How many are open in all."""
    row = connection.execute(load(_FILE)["count_open"]).fetchone()
    return int(row[0]) if row else 0


def one(connection: psycopg.Connection, discrepancy_id: int) -> ClosableDiscrepancy | None:
    """The discrepancy of this id; None where there is none."""
    return _one(connection, "one", discrepancy_id=discrepancy_id)


def accept(connection: psycopg.Connection, discrepancy_id: int, *, reason: str, who: str) -> ClosableDiscrepancy | None:
    """Accept an open discrepancy, and record it in `operator_actions`; None, and nothing done, where none is open.

    Both in one statement, so in one transaction whatever the connection is in. A job that closes or touches the same
    row at the same moment goes before or after.
    """
    return _one(connection, "accept", discrepancy_id=discrepancy_id, reason=reason, who=who)


def _one(connection: psycopg.Connection, query: str, **values: object) -> ClosableDiscrepancy | None:
    with connection.cursor(row_factory=class_row(ClosableDiscrepancy)) as cursor:
        return cursor.execute(load(_FILE)[query], values).fetchone()
