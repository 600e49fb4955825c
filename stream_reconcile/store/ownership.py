"""Whose the schema is, and acting as its owner, so that all tables of a schema belong to one role."""

from __future__ import annotations

import psycopg
from psycopg import sql


def become_owner(connection: psycopg.Connection, schema: str, migrator: str | None) -> bool:
    """Create `schema` if it is not there, act as its owner from now on; False if this login may not.

    A new schema belongs to the role `migrator` where that exists and our login is in it, else to our login. Wants an
    autocommit connection. Raises psycopg's InsufficientPrivilege where the login may not create a schema.
    """
    row = connection.execute(
        "SELECT pg_catalog.pg_get_userbyid(nspowner) FROM pg_catalog.pg_namespace WHERE nspname = %s", [schema]
    ).fetchone()
    if row is not None:
        return _act_as(connection, row[0])
    owner = migrator if migrator and _may_act_as(connection, migrator) else None
    if owner is None:
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
        return True
    statement = sql.SQL("CREATE SCHEMA {} AUTHORIZATION {}")
    connection.execute(statement.format(sql.Identifier(schema), sql.Identifier(owner)))
    return _act_as(connection, owner)


def _act_as(connection: psycopg.Connection, owner: str) -> bool:
    row = connection.execute("SELECT current_user").fetchone()
    if row is not None and row[0] == owner:
        return True
    if not _may_act_as(connection, owner):
        return False
    connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(owner)))
    return True


def _may_act_as(connection: psycopg.Connection, role: str) -> bool:
    # Since 16 a member needs the SET option of its membership (https://www.postgresql.org/docs/16/sql-set-role.html).
    privilege = "SET" if connection.info.server_version >= 160000 else "MEMBER"
    row = connection.execute(
        "SELECT pg_catalog.pg_has_role(oid, %s) FROM pg_catalog.pg_roles WHERE rolname = %s", [privilege, role]
    ).fetchone()
    return row is not None and bool(row[0])
