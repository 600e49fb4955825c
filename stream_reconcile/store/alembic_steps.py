"""alembic over plain SQL files: it keeps the version table and drives the steps, the files are the migrations."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from types import ModuleType
from typing import Any, cast

import psycopg
import structlog
from alembic.runtime.migration import MigrationContext, MigrationInfo, RevisionStep
from alembic.script.base import Script
from alembic.script.revision import RevisionMap
from psycopg import errors, sql
from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

from stream_reconcile.core.errors import SchemaMismatch
from stream_reconcile.store.failures import is_transient, words
from stream_reconcile.store.migration_files import Migration

_log = structlog.get_logger()

VERSION_TABLE = "schema_version"
_OUTSIDE_TIMEOUT = "6h"
_NOT_VALID = """
SELECT c.relname FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
WHERE NOT i.indisvalid AND c.relnamespace = current_schema()::regnamespace
"""


def run_pending(connection: psycopg.Connection, known: Sequence[Migration]) -> None:
    """Apply those of `known` that the schema does not have yet, in order, one transaction each, or outside of one.

    Wants an autocommit connection that sees the schema, with the tables of `sql/history.sql` in it. Raises
    SchemaMismatch for a file that fails, psycopg's errors for missing rights and for what is worth another attempt.
    """
    by_version = {migration.version: migration for migration in known}
    contexts: list[MigrationContext] = []
    revisions = RevisionMap(lambda: _scripts(connection, known, contexts))

    def steps(heads: tuple[str, ...], context: MigrationContext) -> Iterable[RevisionStep]:
        contexts.append(context)
        newest_first = list(revisions.iterate_revisions("heads", heads, implicit_base=True))
        return [RevisionStep.upgrade_from_script(revisions, cast("Script", r)) for r in reversed(newest_first)]

    def record(*, ctx: MigrationContext, step: MigrationInfo, heads: Collection[Any], run_args: Any) -> None:
        migration = by_version[str(step.up_revision_id)]
        connection.execute(
            "INSERT INTO migration_history (version, name, sha256, oldest_program) VALUES (%s, %s, %s, %s)",
            [migration.version, migration.name, migration.sha256, migration.oldest_program],
        )
        _log.info("migration_applied", name=migration.name)

    connection.autocommit = False
    try:
        # SQLAlchemy borrows our connection, which holds the lock and the role; it never closes it.
        engine = create_engine("postgresql+psycopg://", creator=lambda: connection, poolclass=StaticPool)
        with engine.connect() as bound:
            options = {
                "fn": steps,
                "transaction_per_migration": True,
                "version_table": VERSION_TABLE,
                "on_version_apply": (record,),
            }
            MigrationContext.configure(bound, opts=options).run_migrations()
    finally:
        if not connection.closed:
            connection.rollback()
            connection.autocommit = True


def _scripts(
    connection: psycopg.Connection, known: Sequence[Migration], contexts: Sequence[MigrationContext]
) -> Iterator[Script]:
    """The files as alembic's revisions, each on top of the one before."""
    before: str | None = None
    for migration in known:
        module = ModuleType(migration.name)
        upgrade = _executor(connection, migration, contexts)
        vars(module).update(revision=migration.version, down_revision=before, upgrade=upgrade)
        yield Script(module, migration.version, f"{migration.name}.sql")
        before = migration.version


def _executor(
    connection: psycopg.Connection, migration: Migration, contexts: Sequence[MigrationContext]
) -> Callable[[], None]:
    def upgrade() -> None:
        _log.info("migration_begins", name=migration.name)
        try:
            # Not through SQLAlchemy: it would read colons and percent signs of the file as parameters.
            if migration.outside:
                with contexts[-1].autocommit_block():
                    _outside(connection, migration)
            else:
                connection.execute(migration.sql)
        except psycopg.Error as error:
            if isinstance(error, errors.InsufficientPrivilege) or is_transient(error):
                raise
            left = "" if migration.outside else " and left nothing behind"
            raise SchemaMismatch(
                f"migration {migration.name} failed{left}: {words(error)}; put right what it found in the schema, and "
                "migrate again"
            ) from error

    return upgrade


def _outside(connection: psycopg.Connection, migration: Migration) -> None:
    """An index made or dropped while others write. It waits for their transactions, and keeps none of them waiting."""
    for name, value in (("lock_timeout", "0"), ("statement_timeout", _OUTSIDE_TIMEOUT)):
        connection.execute("SELECT pg_catalog.set_config(%s, %s, false)", [name, value])
    try:
        # One that was cut short has left an index that no query uses and every write pays for.
        for (name,) in connection.execute(_NOT_VALID).fetchall():
            if re.search(rf"\b{re.escape(name)}\b", migration.sql):
                _log.info("index_made_anew", name=name)
                connection.execute(sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(sql.Identifier(name)))
        connection.execute(migration.sql)
    finally:
        if not connection.closed:
            for setting in ("lock_timeout", "statement_timeout"):
                connection.execute(sql.SQL("RESET {}").format(sql.Identifier(setting)))
