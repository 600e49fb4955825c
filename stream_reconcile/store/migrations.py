"""Brings a schema to the version that this program needs: one lock around, one transaction per migration.

alembic keeps the version and drives the steps; each step is a numbered SQL file (`migration_files`). The lock is one
advisory lock of the database, held by the session that migrates, so that any number of processes may start at once.
It needs a connection of its own: behind a pooler, migrate through a session-mode port.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from importlib.resources.abc import Traversable
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

from stream_reconcile.core.errors import PostgresUnreachable, RefusedError, SchemaMismatch
from stream_reconcile.store.connect import check_schema_name, connect, redact_dsn
from stream_reconcile.store.migration_files import PACKAGED, Migration, find_migrations
from stream_reconcile.store.ownership import become_owner
from stream_reconcile.store.roles import DEFAULT_ROLES, RoleNames, create_roles, grant_rights, missing_roles

_log = structlog.get_logger()

VERSION_TABLE = "schema_version"

# Any constant will do that nothing else in the database uses: the ASCII bytes of "s-rec mi".
_LOCK_KEY = int.from_bytes(b"s-rec mi", "big")
_LOCK_TIMEOUT_MS = 60_000
_STATEMENT_TIMEOUT_MS = 30 * 60_000  # a rewrite of a large table takes its time


def migrate(
    dsn: str,
    schema: str,
    *,
    roles: RoleNames | None = DEFAULT_ROLES,
    source: Traversable = PACKAGED,
) -> list[str]:
    """Create or bring up to date the live schema; names of the migrations applied now, in order.

    Safe to run again and by several processes at once. Where the login may, the roles are created, and their rights
    given; where it may not, that is logged (`roles_missing`) and `roles.roles_sql` is for an administrator. `roles`
    None leaves roles and rights alone.

    Raises SchemaMismatch (schema newer than the program, a file changed after it was applied, a migration that fails:
    it leaves nothing behind), RefusedError (rights), ConfigError, PostgresUnreachable, CredentialsRefused.
    """
    return _bring_up(dsn, schema, find_migrations(source), roles, primary=True)


def create_derived(
    dsn: str,
    schema: str,
    *,
    roles: RoleNames | None = DEFAULT_ROLES,
    source: Traversable = PACKAGED,
) -> list[str]:
    """Create a second schema with the derived tables only, for a replay to fill; as `migrate` in all else.

    Raises SchemaMismatch if `schema` holds primary tables: that is the live one.
    """
    return _bring_up(dsn, schema, _derived(find_migrations(source)), roles, primary=False)


def expected_version(source: Traversable = PACKAGED) -> str:
    """Number of the newest migration that this program knows, e.g. "0002"."""
    return find_migrations(source)[-1].version


def current_version(connection: psycopg.Connection, schema: str) -> str | None:
    """Number of the newest migration applied to `schema`; None where there is none. Raises RefusedError (rights)."""
    applied = _applied(connection, schema)
    return applied[-1][0] if applied else None


def require_current(connection: psycopg.Connection, schema: str, *, source: Traversable = PACKAGED) -> None:
    """Raise SchemaMismatch, with what to do, unless the live schema is exactly as this program needs it."""
    known = find_migrations(source)
    applied = _applied(connection, schema)
    _check_history(applied, known, schema)
    if len(applied) < len(known):
        stands = f"stands at {applied[-1][1]}" if applied else "has no tables of ours yet"
        raise SchemaMismatch(
            f"schema {schema} {stands}, this program needs {known[-1].name}: run `stream-reconcile migrate`"
        )


def _bring_up(
    dsn: str, schema: str, known: Sequence[Migration], roles: RoleNames | None, *, primary: bool
) -> list[str]:
    with (
        _failures(dsn, schema),
        connect(
            dsn,
            check_schema_name(schema),
            name="stream-reconcile migrate",
            statement_timeout_ms=_STATEMENT_TIMEOUT_MS,
            lock_timeout_ms=_LOCK_TIMEOUT_MS,
        ) as connection,
    ):
        # Freed by the end of the session, whatever happens.
        connection.execute("SELECT pg_catalog.pg_advisory_lock(%s)", [_LOCK_KEY])
        applied = _applied(connection, schema)
        _check_history(applied, known, schema)
        if roles is not None:
            create_roles(connection, roles)
        is_owner = become_owner(connection, schema, roles.migrator if roles else None)
        pending = known[len(applied) :]
        if not is_owner:
            if pending:
                raise RefusedError(
                    f"schema {schema} lacks {len(pending)} migrations, and this login does not own it: run "
                    "`stream-reconcile migrate` as its owner"
                )
            return []
        if pending:
            connection.execute(_history_sql())
            _run_pending(connection, known)
        if roles is not None:
            if missing := missing_roles(connection, roles):
                _log.warning("roles_missing", roles=missing, schema=schema)
            else:
                grant_rights(connection, schema, roles, primary=primary)
    return [migration.name for migration in pending]


def _run_pending(connection: psycopg.Connection, known: Sequence[Migration]) -> None:
    """Let alembic apply what its version table does not have yet, on our connection, one transaction each."""
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
        module = ModuleType(migration.name, migration.name)
        vars(module).update(revision=migration.version, down_revision=before, upgrade=_executor(connection, migration))
        yield Script(module, migration.version, f"{migration.name}.sql")
        before = migration.version


def _executor(connection: psycopg.Connection, migration: Migration) -> Callable[[], None]:
    def upgrade() -> None:
        try:
            # Not through SQLAlchemy: it would read colons and percent signs of the file as parameters.
            connection.execute(migration.sql)
        except errors.InsufficientPrivilege:
            raise
        except psycopg.Error as error:
            if error.sqlstate is None or error.sqlstate[:2] in {"08", "57", "55"}:
                raise
            raise SchemaMismatch(
                f"migration {migration.name} failed and left nothing behind: {_words(error)}; "
                "put right what it found in the schema, and migrate again"
            ) from error

    return upgrade


def _derived(known: Sequence[Migration]) -> list[Migration]:
    return [migration for migration in known if migration.kind == "derived"]


def _history_sql() -> str:
    return resources.files("stream_reconcile.store").joinpath("sql", "history.sql").read_text(encoding="utf-8")


def _applied(connection: psycopg.Connection, schema: str) -> list[tuple[str, str, str]]:
    """(version, name, sha256) of what was applied to `schema`, oldest first; empty where nothing was."""
    exists = connection.execute(
        "SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = %s AND tablename = 'migration_history'", [schema]
    ).fetchone()
    if exists is None:
        return []
    query = sql.SQL("SELECT version, name, sha256 FROM {} ORDER BY version").format(
        sql.Identifier(schema, "migration_history")
    )
    try:
        return list(connection.execute(query))
    except errors.InsufficientPrivilege:
        raise RefusedError(
            f"this login may not read schema {schema}: grant it one of the roles reconcile_reader, reconcile_writer "
            "or reconcile_migrator"
        ) from None


def _check_history(applied: Sequence[tuple[str, str, str]], known: Sequence[Migration], schema: str) -> None:
    """Raise SchemaMismatch unless what was applied is a beginning of what is known, unchanged."""
    newest = max(migration.version for migration in known)
    if applied and applied[-1][0] > newest:
        raise SchemaMismatch(
            f"schema {schema} stands at {applied[-1][1]}, which is newer than this program (it knows up to {newest}): "
            "start the newer program, or use another schema"
        )
    for number, (version, name, sha256) in enumerate(applied):
        if number >= len(known) or known[number].version != version:
            raise SchemaMismatch(
                f"schema {schema} has migration {name}, but not those that should be there with it: it is no schema "
                "of this kind (live, or derived only); choose another name"
            )
        if known[number].sha256 != sha256:
            raise SchemaMismatch(
                f"migration {name} was changed after it was applied to schema {schema}: use the program that applied "
                "it, and put changes into a new migration"
            )


@contextmanager
def _failures(dsn: str, schema: str) -> Iterator[None]:
    """Failures of Postgres while migrating, in our tree."""
    try:
        yield
    except errors.InsufficientPrivilege as error:
        raise RefusedError(
            f"Postgres at {redact_dsn(dsn)} does not let this login migrate schema {schema}: {_words(error)}; migrate "
            "as the owner of the schema, or of the database if there is no schema yet"
        ) from error
    except errors.LockNotAvailable as error:
        raise PostgresUnreachable(
            f"waited {_LOCK_TIMEOUT_MS // 1000} s to migrate schema {schema} at {redact_dsn(dsn)}: another migration "
            f"or a long transaction holds a lock; try again when it has ended ({_words(error)})"
        ) from error
    except psycopg.OperationalError as error:
        raise PostgresUnreachable(
            f"Postgres at {redact_dsn(dsn)} went away while migrating schema {schema}; what was under way left nothing "
            f"behind, migrate again ({_words(error)})"
        ) from error


def _words(error: psycopg.Error) -> str:
    return " ".join(str(error.diag.message_primary or error).split())
