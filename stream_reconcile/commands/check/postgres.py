"""Postgres: reachable, durable, with our schema, rights and clock."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence

import psycopg

from stream_reconcile.commands.check.findings import Finding, Level, skew_finding
from stream_reconcile.commands.postgres import failures_in_plain_words
from stream_reconcile.commands.servers import Servers
from stream_reconcile.config import Settings
from stream_reconcile.core.errors import SchemaMismatch
from stream_reconcile.store import readers, server_facts
from stream_reconcile.store.connect import connect
from stream_reconcile.store.migrations import current_version, expected_version, require_current
from stream_reconcile.store.roles import DEFAULT_ROLES, missing_roles

OLDEST_TRIED = 15


def check_postgres(settings: Settings, servers: Servers, seen: Collection[str]) -> Iterator[Finding]:
    """All about Postgres; `seen` are the accounts behind the keys.

    Raises PostgresUnreachable, CredentialsRefused, RefusedError, SchemaMismatch.
    """
    with (
        failures_in_plain_words(servers),
        connect(servers.dsn, settings.schema_, name="stream-reconcile check") as connection,
    ):
        begun = time.time()
        facts = server_facts.read(connection)
        ended = time.time()
        whose = " (embedded)" if servers.embedded else ""
        yield Finding(Level.OK, "postgres", f"{servers.postgres}{whose}: PostgreSQL {facts.version}")
        yield from _check_server(facts)
        ahead = facts.now.timestamp() - (begun + ended) / 2
        reason = "which is no harm to the data, but makes times in tables and logs hard to compare"
        yield skew_finding("clock", "Postgres's", ahead, (ended - begun) / 2, reason=reason)
        yield from _check_schema(connection, settings, seen)


def _check_server(facts: server_facts.ServerFacts) -> Iterator[Finding]:
    if facts.is_standby:
        yield Finding(
            Level.WRONG, "postgres", "this is a standby, which takes no writes: name the primary in DATABASE_URL"
        )
    if facts.major < OLDEST_TRIED:
        yield Finding(
            Level.WARNING, "postgres", f"versions before {OLDEST_TRIED} are not tried: take a newer one if you can"
        )
    for setting in facts.not_durable:
        yield Finding(
            Level.WARNING,
            "postgres",
            f"{setting} is off, so a crash of the server can take back what was committed: set it to on",
        )


def _check_schema(connection: psycopg.Connection, settings: Settings, seen: Collection[str]) -> Iterator[Finding]:
    schema = settings.schema_
    version, expected = current_version(connection, schema), expected_version()
    if version is None or version < expected:
        stands = (
            "has no tables yet" if version is None else f"stands at version {version}, this program needs {expected}"
        )
        does = "`run` does it, or" if settings.migrate else "RECONCILE_MIGRATE=0, so"
        level = Level.WARNING if settings.migrate else Level.WRONG
        yield Finding(level, "postgres", f"schema {schema} {stands}: {does} `stream-reconcile migrate`")
        return
    try:
        require_current(connection, schema)
    except SchemaMismatch as error:
        yield Finding.of("postgres", error)
        return
    yield Finding(Level.OK, "postgres", f"schema {schema} is at version {version}")
    if missing := server_facts.missing_rights(connection, schema):
        what = "; ".join(f"{', '.join(rights)} on {table}" for table, rights in missing.items())
        yield Finding(
            Level.WRONG,
            "postgres",
            f"the jobs can't work with this login, it lacks {what}: GRANT {DEFAULT_ROLES.writer} TO it",
        )
    else:
        yield Finding(Level.OK, "postgres", "this login has the rights that the jobs need")
    if roles := missing_roles(connection, DEFAULT_ROLES):
        yield Finding(
            Level.WARNING,
            "postgres",
            f"the roles {', '.join(roles)} are missing: `stream-reconcile migrate` makes them or prints their SQL",
        )
    yield from _check_pinned([account.account_id for account in readers.accounts(connection)], seen)


def _check_pinned(pinned: Sequence[str], seen: Collection[str]) -> Iterator[Finding]:
    for account_id in pinned:
        yield Finding(Level.OK, "postgres", f"pinned account: {account_id}")
    if pinned and len(seen) == 1 and not set(seen) & set(pinned):
        yield Finding(
            Level.WRONG,
            "postgres",
            f"the key belongs to account {next(iter(seen))}, and this installation is pinned to {', '.join(pinned)}: "
            "correct the key, or use another database",
        )
