"""Postgres: reachable, durable, with our schema, rights and clock."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence

import psycopg

from stream_reconcile.commands.check.findings import Finding, Level, skew_finding
from stream_reconcile.commands.postgres import failures_in_plain_words
from stream_reconcile.commands.servers import Servers, role_names
from stream_reconcile.config import Settings
from stream_reconcile.config_values import is_loopback
from stream_reconcile.core.errors import SchemaMismatch
from stream_reconcile.store import readers, server_facts
from stream_reconcile.store.connect import connect
from stream_reconcile.store.migrations import current_version, expected_version, require_current
from stream_reconcile.store.roles import missing_roles

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
        roles = role_names(settings)
        whose = " (embedded)" if servers.embedded else ""
        yield Finding(Level.OK, "postgres", f"{servers.postgres}{whose}: PostgreSQL {facts.version}")
        yield from _check_server(facts)
        if not servers.embedded:
            yield from _check_exposure(facts, connection.info.host, roles.writer)
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


def _check_exposure(facts: server_facts.ServerFacts, host: str, writer: str) -> Iterator[Finding]:
    if facts.is_superuser:
        yield Finding(
            Level.WARNING,
            "postgres",
            "this login is a superuser, so whoever gets its password owns the server: use a login that is a member of "
            f"{writer} (docs/database.md)",
        )
    if not facts.is_encrypted and not host.startswith("/") and not is_loopback(host):
        yield Finding(
            Level.WARNING,
            "postgres",
            f"what goes to {host} is not encrypted: add sslmode=verify-full and sslrootcert to DATABASE_URL",
        )


def _check_schema(connection: psycopg.Connection, settings: Settings, seen: Collection[str]) -> Iterator[Finding]:
    schema, roles = settings.schema_, role_names(settings)
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
    if version > expected:
        yield Finding(
            Level.WARNING,
            "postgres",
            f"schema {schema} is at version {version} and this program knows up to {expected}: it goes on, and the "
            "upgrade is not done until the newer program runs everywhere",
        )
    else:
        yield Finding(Level.OK, "postgres", f"schema {schema} is at version {version}")
    if missing := server_facts.missing_rights(connection, schema):
        what = "; ".join(f"{', '.join(rights)} on {table}" for table, rights in missing.items())
        yield Finding(
            Level.WRONG,
            "postgres",
            f"the jobs can't work with this login, it lacks {what}: GRANT {roles.writer} TO it",
        )
    else:
        yield Finding(Level.OK, "postgres", "this login has the rights that the jobs need")
    if absent := missing_roles(connection, roles):
        yield Finding(
            Level.WARNING,
            "postgres",
            f"the roles {', '.join(absent)} are missing: `stream-reconcile migrate` makes them or prints their SQL",
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
