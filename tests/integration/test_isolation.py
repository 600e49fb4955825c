"""Two installations in one database, each with a schema and roles of its own: neither can touch the other's."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import astuple

import psycopg
import pytest
from psycopg import sql

from stream_reconcile.core.errors import RefusedError
from stream_reconcile.store.connect import connect
from stream_reconcile.store.migrations import create_derived, current_version, migrate
from stream_reconcile.store.roles import RoleNames
from support.logins import MakeLogin, must_be_refused, temporary_logins

TRIES = (
    "SELECT FROM {schema}.executions",
    "SELECT FROM {schema}.fills",
    "SELECT FROM {schema}.dead_letters",
    "SELECT FROM {schema}.trade_decisions",
    "SELECT FROM {schema}.accounts",
    "INSERT INTO {schema}.trade_decisions (account_id, client_order_id, qty) VALUES ('a', 'c', 1)",
    "INSERT INTO {schema}.discrepancies (account_id, type, subject) VALUES ('a', 'missing_fill', 'o')",
    "UPDATE {schema}.stream_cursors SET epoch = epoch + 1",
    "UPDATE {schema}.leases SET epoch = epoch + 1",
    "DELETE FROM {schema}.fills",
    "TRUNCATE {schema}.fills",
    "DROP TABLE {schema}.fills",
    "CREATE TABLE {schema}.extra (a int)",
    "ALTER SCHEMA {schema} RENAME TO taken",
)


@pytest.fixture
def both(empty_database: str) -> Iterator[tuple[str, RoleNames, RoleNames]]:
    """The database with schemas `paper` and `live`, and the roles of each."""
    tag = secrets.token_hex(4)
    paper, live = RoleNames.beginning_with(f"paper_{tag}"), RoleNames.beginning_with(f"live_{tag}")
    migrate(empty_database, "paper", roles=paper)
    migrate(empty_database, "live", roles=live)
    yield empty_database, paper, live
    with psycopg.connect(empty_database, autocommit=True) as connection:
        for name in (*astuple(paper), *astuple(live)):
            connection.execute(sql.SQL("DROP OWNED BY {} CASCADE").format(sql.Identifier(name)))
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


@pytest.fixture
def make_login(both: tuple[str, RoleNames, RoleNames]) -> Iterator[MakeLogin]:
    with temporary_logins(both[0]) as make:
        yield make


def test_no_role_of_one_reads_or_writes_in_the_other(
    both: tuple[str, RoleNames, RoleNames], make_login: MakeLogin
) -> None:
    _, paper, live = both
    for mine, own, others in ((paper, "paper", "live"), (live, "live", "paper")):
        for role in astuple(mine):
            with connect(make_login(role), own, name="t") as connection:
                connection.execute("SELECT decision_id FROM trade_decisions")  # its own, it may
                must_be_refused(connection, *(statement.format(schema=others) for statement in TRIES))
                with pytest.raises(RefusedError, match=f"may not read schema {others}"):
                    current_version(connection, others)


def test_nor_becomes_a_role_of_the_other(both: tuple[str, RoleNames, RoleNames], make_login: MakeLogin) -> None:
    _, paper, live = both
    for mine, others in ((paper, live), (live, paper)):
        for role in astuple(mine):
            with connect(make_login(role), "public", name="t") as connection:
                must_be_refused(connection, *(f'SET ROLE "{other}"' for other in astuple(others)))


def test_a_migrator_of_one_can_not_migrate_the_other(
    both: tuple[str, RoleNames, RoleNames], make_login: MakeLogin
) -> None:
    dsn, paper, live = both
    login = make_login(paper.migrator)
    with psycopg.connect(dsn, autocommit=True) as owner:
        # As if a new version had one more to apply.
        owner.execute(
            "DELETE FROM live.migration_history WHERE version = (SELECT max(version) FROM live.migration_history)"
        )
    with pytest.raises(RefusedError):
        migrate(login, "live", roles=live)
    with pytest.raises(RefusedError):
        create_derived(login, "again", roles=live)  # nor make a schema where nobody has let it
