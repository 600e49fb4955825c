"""Brings a schema to the version that this program needs: one lock around, one transaction per migration.

The lock is one advisory lock of the database, held by the session that migrates, so that any number of processes may
start at once. It needs a connection of its own: behind a pooler, migrate through a session-mode port. Tables that are
in use are waited for in small pieces (`migration_locks`). A process that is killed leaves a migration undone, or done
and recorded; one that runs outside a transaction (an index of a live table) leaves at most an index that is not valid,
which the next run makes anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from importlib.resources.abc import Traversable

import psycopg
import structlog
from psycopg import errors

from stream_reconcile.core.errors import PostgresUnreachable, RefusedError, SchemaMismatch
from stream_reconcile.store import migration_history
from stream_reconcile.store.connect import connect, redact_dsn
from stream_reconcile.store.failures import words
from stream_reconcile.store.migration_files import PACKAGED, Migration, find_migrations
from stream_reconcile.store.migration_locks import TABLE_LOCK_MS, be_alone, leave_with_the_client, patiently
from stream_reconcile.store.ownership import become_owner
from stream_reconcile.store.roles import DEFAULT_ROLES, RoleNames, create_roles, grant_rights, missing_roles

_log = structlog.get_logger()

_OTHERS_WAIT_S = 60.0
_TABLES_WAIT_S = 300.0
_STATEMENT_TIMEOUT_MS = 30 * 60_000  # a constraint that is validated reads a large table


def migrate(
    dsn: str, schema: str, *, roles: RoleNames | None = DEFAULT_ROLES, source: Traversable = PACKAGED
) -> list[str]:
    """Create or bring up to date the live schema; names of the migrations applied now, in order.

    Safe to run again and by several processes at once. Where the login may, the roles are created, and their rights
    given; where it may not, that is logged (`roles_missing`) and `roles.roles_sql` is for an administrator. `roles`
    None leaves roles and rights alone. A schema that is newer than this program is left as it is, rights too.

    Raises SchemaMismatch (a newer schema that this program can't work with, a file changed after it was applied, a
    migration that fails: it leaves nothing behind), RefusedError (rights), ConfigError, PostgresUnreachable (also where
    tables are never free, or another migration does not end), CredentialsRefused.
    """
    return _bring_up(dsn, schema, roles, source, primary=True)


def create_derived(
    dsn: str, schema: str, *, roles: RoleNames | None = DEFAULT_ROLES, source: Traversable = PACKAGED
) -> list[str]:
    """Create a second schema with the derived tables only, for a replay to fill; as `migrate` in all else.

    Raises SchemaMismatch if `schema` holds primary tables: that is the live one; or is newer than this program.
    """
    return _bring_up(dsn, schema, roles, source, primary=False)


def expected_version(source: Traversable = PACKAGED) -> str:
    """Number of the newest migration that this program knows, e.g. "0002"."""
    return find_migrations(source)[-1].version


def current_version(connection: psycopg.Connection, schema: str) -> str | None:
    """Number of the newest migration applied to `schema`; None where there is none. Raises RefusedError (rights)."""
    applied = migration_history.read(connection, schema)
    return applied[-1].version if applied else None


def require_current(connection: psycopg.Connection, schema: str, *, source: Traversable = PACKAGED) -> str:
    """The version at which the live schema stands, at least the one that this program needs.

    Raises SchemaMismatch, with what to do, for an older one, and for a newer one that this program can't work with.
    """
    known = find_migrations(source)
    applied = migration_history.read(connection, schema)
    migration_history.check(schema, applied, known, newest=known[-1].version)
    if len(applied) < len(known):
        stands = f"stands at {applied[-1].name}" if applied else "has no tables of ours yet"
        raise SchemaMismatch(
            f"schema {schema} {stands}, this program needs {known[-1].name}: run `stream-reconcile migrate`"
        )
    return applied[-1].version


def _bring_up(dsn: str, schema: str, roles: RoleNames | None, source: Traversable, *, primary: bool) -> list[str]:
    every = find_migrations(source)
    newest = every[-1].version
    known = [migration for migration in every if primary or migration.kind == "derived"]
    with _failures(dsn, schema), _session(dsn, schema) as connection:
        leave_with_the_client(connection)

        def look() -> tuple[list[Migration], list[migration_history.Applied]]:
            applied = migration_history.read(connection, schema)
            later = migration_history.check(schema, applied, known, newest=newest)
            return known[len(applied) :], later

        pending, later = look()
        if not later:
            # Freed by the end of the session, whatever happens. Who has nothing to migrate does not wait for those who
            # have: an older process that starts while a newer one makes an index for an hour.
            if not be_alone(connection, wait_s=_OTHERS_WAIT_S if pending else 0):
                if not pending:
                    return []
                raise PostgresUnreachable(
                    f"another migration is under way in the database of schema {schema} for longer than "
                    f"{_OTHERS_WAIT_S:g} s: try again when it has ended (in pg_stat_activity it is `stream-reconcile "
                    "migrate`)"
                )
            pending, later = look()
        if later:
            if not primary:
                raise SchemaMismatch(
                    f"schema {schema} was made by a newer program (it stands at {later[-1].name}, this one knows up to "
                    f"{newest}): use that one, or another schema"
                )
            # Its rights are the newer program's too: ours could give back what it took.
            _log.warning("schema_newer", schema=schema, stands_at=later[-1].name, program_knows=newest)
            return []
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

            def bring_up() -> None:
                connection.execute(history.read_text(encoding="utf-8"))
                run_pending(connection, known)

            patiently(bring_up, connection, schema, wait_s=_TABLES_WAIT_S)
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
        lock_timeout_ms=TABLE_LOCK_MS,
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
    except (errors.LockNotAvailable, errors.DeadlockDetected) as error:
        raise PostgresUnreachable(
            f"tried for {_TABLES_WAIT_S:g} s to migrate schema {schema} at {redact_dsn(dsn)}: long transactions hold "
            "its tables; try again when they have ended (pg_stat_activity shows them). What was applied stays, what "
            f"waited left nothing behind ({words(error)})"
        ) from error
    except psycopg.OperationalError as error:
        raise PostgresUnreachable(
            f"Postgres at {redact_dsn(dsn)} broke off the migration of schema {schema}; what was under way left "
            f"nothing behind, migrate again ({words(error)})"
        ) from error
