"""What was applied to a schema, as the schema itself says, and whether this program can work with it.

A schema may be newer than the program: during a rolling upgrade old processes go on, and start again, after the new
version has migrated. Migrations leave alone what the version before reads and writes (docs/development.md); the day
one does not, it says which programs can't go on, and the schema keeps that (`oldest_program`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import psycopg
from psycopg import errors, sql

from stream_reconcile.core.errors import LeftBehind, RefusedError, SchemaMismatch
from stream_reconcile.store.migration_files import Migration


class Applied(NamedTuple):
    """A row of `migration_history`."""

    version: str
    name: str
    sha256: str
    oldest_program: str | None


def read(connection: psycopg.Connection, schema: str) -> list[Applied]:
    """What was applied to `schema`, oldest first; empty where nothing was. Raises RefusedError (rights)."""
    exists = connection.execute(
        "SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = %s AND tablename = 'migration_history'", [schema]
    ).fetchone()
    if exists is None:
        return []
    # By way of JSON, since a history that was begun before there was the column may not have it yet.
    query = sql.SQL("SELECT version, name, sha256, to_jsonb(h) ->> 'oldest_program' FROM {} h ORDER BY version")
    try:
        rows = connection.execute(query.format(sql.Identifier(schema, "migration_history"))).fetchall()
    except errors.InsufficientPrivilege:
        raise RefusedError(
            f"this login may not read schema {schema}: make it a member of the reader, writer or migrator role "
            "(`stream-reconcile migrate` prints their SQL)"
        ) from None
    return [Applied(*row) for row in rows]


def check(schema: str, applied: Sequence[Applied], known: Sequence[Migration], *, newest: str) -> list[Applied]:
    """What of `applied` this program does not know, being older; `newest`: the last of all files that it has.

    Raises SchemaMismatch unless the rest is a beginning of `known`, unchanged; LeftBehind if this program can't go on.
    """
    later = [one for one in applied if one.version > newest]
    needed = max((one.oldest_program for one in later if one.oldest_program), default="")
    if needed > newest:
        raise LeftBehind(
            f"schema {schema} stands at {later[-1].name}, which is newer than this program (it knows up to {newest}) "
            f"and leaves it behind (it would have to know {needed}): start the newer program"
        )
    ours = applied[: len(applied) - len(later)]
    for number, one in enumerate(ours):
        if number >= len(known) or known[number].version != one.version:
            raise SchemaMismatch(
                f"schema {schema} has migration {one.name} out of line: it is no schema of this kind (live, or derived "
                "tables only); use another name"
            )
        if known[number].sha256 != one.sha256:
            raise SchemaMismatch(
                f"migration {one.name} was changed after it was applied to schema {schema}: use the program that "
                "applied it, and put changes into a new migration"
            )
    if later and len(ours) < len(known):
        raise SchemaMismatch(
            f"schema {schema} has {later[0].name} and lacks {known[len(ours)].name}, which comes before it: start the "
            "program that made it"
        )
    return later
