"""What people and status pages read, as typed values. Nothing here writes.

Each function takes an open connection (`store.connect`) that sees the schema. Times are aware datetimes in UTC. To
read several things as of one moment, wrap the calls in `snapshot`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import psycopg
from psycopg import errors
from psycopg.rows import class_row

from stream_reconcile.core.errors import ConfigError, RefusedError
from stream_reconcile.store.queries import load

_FILE = "readers.sql"
_Row = TypeVar("_Row")


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows of the tables that grow."""

    executions: int
    order_events: int
    fills: int
    fill_evidence: int
    trade_decisions: int
    open_discrepancies: int
    open_dead_letters: int
    open_gaps: int


@dataclass(frozen=True, slots=True)
class Account:
    """A pinned account; `key_fingerprint` is no secret."""

    account_id: str
    key_fingerprint: str
    pinned_at: datetime


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a partition is applied; `last_record_at` is the Kafka timestamp of the last record applied."""

    topic: str
    partition: int
    next_offset: int
    max_offset: int
    owner: str
    epoch: int
    leader_epoch: int | None
    cluster_id: str
    topic_id: str
    last_record_at: datetime | None


@dataclass(frozen=True, slots=True)
class Lease:
    """Who may run `job` of an account; `held` is false once it has expired by the database's clock."""

    job: str
    account_id: str
    owner: str
    epoch: int
    expires_at: datetime
    held: bool


@dataclass(frozen=True, slots=True)
class Session:
    """A websocket session; `good_until_ns` is exact, `good_until` the same cut to microseconds."""

    session_id: UUID
    account_id: str
    owner: str
    lease_epoch: int
    opened_at: datetime
    listening_at: datetime | None
    closed_at: datetime | None
    close_reason: str | None
    good_until: datetime | None
    good_until_ns: int | None
    frames: int


@dataclass(frozen=True, slots=True)
class Gap:
    """A window of broker time in which frames may be missing; `window_end` None: still going on."""

    gap_id: UUID
    account_id: str
    session_id: UUID | None
    window_start: datetime
    window_end: datetime | None
    reason: str
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """A difference between the broker and the rows, with both sides' evidence."""

    discrepancy_id: int
    account_id: str
    type: str
    subject: str
    state: str
    evidence: Mapping[str, Any]
    first_seen_at: datetime
    last_seen_at: datetime
    attempts: int


@dataclass(frozen=True, slots=True)
class DiscrepancyCount:
    """Open differences of one type in one account."""

    account_id: str
    type: str
    count: int


@dataclass(frozen=True, slots=True)
class Agreement:
    """Until when an account's rows are proven equal to the broker in one scope, and what blocks a newer proof."""

    account_id: str
    scope: str
    proven_equal_at: datetime | None
    blocked_by: list[str]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that could not be applied, without its bytes."""

    topic_id: str
    topic: str
    partition: int
    offset: int
    kafka_timestamp: datetime | None
    account_id: str
    order_id: str | None
    reason: str
    error: str
    recorded_at: datetime
    retries: int
    retried_at: datetime | None
    retry_result: str | None
    resolved_at: datetime | None


@dataclass(frozen=True, slots=True)
class DeadLetterBody(DeadLetter):
    """The same with the record's key and value, byte for byte: raw data of the broker, never to be logged."""

    key: bytes | None
    payload: bytes | None


@contextmanager
def snapshot(connection: psycopg.Connection) -> Iterator[None]:
    """All reads within are as of one moment, and none can write. Wants an autocommit connection."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield


def counts(connection: psycopg.Connection) -> Counts:
    """Exact counts; a full scan of each table, so seconds where there are tens of millions of rows."""
    (found,) = _rows(connection, Counts, "counts")
    return found


def accounts(connection: psycopg.Connection) -> list[Account]:
    """All pinned accounts."""
    return _rows(connection, Account, "accounts")


def cursors(connection: psycopg.Connection, group: str) -> list[Cursor]:
    """Cursors of a consumer group by topic and partition; empty before its first claim."""
    return _rows(connection, Cursor, "cursors", group=group)


def leases(connection: psycopg.Connection) -> list[Lease]:
    """All leases, expired ones too."""
    return _rows(connection, Lease, "leases")


def sessions(connection: psycopg.Connection, *, per_account: int = 5) -> list[Session]:
    """The newest sessions of each account, newest first."""
    return _rows(connection, Session, "sessions", per_account=per_account)


def open_gaps(connection: psycopg.Connection) -> list[Gap]:
    """Windows that no sweep has covered yet, oldest first."""
    return _rows(connection, Gap, "open_gaps")


def open_discrepancies(
    connection: psycopg.Connection, *, account_id: str | None = None, limit: int = 100
) -> list[Discrepancy]:
    """Open differences, oldest first, of one account or of all."""
    return _rows(connection, Discrepancy, "open_discrepancies", account_id=account_id, limit=limit)


def open_discrepancy_counts(connection: psycopg.Connection) -> list[DiscrepancyCount]:
    """Open differences by account and type."""
    return _rows(connection, DiscrepancyCount, "open_discrepancy_counts")


def agreement(connection: psycopg.Connection) -> list[Agreement]:
    """Of each account and scope."""
    return _rows(connection, Agreement, "agreement")


def dead_letters(connection: psycopg.Connection, *, resolved_too: bool = False, limit: int = 100) -> list[DeadLetter]:
    """Records put aside by topic, partition and offset, without their bytes."""
    return _rows(connection, DeadLetter, "dead_letters", resolved_too=resolved_too, limit=limit)


def open_dead_letter_count(connection: psycopg.Connection) -> int:
    """Records put aside that no retry has applied yet; by an index, so quick."""
    row = connection.execute(load(_FILE)["open_dead_letter_count"]).fetchone()
    return int(row[0]) if row else 0


def dead_letter(connection: psycopg.Connection, topic: str, partition: int, offset: int) -> DeadLetterBody | None:
    """One record put aside, with its bytes; None where there is none.

    Raises RefusedError if the login may not see raw data (the reader role may not).
    """
    try:
        found = _rows(connection, DeadLetterBody, "dead_letter", topic=topic, partition=partition, offset=offset)
    except errors.InsufficientPrivilege:
        raise RefusedError(
            "this login may not see raw records: use one with the writer role to show a dead letter"
        ) from None
    return found[0] if found else None


def why(connection: psycopg.Connection, order_id: str, *, account_id: str | None = None) -> dict[str, Any] | None:
    """Which observation made the row of an order, and from where; None where there is no row.

    Raises ConfigError if several accounts have the order and none is named.
    """
    try:
        row = connection.execute(load(_FILE)["why"], {"order_id": order_id, "account_id": account_id}).fetchone()
    except errors.CardinalityViolation as error:
        raise ConfigError(str(error.diag.message_primary)) from None
    return row[0] if row else None


def _rows(connection: psycopg.Connection, kind: type[_Row], query: str, **parameters: object) -> list[_Row]:
    with connection.cursor(row_factory=class_row(kind)) as cursor:
        return cursor.execute(load(_FILE)[query], parameters or None).fetchall()
