"""Logins for a test: real ones, with passwords, gone after it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import conninfo, errors, sql

MakeLogin = Callable[..., str]


@contextmanager
def temporary_logins(dsn: str) -> Iterator[MakeLogin]:
    """Gives `make(*member_of, options="")`: creates a login in these roles, returns its DSN for the same database.

    `options` are further words of CREATE ROLE, e.g. "CREATEROLE". What the logins own in the database goes with them.
    """
    made: list[str] = []
    with psycopg.connect(dsn, autocommit=True) as connection:

        def make(*member_of: str, options: str = "") -> str:
            name, password = f"login_{secrets.token_hex(6)}", secrets.token_hex(8)
            words = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} " + options)
            connection.execute(words.format(sql.Identifier(name), sql.Literal(password)))
            made.append(name)
            for role in member_of:
                connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), sql.Identifier(name)))
            return conninfo.make_conninfo(dsn, user=name, password=password)

        yield make
        for name in reversed(made):
            connection.execute(sql.SQL("DROP OWNED BY {} CASCADE").format(sql.Identifier(name)))
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def must_be_refused(connection: psycopg.Connection, *statements: str) -> None:
    """Each statement, in a transaction of its own, has to fail for want of rights."""
    for statement in statements:
        try:
            with connection.transaction():
                connection.execute(statement)
        except errors.InsufficientPrivilege:
            continue
        pytest.fail(f"allowed: {statement}")
