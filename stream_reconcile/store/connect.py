"""Connections to Postgres: one way to open them, with every wait bounded, and errors that say what to do.

The schema is never written into a statement: it comes from `search_path`, so that a replay can fill a second schema
with the same queries.
"""

from __future__ import annotations

import re

import psycopg
from psycopg import conninfo

from stream_reconcile.core.errors import ConfigError
from stream_reconcile.store.failures import connection_error
from stream_reconcile.store.times import HeldTimeLoader

_SCHEMA_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")

CONNECT_TIMEOUT_S = 10
_LONG_MS = 3_600_000

# A peer that vanished without a FIN is noticed within 10 + 3 × 5 s, also while we wait for an answer to bytes that
# nobody acknowledges (tcp_user_timeout, ms).
_KEEPALIVE = {
    "keepalives": "1",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "25000",
}


def check_schema_name(schema: str) -> str:
    """Return `schema` if it is a plain lower-case name that is no name of Postgres's own; else ConfigError."""
    if not _SCHEMA_NAME.fullmatch(schema):
        raise ConfigError(
            f"{schema!r} is no usable schema name: lower-case letters, digits and underscores, no digit first, "
            "63 characters at most"
        )
    if schema == "information_schema" or schema.startswith("pg_"):
        raise ConfigError(f"the schema name {schema!r} belongs to Postgres; choose another")
    return schema


def redact_dsn(dsn: str) -> str:
    """`user@host:port/dbname` of a connection string (URL or key=value), without any secret; raises ConfigError."""
    values = _parse(dsn)
    user = values.get("user")
    host = values.get("host") or values.get("hostaddr") or "local socket"
    port = values.get("port") or "5432"
    return f"{user + '@' if user else ''}{host}:{port}/{values.get('dbname') or user or ''}"


def connect(
    dsn: str,
    schema: str,
    *,
    name: str,
    autocommit: bool = True,
    statement_timeout_ms: int = 60_000,
    lock_timeout_ms: int = 30_000,
    idle_in_transaction_ms: int = 60_000,
) -> psycopg.Connection:
    """Open a connection that sees `schema` first (and nothing but it and pg_catalog), in UTC, with bounded waits.

    `name` becomes `application_name`, so that an operator can tell the jobs apart in `pg_stat_activity`. What the
    connection string says of keepalives, `connect_timeout` or `options` wins over the defaults here. A time limit of
    0 means none. A time that Python can't hold is read as the first or the last that it can (in text, not in binary).

    Raises ConfigError (unusable string or schema name), PostgresUnreachable, CredentialsRefused, RefusedError.
    """
    check_schema_name(schema)
    settings = {
        "search_path": schema,
        "TimeZone": "UTC",
        "statement_timeout": statement_timeout_ms,
        "lock_timeout": lock_timeout_ms,
        "idle_in_transaction_session_timeout": idle_in_transaction_ms,
    }
    given = _parse(dsn)
    ours = " ".join(f"-c {key}={value}" for key, value in settings.items())
    options = " ".join(part for part in (ours, given.get("options")) if part)
    parameters = {"connect_timeout": str(CONNECT_TIMEOUT_S), **_KEEPALIVE, **given}
    parameters |= {"options": options, "application_name": name}
    try:
        connection = psycopg.connect(conninfo.make_conninfo("", **parameters), autocommit=autocommit)
    except psycopg.OperationalError as error:
        # Not chained: the psycopg error holds the connection's parameters, the password among them.
        raise connection_error(error, redact_dsn(dsn)) from None
    connection.adapters.register_loader("timestamptz", HeldTimeLoader)
    return connection


def connect_snapshot(dsn: str, schema: str, *, name: str) -> psycopg.Connection:
    """A connection whose first statement begins a snapshot that lasts (REPEATABLE READ, read only), for reading much.

    A statement has an hour, and a pause between two as well. Raises as `connect`.
    """
    connection = connect(
        dsn, schema, name=name, autocommit=False, statement_timeout_ms=_LONG_MS, idle_in_transaction_ms=_LONG_MS
    )
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    return connection


def _parse(dsn: str) -> dict[str, str]:
    try:
        return {key: str(value) for key, value in conninfo.conninfo_to_dict(dsn).items() if value is not None}
    except psycopg.ProgrammingError:
        # libpq quotes the string, password included, in its message.
        raise ConfigError(
            "the database connection string can't be read; write postgresql://user:password@host:port/database"
        ) from None
