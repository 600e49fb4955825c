"""Database roles: who may do what with the tables.

Four group roles without login. `migrator` owns schema and tables; `writer` is for the logins of the jobs, `reader`
for those of people and dashboards, `intent` for the trading loop (may write its decisions, nothing else). They belong
to the cluster, so other databases share them. What each may do stands in `sql/roles.sql` and `sql/grants*.sql`.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from importlib import resources
from typing import Self

import psycopg
import stamina
import structlog
from psycopg import errors, sql

from stream_reconcile.store.connect import check_schema_name

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RoleNames:
    """Names of the four group roles. Two schemas with roles of their own can't touch each other."""

    migrator: str = "reconcile_migrator"
    writer: str = "reconcile_writer"
    reader: str = "reconcile_reader"
    intent: str = "reconcile_intent"

    @classmethod
    def beginning_with(cls, prefix: str) -> Self:
        """`paper` → `paper_migrator`, `paper_writer`, `paper_reader`, `paper_intent`."""
        return cls(*(f"{prefix}_{kind}" for kind in ("migrator", "writer", "reader", "intent")))


DEFAULT_ROLES = RoleNames()


def roles_sql(schema: str, roles: RoleNames = DEFAULT_ROLES) -> str:
    """The SQL that `migrate` runs where it may, for an administrator to read and run where it may not.

    Statements can be run again without harm. Raises ConfigError for an unusable schema name.
    """
    parts = [_render(f, schema, roles).as_string() for f in ("roles.sql", "grants.sql", "grants_primary.sql")]
    return "\n".join(
        [
            f"-- Roles and rights for schema {schema}. Run the first part as a superuser or a role with CREATEROLE;",
            "-- the rest as the owner of the schema, or let `stream-reconcile migrate` do it once the roles exist.",
            *parts,
            "-- Then give them to your logins, for example:",
            f"--   GRANT {roles.migrator} TO the_login_that_migrates;",
            f"--   GRANT {roles.writer} TO the_login_of_the_jobs;",
            f"--   GRANT {roles.reader} TO the_login_of_a_dashboard;",
            f"--   GRANT {roles.intent} TO the_login_of_the_trading_loop;",
            "",
        ]
    )


def missing_roles(connection: psycopg.Connection, roles: RoleNames) -> list[str]:
    """Those of the four that the cluster does not have."""
    names = astuple(roles)
    rows = connection.execute("SELECT rolname FROM pg_catalog.pg_roles WHERE rolname = ANY(%s)", [list(names)])
    known = {row[0] for row in rows}
    return [name for name in names if name not in known]


def create_roles(connection: psycopg.Connection, roles: RoleNames) -> None:
    """Create the missing roles where our own may, and join the migrator role that we then may give; else do nothing.

    Wants an autocommit connection. A role with CREATEROLE that is no superuser has to be a member of the migrator to
    make it the owner of anything.
    """
    row = connection.execute(
        "SELECT rolsuper, rolcreaterole FROM pg_catalog.pg_roles WHERE rolname = current_user"
    ).fetchone()
    is_superuser, may_create = row or (False, False)
    missing = missing_roles(connection, roles)
    if not missing or not (is_superuser or may_create):
        return
    # Another database of the cluster that does the same at the same moment makes one of us fail with "tuple
    # concurrently updated" (XX000); no lock spans databases.
    for attempt in stamina.retry_context(on=errors.InternalError_, attempts=5, wait_initial=0.05, timeout=10):
        with attempt:
            connection.execute(_render("roles.sql", "public", roles))
    if roles.migrator in missing and not is_superuser:
        connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(roles.migrator)))
    _log.info("roles_created", roles=missing)


def grant_rights(connection: psycopg.Connection, schema: str, roles: RoleNames, *, primary: bool) -> None:
    """Give the roles their rights in `schema`, in one transaction, as its owner; `primary`: the live schema."""
    with connection.transaction():
        connection.execute(_render("grants.sql", schema, roles))
        if primary:
            connection.execute(_render("grants_primary.sql", schema, roles))


def _render(file_name: str, schema: str, roles: RoleNames) -> sql.Composed:
    text = resources.files("stream_reconcile.store").joinpath("sql", file_name).read_text(encoding="utf-8")
    names = {
        "migrator": roles.migrator,
        "writer": roles.writer,
        "reader": roles.reader,
        "intent": roles.intent,
        "schema": check_schema_name(schema),
    }
    return sql.SQL(text).format(**{key: sql.Identifier(name) for key, name in names.items()})
