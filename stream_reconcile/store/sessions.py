"""Writes of `stream_sessions` and `stream_gaps`: compare-and-set on lease owner, lease epoch, session and good_until.

What is to be written, and why, is decided by `core.gaps`; here each write is one transaction.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from stream_reconcile.core.gaps import (
    OVERLAP_NS,
    UNKNOWN_NS,
    CloseSession,
    EndWindows,
    MoveGoodUntil,
    OpenWindow,
    Row,
    Verify,
    Write,
)
from stream_reconcile.store import leases, queries
from stream_reconcile.store.leases import Lease

_SQL = queries.load("sessions.sql")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OVERLAP = timedelta(microseconds=OVERLAP_NS // 1000)
_UNKNOWN = timedelta(microseconds=UNKNOWN_NS // 1000)


def newest(connection: psycopg.Connection[Any], account_id: str) -> Row | None:
    """The account's newest session row; None if it never had one."""
    found = connection.execute(_SQL["newest"], {"account_id": account_id}).fetchone()
    return Row(str(found[0]), found[1]) if found else None


def perform(connection: psycopg.Connection[Any], lease: Lease, write: Write) -> Row | None:
    """Perform `write` if the newest row is the one it was decided on; returns the newest row as it stands then.

    That is `write.after` if the write stands in the database now: because it was performed, or because an earlier
    attempt was whose answer got lost. Anything else: nothing was written, the database is an older copy.
    Raises FencedError if the lease is not ours any more.
    """
    with connection.transaction():
        leases.hold(connection, lease)
        row = newest(connection, lease.account_id)
        if row == write.before:
            _perform(connection, lease, write)
            return write.after
        return row


def open_windows(connection: psycopg.Connection[Any], account_id: str) -> int:
    """Number of windows of the account in which frames may be missing."""
    return _one(connection, "open_windows", {"account_id": account_id})


def has_open_orders(connection: psycopg.Connection[Any], account_id: str, terminal: Collection[str]) -> bool:
    """Whether any order of the account is open by our rows; `terminal` are the statuses of one that is not."""
    return bool(_one(connection, "has_open_orders", {"account_id": account_id, "terminal": list(terminal)}))


def _perform(connection: psycopg.Connection[Any], lease: Lease, write: Write) -> None:
    values: dict[str, Any] = {"account_id": lease.account_id}
    if write.before is not None:
        values |= {"before_id": UUID(write.before.session_id), "before_ns": write.before.good_until_ns}
    match write:
        case OpenWindow():
            if write.before is not None:
                _change(connection, "close", values | {"close_reason": write.close_reason, "frames": write.frames})
            _open_window(connection, lease, write)
            if write.ended:
                connection.execute(_SQL["end_windows"], values)
        case CloseSession():
            _change(connection, "close", values | {"close_reason": write.close_reason, "frames": write.frames})
        case EndWindows():
            connection.execute(_SQL["end_windows"], values)
        case Verify():
            pass
        case MoveGoodUntil():
            values |= {"good_until_ns": write.good_until_ns, "frames": write.frames}
            _change(connection, "move_good_until", values)


def _open_window(connection: psycopg.Connection[Any], lease: Lease, write: OpenWindow) -> None:
    good_until_ns = write.after.good_until_ns
    values = {
        "account_id": lease.account_id,
        "owner": lease.owner,
        "epoch": lease.epoch,
        "session_id": UUID(write.session_id),
        "before_ns": good_until_ns,
        "listening": write.listening,
        "ended": write.ended,
        "reason": write.reason.value,
        "good_until": None if good_until_ns is None else _EPOCH + timedelta(microseconds=good_until_ns // 1000),
        "overlap": _OVERLAP,
        "unknown": _UNKNOWN,
    }
    _change(connection, "insert", values)
    _change(connection, "open_window", values)


def _change(connection: psycopg.Connection[Any], name: str, values: dict[str, Any]) -> None:
    changed = connection.execute(_SQL[name], values).rowcount
    if changed != 1:
        # The row is locked and was just compared; not this one means that the transaction must not commit.
        raise RuntimeError(f"sessions.sql: {name} changed {changed} rows where it had to change one")


def _one(connection: psycopg.Connection[Any], name: str, values: dict[str, Any]) -> int:
    row = connection.execute(_SQL[name], values).fetchone()
    return int(row[0]) if row else 0
