"""alembic over plain SQL files: it keeps the version table and drives the steps, the files are the migrations."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from types import ModuleType
from typing import Any, cast

import psycopg
import structlog
from alembic.runtime.migration import MigrationContext, MigrationInfo, RevisionStep
from alembic.script.base import Script
from alembic.script.revision import RevisionMap
from psycopg import errors
from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

from stream_reconcile.core.errors import SchemaMismatch
from stream_reconcile.store.failures import is_transient, words
from stream_reconcile.store.migration_files import Migration

_log = structlog.get_logger()

VERSION_TABLE = "schema_version"


def run_pending(connection: psycopg.Connection, known: Sequence[Migration]) -> None:
    """Apply those of `known` that the schema does not have yet, in order, one transaction each.

    Wants an autocommit connection that sees the schema, with the tables of `sql/history.sql` in it. Raises
    SchemaMismatch for a file that fails, psycopg's errors for missing rights and for what is worth another attempt.
    """
    by_version = {migration.version: migration for migration in known}
    revisions = RevisionMap(lambda: _scripts(connection, known))

    def steps(heads: tuple[str, ...], _: MigrationContext) -> Iterable[RevisionStep]:
        newest_first = list(revisions.iterate_revisions("heads", heads, implicit_base=True))
        return [RevisionStep.upgrade_from_script(revisions, cast("Script", r)) for r in reversed(newest_first)]

    def record(*, ctx: MigrationContext, step: MigrationInfo, heads: Collection[Any], run_args: Any) -> None:
        migration = by_version[str(step.up_revision_id)]
        connection.execute(
            "INSERT INTO migration_history (version, name, sha256) VALUES (%s, %s, %s)",
            [migration.version, migration.name, migration.sha256],
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


def _scripts(connection: psycopg.Connection, known: Sequence[Migration]) -> Iterator[Script]:
    """The files as alembic's revisions, each on top of the one before."""
    before: str | None = None
    for migration in known:
        module = ModuleType(migration.name)
        vars(module).update(revision=migration.version, down_revision=before, upgrade=_executor(connection, migration))
        yield Script(module, migration.version, f"{migration.name}.sql")
        before = migration.version


def _executor(connection: psycopg.Connection, migration: Migration) -> Callable[[], None]:
    def upgrade() -> None:
        try:
            # Not through SQLAlchemy: it would read colons and percent signs of the file as parameters.
            connection.execute(migration.sql)
        except psycopg.Error as error:
            if isinstance(error, errors.InsufficientPrivilege) or is_transient(error):
                raise
            raise SchemaMismatch(
                f"migration {migration.name} failed and left nothing behind: {words(error)}; put right what it found "
                "in the schema, and migrate again"
            ) from error

    return upgrade
