"""Failures of Postgres: which of our errors they are, and whether to try again. Pure decisions."""

from __future__ import annotations

import psycopg

from stream_reconcile.core.errors import CredentialsRefused, PostgresUnreachable, ReconcileError, RefusedError

# After these the same transaction may succeed if run again from its start, on a new connection
# (https://www.postgresql.org/docs/current/errcodes-appendix.html).
_TRANSIENT_SQLSTATES = {
    "25006": "read_only_sql_transaction: we hold a demoted primary, a new connection finds the new one",
    "25P03": "idle_in_transaction_session_timeout",
    "25P04": "transaction_timeout",
    "40001": "serialization_failure",
    "40003": "statement_completion_unknown",
    "40P01": "deadlock_detected",
    "55P03": "lock_not_available, by lock_timeout too",
    "57014": "query_canceled, by statement_timeout too",
    "57P01": "admin_shutdown, by pg_terminate_backend too",
    "57P02": "crash_shutdown",
    "57P03": "cannot_connect_now: starting, stopping or in recovery",
    "57P05": "idle_session_timeout",
    "58030": "io_error",
}
_TRANSIENT_CLASSES = {
    "08": "connection exception",
    "53": "insufficient resources: disk full, out of memory, too many connections; the record is not to blame",
}

# A connection that fails carries no SQLSTATE, only the server's or libpq's words; first match wins. A server that
# speaks another language ends in the last row of the decision, unreachable, with its own words in the message.
_REFUSALS: tuple[tuple[str, type[RefusedError], str], ...] = (
    ("password authentication failed", CredentialsRefused, "check user and password"),
    ("no password supplied", CredentialsRefused, "give a password in the connection string or in PGPASSWORD"),
    ("authentication failed for user", CredentialsRefused, "check user and authentication method"),
    ("is not permitted to log in", CredentialsRefused, "use a role with LOGIN"),
    ("no pg_hba.conf entry", RefusedError, "the server's pg_hba.conf must let this host and user in"),
    ("permission denied for database", RefusedError, "grant CONNECT on the database to this user"),
    ("is not currently accepting connections", RefusedError, "the database is set not to take connections"),
    ("SSL", RefusedError, "check sslmode and the certificates"),
    ("certificate", RefusedError, "check sslmode and the certificates"),
    ("startup parameter", RefusedError, "a pooler in between must pass the startup parameter `options`"),
)  # fmt: skip


def is_transient(error: BaseException) -> bool:
    """True if running the whole transaction again, on a new connection, may succeed; False: trying again is no use."""
    if isinstance(error, PostgresUnreachable):
        return True
    if not isinstance(error, psycopg.Error):
        return False
    if error.sqlstate is not None:
        return error.sqlstate in _TRANSIENT_SQLSTATES or error.sqlstate[:2] in _TRANSIENT_CLASSES
    # An OperationalError without SQLSTATE is the end of the connection as libpq saw it.
    return isinstance(error, psycopg.OperationalError)


def connection_error(error: psycopg.OperationalError, where: str) -> ReconcileError:
    """What a failed connection attempt to `where` (`user@host:port/database`) means, in our tree.

    `error`'s words are kept: neither libpq nor the server puts a password in them.
    """
    words = " ".join(str(error).split())
    if "does not exist" in words and 'database "' in words:
        return RefusedError(f"Postgres at {where} has no such database: create it, or correct the name ({words})")
    if "does not exist" in words and 'role "' in words:
        return CredentialsRefused(f"Postgres at {where} refused the login: create the role, or correct it ({words})")
    for wording, kind, hint in _REFUSALS:
        if wording in words:
            return kind(f"Postgres at {where} refused the connection: {hint} ({words})")
    return PostgresUnreachable(f"Postgres at {where} can't be reached: is it running, is the address right? ({words})")


def words(error: psycopg.Error) -> str:
    """What the server or libpq said, on one line."""
    return " ".join(str(error.diag.message_primary or error).split())
