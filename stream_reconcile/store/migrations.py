"""Brings a schema to the version that this program needs: one lock around, one transaction per migration.

The lock is one advisory lock of the database, held by the session that migrates, so that any number of processes may
start at once. It needs a connection of its own: behind a pooler, migrate through a session-mode port.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from importlib.resources.abc import Traversable

import psycopg
import structlog
from psycopg import errors, sql

from stream_reconcile.core.errors import PostgresUnreachable, RefusedError, SchemaMismatch
from stream_reconcile.store.connect import connect, redact_dsn
from stream_reconcile.store.failures import words
from stream_reconcile.store.migration_files import PACKAGED, Migration, find_migrations
from stream_reconcile.store.ownership import become_owner
from stream_reconcile.store.roles import DEFAULT_ROLES, RoleNames, create_roles, grant_rights, missing_roles

_log = structlog.get_logger()

# Any constant will do that nothing else in the database uses: the ASCII bytes of "s-rec mi".
_LOCK_KEY = int.from_bytes(b"s-rec mi", "big")
_LOCK_TIMEOUT_MS = 60_000
_STATEMENT_TIMEOUT_MS = 30 * 60_000  # a rewrite of a large table takes its time


def migrate(
    dsn: str, schema: str, *, roles: RoleNames | None = DEFAULT_ROLES, source: Traversable = PACKAGED
) -> list[str]:
    """Create or bring up to date the live schema; names of the migrations applied now, in order.

    Safe to run again and by several processes at once. Where the login may, the roles are created, and their rights
    given; where it may not, that is logged (`roles_missing`) and `roles.roles_sql` is for an administrator. `roles`
    None leaves roles and rights alone.

    Raises SchemaMismatch (schema newer than the program, a file changed after it was applied, a migration that fails:
    it leaves nothing behind), RefusedError (rights), ConfigError, PostgresUnreachable, CredentialsRefused.
    """
    return _bring_up(dsn, schema, roles, source, primary=True)


def create_derived(
    dsn: str, schema: str, *, roles: RoleNames | None = DEFAULT_ROLES, source: Traversable = PACKAGED
) -> list[str]:
    """Create a second schema with the derived tables only, for a replay to fill; as `migrate` in all else.

    Raises SchemaMismatch if `schema` holds primary tables: that is the live one.
    """
    return _bring_up(dsn, schema, roles, source, primary=False)


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
    _check_history(schema, applied, known, newest=known[-1].version)
    if len(applied) < len(known):
        stands = f"stands at {applied[-1][1]}" if applied else "has no tables of ours yet"
        raise SchemaMismatch(
            f"schema {schema} {stands}, this program needs {known[-1].name}: run `stream-reconcile migrate`"
        )


def _bring_up(dsn: str, schema: str, roles: RoleNames | None, source: Traversable, *, primary: bool) -> list[str]:
    every = find_migrations(source)
    known = [migration for migration in every if primary or migration.kind == "derived"]
    with _failures(dsn, schema), _session(dsn, schema) as connection:
        # Freed by the end of the session, whatever happens.
        connection.execute("SELECT pg_catalog.pg_advisory_lock(%s)", [_LOCK_KEY])
        applied = _applied(connection, schema)
        _check_history(schema, applied, known, newest=every[-1].version)
        pending = known[len(applied) :]
        if roles is not None:
            create_roles(connection, roles)
        if not become_owner(connection, schema, roles.migrator if roles else None):
            if pending:
                raise RefusedError(
                    f"schema {schema} lacks {pending[0].name}, and this login does not own it: run "
                    "`stream-reconcile migrate` as its owner"
                )
            return []
        if pending:
            # alembic and SQLAlchemy take half a second to load: only for what needs them, not for every command.
            from stream_reconcile.store.alembic_steps import run_pending  # noqa: PLC0415 - as said above

            history = resources.files("stream_reconcile.store").joinpath("sql", "history.sql")
            connection.execute(history.read_text(encoding="utf-8"))
            run_pending(connection, known)
        if roles is not None:
            if missing := missing_roles(connection, roles):
                _log.warning("roles_missing", roles=missing, schema=schema)
            else:
                grant_rights(connection, schema, roles, primary=primary)
    return [migration.name for migration in pending]


def _session(dsn: str, schema: str) -> psycopg.Connection:
    return connect(
        dsn,
        schema,
        name="stream-reconcile migrate",
        statement_timeout_ms=_STATEMENT_TIMEOUT_MS,
        lock_timeout_ms=_LOCK_TIMEOUT_MS,
    )


def _applied(connection: psycopg.Connection, schema: str) -> list[tuple[str, str, str]]:
    """(version, name, sha256) of what was applied to `schema`, oldest first; empty where nothing was."""
    exists = connection.execute(
        "SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = %s AND tablename = 'migration_history'", [schema]
    ).fetchone()
    if exists is None:
        return []
    query = sql.SQL("SELECT version, name, sha256 FROM {} ORDER BY version")
    try:
        return list(connection.execute(query.format(sql.Identifier(schema, "migration_history"))))
    except errors.InsufficientPrivilege:
        raise RefusedError(
            f"this login may not read schema {schema}: make it a member of the reader, writer or migrator role "
            "(`stream-reconcile migrate` prints their SQL)"
        ) from None


def _check_history(
    schema: str, applied: Sequence[tuple[str, str, str]], known: Sequence[Migration], *, newest: str
) -> None:
    """Raise SchemaMismatch unless `applied` is a beginning of `known`, unchanged; `newest` of all files there are."""
    if applied and applied[-1][0] > newest:
        raise SchemaMismatch(
            f"schema {schema} stands at {applied[-1][1]}, which is newer than this program (it knows up to {newest}): "
            "start the newer program, or use another schema"
        )
    for number, (version, name, sha256) in enumerate(applied):
        if number >= len(known) or known[number].version != version:
            raise SchemaMismatch(
                f"schema {schema} has migration {name} out of line: it is no schema of this kind (live, or derived "
                "tables only); use another name"
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
            f"Postgres at {redact_dsn(dsn)} does not let this login migrate schema {schema}: {words(error)}; migrate "
            "as the owner of the schema, or of the database if there is no schema yet"
        ) from error
    except errors.LockNotAvailable as error:
        raise PostgresUnreachable(
            f"waited {_LOCK_TIMEOUT_MS // 1000} s to migrate schema {schema} at {redact_dsn(dsn)}: another migration "
            f"or a long transaction holds a lock; try again when it has ended ({words(error)})"
        ) from error
    except psycopg.OperationalError as error:
        raise PostgresUnreachable(
            f"Postgres at {redact_dsn(dsn)} broke off the migration of schema {schema}; what was under way left "
            f"nothing behind, migrate again ({words(error)})"
        ) from error
