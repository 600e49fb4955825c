"""Leases: one active process per job and account. Times are the database's; our clocks decide nothing.

Acquire, renew and release are compare-and-set on owner and epoch. What a holder writes it writes in a transaction that
begins with `hold`, so that nobody can take the lease in between (`FOR SHARE`; a plain read would not stop them).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

import psycopg

from stream_reconcile.core.errors import FencedError
from stream_reconcile.store import queries

Job = Literal["ingest", "sweep"]

EXPIRES_S: Final = 15.0
RENEW_EVERY_S: Final = 5.0

_SQL = queries.load("leases.sql")


class Lease(NamedTuple):
    """A lease that was acquired. `owner` is new at every process start, `epoch` at every acquisition."""

    job: Job
    account_id: str
    owner: str
    epoch: int


class Holder(NamedTuple):
    """Who holds a lease, and until when unless renewed (database time)."""

    owner: str
    epoch: int
    expires_at: datetime


def acquire(
    connection: psycopg.Connection[Any], job: Job, account_id: str, owner: str, *, seconds: float = EXPIRES_S
) -> Lease | None:
    """Take the lease if it is free, ran out, or is `owner`'s own; None while another holds it."""
    values = {"job": job, "account_id": account_id, "owner": owner, "seconds": seconds}
    row = connection.execute(_SQL["acquire"], values).fetchone()
    return Lease(job, account_id, owner, row[0]) if row else None


def renew(connection: psycopg.Connection[Any], lease: Lease, *, seconds: float = EXPIRES_S) -> bool:
    """Keep the lease for `seconds` more; False if somebody else has taken it."""
    return connection.execute(_SQL["renew"], lease._asdict() | {"seconds": seconds}).fetchone() is not None


def release(connection: psycopg.Connection[Any], lease: Lease) -> bool:
    """Give the lease up, so that another need not wait for its end; False if it was not ours any more."""
    return connection.execute(_SQL["release"], lease._asdict()).fetchone() is not None


def hold(connection: psycopg.Connection[Any], lease: Lease) -> None:
    """First statement of a holder's transaction. Raises FencedError if the lease is not ours any more."""
    if connection.execute(_SQL["hold"], lease._asdict()).fetchone() is None:
        raise FencedError(
            f"the {lease.job} lease of account {lease.account_id} was taken by another process: nothing was written"
        )


def reconnect_asked(connection: psycopg.Connection[Any], lease: Lease) -> datetime | None:
    """When a sweep last asked the holder of ingest for a new socket, database time; None if never."""
    row = connection.execute(_SQL["reconnect_asked"], {"job": lease.job, "account_id": lease.account_id}).fetchone()
    return row[0] if row else None


def holder(connection: psycopg.Connection[Any], job: Job, account_id: str) -> Holder | None:
    """Who holds the lease now; None if nobody does."""
    row = connection.execute(_SQL["holder"], {"job": job, "account_id": account_id}).fetchone()
    return Holder(*row) if row else None
