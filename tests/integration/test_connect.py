"""Connections: what they are set to, and what is said when there is none."""

from __future__ import annotations

import socket
import traceback

import psycopg
import pytest
from psycopg import conninfo

from stream_reconcile.core.errors import ConfigError, CredentialsRefused, PostgresUnreachable, RefusedError
from stream_reconcile.store.connect import check_schema_name, connect, redact_dsn
from stream_reconcile.store.failures import is_transient
from support.waiting import wait_until


def setting(connection: psycopg.Connection, name: str) -> str:
    row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
    assert row is not None
    return str(row[0])


def test_a_connection_sees_the_schema_in_utc_with_bounded_waits(empty_database: str) -> None:
    with connect(empty_database, "some_schema", name="unit of work", lock_timeout_ms=1500) as connection:
        assert connection.autocommit
        assert setting(connection, "search_path") == "some_schema"
        assert setting(connection, "TimeZone") == "UTC"
        assert setting(connection, "application_name") == "unit of work"
        assert setting(connection, "statement_timeout") == "1min"
        assert setting(connection, "lock_timeout") == "1500ms"
        assert setting(connection, "idle_in_transaction_session_timeout") == "1min"
        parameters = connection.info.get_parameters()
        assert parameters["connect_timeout"] == "10"
        assert parameters["keepalives_idle"] == "10"


def test_the_connection_string_wins_over_our_defaults(empty_database: str) -> None:
    dsn = conninfo.make_conninfo(empty_database, options="-c statement_timeout=7s", keepalives_idle="99")
    with connect(dsn, "s", name="x", autocommit=False) as connection:
        assert not connection.autocommit
        assert setting(connection, "statement_timeout") == "7s"
        assert setting(connection, "search_path") == "s"
        assert connection.info.get_parameters()["keepalives_idle"] == "99"


def refused(dsn: str, kind: type[Exception], *words: str) -> None:
    with pytest.raises(kind) as caught:
        connect(dsn, "reconcile", name="x")
    told = "".join(traceback.format_exception(caught.value))
    for word in words:
        assert word in str(caught.value)
    assert "s3cret" not in told
    assert caught.value.__cause__ is None  # psycopg's error holds the password


def test_a_wrong_password_is_refused_without_telling_it(empty_database: str) -> None:
    where = conninfo.conninfo_to_dict(empty_database)
    dsn = conninfo.make_conninfo(empty_database, password="s3cret")
    refused(dsn, CredentialsRefused, f"{where['user']}@{where['host']}:{where['port']}/{where['dbname']}", "password")


def test_an_absent_database_is_refused(empty_database: str) -> None:
    refused(conninfo.make_conninfo(empty_database, dbname="nowhere"), RefusedError, "/nowhere", "create it")


def test_an_unknown_login_is_refused(empty_database: str) -> None:
    refused(conninfo.make_conninfo(empty_database, user="nobody_here", password="s3cret"), CredentialsRefused, "nobody")


def test_nobody_listening_is_unreachable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused, and nobody else gets the port
        port = taken.getsockname()[1]
        refused(f"postgresql://u:s3cret@127.0.0.1:{port}/d", PostgresUnreachable, f"u@127.0.0.1:{port}/d")


def test_a_server_that_says_nothing_is_unreachable_within_the_limit() -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        port = mute.getsockname()[1]
        dsn = f"postgresql://u:s3cret@127.0.0.1:{port}/d?connect_timeout=2"
        refused(dsn, PostgresUnreachable, f"127.0.0.1:{port}", "timeout")


def test_an_unreadable_string_is_refused_without_telling_it() -> None:
    refused("postgresql://u:s3cret@h:54x2/d?nonsense=1", ConfigError, "postgresql://")


@pytest.mark.parametrize(
    ("dsn", "shown"),
    [
        ("postgresql://u:s3cret@h:5433/d", "u@h:5433/d"),
        ("host=h user=u password=s3cret", "u@h:5432/u"),
        ("postgresql:///d?host=/run/postgresql&sslpassword=s3cret", "/run/postgresql:5432/d"),
        ("", "local socket:5432/"),
    ],
)
def test_a_shown_connection_string_has_no_secret(dsn: str, shown: str) -> None:
    assert redact_dsn(dsn) == shown


@pytest.mark.parametrize("name", ["reconcile", "_x", "a" * 63, "replay_2"])
def test_plain_schema_names_are_taken(name: str) -> None:
    assert check_schema_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "Reconcile", "1a", "a-b", "a b", 'a"b', "a;b", "a" * 64, "é", "a\n", "pg_x", "information_schema"]
)
def test_other_schema_names_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="schema name"):
        connect("postgresql://h/d", name, name="x")


def test_what_ends_a_session_from_outside_is_transient(empty_database: str) -> None:
    with connect(empty_database, "s", name="victim") as victim, connect(empty_database, "s", name="killer") as killer:
        killer.execute("SELECT pg_terminate_backend(%s)", [victim.info.backend_pid])
        with pytest.raises(psycopg.OperationalError) as first:
            wait_until(lambda: victim.execute("SELECT 1").fetchone() is None, what="the session to end")
        with pytest.raises(psycopg.OperationalError) as second:
            victim.execute("SELECT 1")
    assert is_transient(first.value)
    assert is_transient(second.value)


def test_a_lock_not_had_in_time_is_transient(empty_database: str) -> None:
    with (
        connect(empty_database, "s", name="holder", autocommit=False) as holder,
        connect(empty_database, "s", name="waiter", lock_timeout_ms=20) as waiter,
    ):
        holder.execute("SELECT pg_advisory_xact_lock(1)")
        with pytest.raises(psycopg.OperationalError) as caught:
            waiter.execute("SELECT pg_advisory_lock(1)")
    assert is_transient(caught.value)
