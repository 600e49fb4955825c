"""Which failures of Postgres are worth another attempt, and what a failed connection means."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors

from stream_reconcile.core.errors import (
    CredentialsRefused,
    FencedError,
    PostgresUnreachable,
    ReconcileError,
    RefusedError,
)
from stream_reconcile.store.failures import connection_error, is_transient

RETRY = [
    errors.SerializationFailure,
    errors.DeadlockDetected,
    errors.LockNotAvailable,
    errors.QueryCanceled,
    errors.AdminShutdown,
    errors.CrashShutdown,
    errors.CannotConnectNow,
    errors.TooManyConnections,
    errors.DiskFull,
    errors.OutOfMemory,
    errors.IdleInTransactionSessionTimeout,
    errors.TransactionTimeout,
    errors.ConnectionFailure,
    errors.ConnectionDoesNotExist,
    errors.ReadOnlySqlTransaction,
    psycopg.OperationalError,  # the connection's end, as libpq saw it
]
GIVE_UP = [
    errors.UniqueViolation,
    errors.CheckViolation,
    errors.NotNullViolation,
    errors.NumericValueOutOfRange,
    errors.InvalidTextRepresentation,
    errors.UndefinedTable,
    errors.SyntaxError,
    errors.InsufficientPrivilege,
    errors.DatabaseDropped,
    errors.RaiseException,
    psycopg.InterfaceError,
    psycopg.ProgrammingError,
    ValueError,
]


@pytest.mark.parametrize("kind", RETRY, ids=lambda kind: kind.__name__)
def test_another_attempt_may_help(kind: type[Exception]) -> None:
    assert is_transient(kind("x"))


@pytest.mark.parametrize("kind", GIVE_UP, ids=lambda kind: kind.__name__)
def test_another_attempt_is_no_use(kind: type[Exception]) -> None:
    assert not is_transient(kind("x"))


def test_of_our_own_errors_only_an_absent_postgres_is_tried_again() -> None:
    assert is_transient(PostgresUnreachable("x"))
    assert not is_transient(RefusedError("x"))
    assert not is_transient(FencedError("x"))


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ('FATAL:  password authentication failed for user "u"', CredentialsRefused),
        ("fe_sendauth: no password supplied", CredentialsRefused),
        ('FATAL:  role "u" does not exist', CredentialsRefused),
        ('FATAL:  role "u" is not permitted to log in', CredentialsRefused),
        ('FATAL:  Peer authentication failed for user "u"', CredentialsRefused),
        ('FATAL:  database "d" does not exist', RefusedError),
        ('FATAL:  no pg_hba.conf entry for host "10.0.0.1", user "u", database "d", no encryption', RefusedError),
        ('FATAL:  permission denied for database "d"', RefusedError),
        ("server does not support SSL, but SSL was required", RefusedError),
        ("FATAL:  unsupported startup parameter: options", RefusedError),
        ("FATAL:  the database system is starting up", PostgresUnreachable),
        ("FATAL:  sorry, too many clients already", PostgresUnreachable),
        ("Connection refused\n\tIs the server running on that host?", PostgresUnreachable),
        ("failed to resolve host 'nowhere.invalid': [Errno -2] Name or service not known", PostgresUnreachable),
        ("connection timeout expired", PostgresUnreachable),
        ("FATAL:  Passwort-Authentifizierung für Benutzer »u« fehlgeschlagen", PostgresUnreachable),
    ],
)  # fmt: skip
def test_a_failed_connection_says_where_and_why(words: str, kind: type[ReconcileError]) -> None:
    found = connection_error(psycopg.OperationalError(words), "u@h:5432/d")
    assert type(found) is kind
    assert "u@h:5432/d" in str(found)
    assert " ".join(words.split()) in str(found)
    assert "\n" not in str(found)
