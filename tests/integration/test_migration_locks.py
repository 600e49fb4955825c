"""Migrations beside others that use the tables: they wait in pieces, keep nobody waiting, and may be killed."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from stream_reconcile.core.errors import PostgresUnreachable
from stream_reconcile.store import migrations
from stream_reconcile.store.migrations import current_version, migrate
from support.waiting import wait_until

SCHEMA = "s"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "0001_primary.sql").write_text("CREATE TABLE one (a int); INSERT INTO one SELECT generate_series(1, 9);")
    return folder


@pytest.fixture
def connection(empty_database: str, files: Path) -> Iterator[psycopg.Connection]:
    """To a schema with the first of the files."""
    migrate(empty_database, SCHEMA, roles=None, source=files)
    with psycopg.connect(empty_database, autocommit=True, options=f"-c search_path={SCHEMA}") as opened:
        yield opened


@contextmanager
def in_a_thread(work: Callable[[], Any]) -> Iterator[list[Any]]:
    """What `work` gives or raises, once the block has ended."""
    got: list[Any] = []

    def body() -> None:
        try:
            got.append(work())
        except BaseException as error:  # noqa: BLE001 - looked at by the test
            got.append(error)

    thread = threading.Thread(target=body)
    thread.start()
    try:
        yield got
    finally:
        thread.join(60)
        assert not thread.is_alive()


def in_a_process(dsn: str, files: Path) -> subprocess.Popen[str]:
    program = (
        "import sys; from pathlib import Path; from stream_reconcile.store.migrations import migrate;"
        "migrate(sys.argv[1], 's', roles=None, source=Path(sys.argv[2]))"
    )
    command = [sys.executable, "-W", "error", "-c", program, dsn, str(files)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, text=True)


def valid_indexes(connection: psycopg.Connection) -> dict[str, bool]:
    query = """SELECT c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
               WHERE i.indrelid = 'one'::regclass"""
    return dict(connection.execute(query).fetchall())


def at_work(connection: psycopg.Connection, text: str) -> bool:
    """Whether the migration's session is at a statement with this text."""
    query = """SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'
               AND application_name = 'stream-reconcile migrate' AND query LIKE %s"""
    return connection.execute(query, [f"%{text}%"]).fetchone() == (1,)


def test_who_comes_after_a_migration_that_waits_does_not_wait_with_it(
    empty_database: str, connection: psycopg.Connection, files: Path
) -> None:
    (files / "0002_primary_more.sql").write_text("ALTER TABLE one ADD COLUMN b int")
    begun = "SELECT count(*) FROM pg_locks WHERE relation = 'one'::regclass AND mode = 'AccessExclusiveLock'"
    with psycopg.connect(empty_database, options=f"-c search_path={SCHEMA}") as long:
        long.execute("SELECT * FROM one")
        with in_a_thread(lambda: migrate(empty_database, SCHEMA, roles=None, source=files)) as got:
            connection.execute("SET lock_timeout = '10s'")
            for attempt in range(1, 4):
                wait_until(
                    lambda: connection.execute(begun).fetchone() == (1,), timeout=30, what=f"attempt {attempt} to wait"
                )
                assert connection.execute("SELECT count(*) FROM one").fetchone() == (9,)
                connection.execute("INSERT INTO one (a) VALUES (1)")
                connection.execute("DELETE FROM one WHERE ctid = (SELECT max(ctid) FROM one)")
            assert got == []
            long.rollback()
    assert got == [["0002_primary_more"]]


def test_waiting_for_tables_has_a_limit_and_leaves_nothing(
    empty_database: str, connection: psycopg.Connection, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "_TABLES_WAIT_S", 1.0)
    (files / "0002_primary_new.sql").write_text("CREATE TABLE two (a int)")
    (files / "0003_primary_more.sql").write_text("CREATE TABLE three (a int); ALTER TABLE one ADD COLUMN b int")
    with psycopg.connect(empty_database, options=f"-c search_path={SCHEMA}") as long:
        long.execute("SELECT * FROM one")
        with pytest.raises(PostgresUnreachable, match=r"long transactions hold its tables.*lock timeout"):
            migrate(empty_database, SCHEMA, roles=None, source=files)
    assert current_version(connection, SCHEMA) == "0002"
    assert connection.execute("SELECT to_regclass('two'), to_regclass('three')").fetchone() == ("two", None)
    assert migrate(empty_database, SCHEMA, roles=None, source=files) == ["0003_primary_more"]


def test_one_that_is_killed_leaves_nothing_half_and_no_lock(
    empty_database: str, connection: psycopg.Connection, files: Path
) -> None:
    second = files / "0002_primary_long.sql"
    second.write_text("ALTER TABLE one ADD COLUMN b int; CREATE TABLE two (a int); SELECT pg_sleep(600)")
    process = in_a_process(empty_database, files)
    try:
        wait_until(lambda: at_work(connection, "pg_sleep"), timeout=60, what="the middle of the migration")
    finally:
        process.kill()
        process.wait(30)
    second.write_text("ALTER TABLE one ADD COLUMN b int; CREATE TABLE two (a int)")
    # Nobody ends its session for it: the server notices that its client has gone.
    assert migrate(empty_database, SCHEMA, roles=None, source=files) == ["0002_primary_long"]


def test_an_index_of_a_live_table_is_made_beside_writers_and_other_migrations(
    empty_database: str, connection: psycopg.Connection, files: Path
) -> None:
    (files / "0002_primary_index.sql").write_text(
        "-- outside a transaction\n-- oldest program: 0001\nCREATE INDEX CONCURRENTLY IF NOT EXISTS one_idx ON one (a)"
    )
    with psycopg.connect(empty_database, options=f"-c search_path={SCHEMA}") as old:
        old.execute("INSERT INTO one (a) VALUES (1)")

        def migrated() -> list[str]:
            return migrate(empty_database, SCHEMA, roles=None, source=files)

        with in_a_thread(migrated) as first, in_a_thread(migrated) as second:
            wait_until(lambda: at_work(connection, "CONCURRENTLY"), timeout=60, what="an index under way")
            connection.execute("SET lock_timeout = '10s'")
            connection.execute("INSERT INTO one (a) VALUES (2)")
            old.commit()
    assert sorted([*first, *second], key=str) == [["0002_primary_index"], []]
    assert valid_indexes(connection) == {"one_idx": True}
    assert connection.execute("SELECT oldest_program FROM migration_history ORDER BY 1").fetchall() == [
        ("0001",),
        (None,),
    ]


def test_an_index_whose_making_was_killed_is_made_anew(
    empty_database: str, connection: psycopg.Connection, files: Path
) -> None:
    (files / "0002_primary_index.sql").write_text(
        "-- outside a transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS one_idx ON one (a)"
    )
    with psycopg.connect(empty_database, options=f"-c search_path={SCHEMA}") as old:
        old.execute("INSERT INTO one (a) VALUES (1)")
        process = in_a_process(empty_database, files)
        try:
            wait_until(lambda: valid_indexes(connection) == {"one_idx": False}, timeout=60, what="half an index")
        finally:
            process.kill()
            process.wait(30)
        wait_until(lambda: not at_work(connection, "CONCURRENTLY"), timeout=60, what="the end of its session")
    assert valid_indexes(connection) == {"one_idx": False}
    assert migrate(empty_database, SCHEMA, roles=None, source=files) == ["0002_primary_index"]
    assert valid_indexes(connection) == {"one_idx": True}
