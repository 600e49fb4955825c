"""The chain of sealed checkpoints in Postgres."""

from __future__ import annotations

from typing import Any, NamedTuple

import psycopg
from psycopg.types.json import Jsonb

from stream_reconcile.core.seal import Checkpoint, from_content
from stream_reconcile.store import leases
from stream_reconcile.store.leases import Lease
from stream_reconcile.store.queries import load

_FILE = "proofs.sql"


class StoredCheckpoint(NamedTuple):
    """A row of `proofs`. `checkpoint` is None where its content is none; `agrees`: other columns repeat it rightly;
    `published`: noted as being on the topic."""

    seq: int
    hash: str
    checkpoint: Checkpoint | None
    agrees: bool
    published: bool


def newest(connection: psycopg.Connection[Any], account_id: str) -> tuple[Checkpoint, str] | None:
    """The newest checkpoint with its stored hash; None before the first. Raises ValueError for one that is none."""
    row = connection.execute(load(_FILE)["newest"], {"account_id": account_id}).fetchone()
    return None if row is None else (from_content(row[0]), row[1])


def chain(connection: psycopg.Connection[Any], account_id: str, *, first: int = 1) -> list[StoredCheckpoint]:
    """The checkpoints of an account from a number on, in order."""
    found = []
    values = {"account_id": account_id, "first": first}
    for content, stored, seq, previous, offsets, digests, published in connection.execute(load(_FILE)["chain"], values):
        try:
            known: Checkpoint | None = from_content(content)
        except ValueError:
            known = None
        agrees = known is not None and (
            (seq, previous, offsets, digests, account_id)
            == (known.seq, known.previous, known.offsets, _digests(known), known.account_id)
        )
        found.append(StoredCheckpoint(seq, stored, known, agrees, published))
    return found


def accounts(connection: psycopg.Connection[Any]) -> list[str]:
    """Accounts that have checkpoints."""
    return [row[0] for row in connection.execute(load(_FILE)["accounts"])]


def add(connection: psycopg.Connection[Any], checkpoint: Checkpoint, lease: Lease) -> None:
    """The next checkpoint, under the lease. Raises FencedError (lease lost), UniqueViolation (it is there already)."""
    values = {
        "account_id": checkpoint.account_id,
        "seq": checkpoint.seq,
        "hash": checkpoint.hash,
        "previous": checkpoint.previous,
        "content": checkpoint.content(),
        "sweep_id": checkpoint.sweep_id,
        "proven_equal_at": checkpoint.proven_equal_at,
        "sealed_at": checkpoint.sealed_at,
        "parser_version": checkpoint.program,
        "offsets": Jsonb(checkpoint.offsets),
        "digests": Jsonb(_digests(checkpoint)),
        "open_dead_letters": checkpoint.open_dead_letters,
    }
    with connection.transaction():
        leases.hold(connection, lease)
        connection.execute(load(_FILE)["add"], values)


def unpublished(connection: psycopg.Connection[Any], account_id: str) -> list[tuple[Checkpoint, str]]:
    """Checkpoints that are not on the topic yet, oldest first, with their stored hashes."""
    rows = connection.execute(load(_FILE)["unpublished"], {"account_id": account_id}).fetchall()
    return [(from_content(content), stored) for content, stored in rows]


def note_published(connection: psycopg.Connection[Any], account_id: str, stored: str) -> None:
    """The checkpoint of this hash is on the topic."""
    connection.execute(load(_FILE)["note_published"], {"account_id": account_id, "hash": stored})


def _digests(checkpoint: Checkpoint) -> dict[str, str]:
    return {name: seal.digest for name, seal in checkpoint.tables.items()}
