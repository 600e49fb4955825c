"""A connection for a command, with Postgres's failures as errors of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from stream_reconcile.commands.servers import Servers
from stream_reconcile.core.errors import PostgresUnreachable, RefusedError
from stream_reconcile.store.connect import connect
from stream_reconcile.store.failures import is_transient
from stream_reconcile.store.migrations import require_current


@contextmanager
def opened(servers: Servers, schema: str, command: str) -> Iterator[psycopg.Connection]:
    """A connection to a schema of our version.

    Raises PostgresUnreachable, CredentialsRefused, SchemaMismatch, and RefusedError for a right that is missing.
    """
    with failures_in_plain_words(servers), connect(servers.dsn, schema, name=f"stream-reconcile {command}") as made:
        require_current(made, schema)
        yield made


@contextmanager
def failures_in_plain_words(servers: Servers) -> Iterator[None]:
    """Turn psycopg's errors into ours."""
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        raise RefusedError(
            f"Postgres at {servers.postgres} does not let this login do that ({error.diag.message_primary}): grant it "
            "one of the roles in docs/database.md"
        ) from None
    except psycopg.Error as error:
        if not is_transient(error):
            raise
        raise PostgresUnreachable(
            f"Postgres at {servers.postgres} broke off ({type(error).__name__}): try again, and see its log"
        ) from None
