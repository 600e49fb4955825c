"""Migrations on a real Postgres: order, history, locking, and what is refused."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import psycopg
import pytest
from psycopg import conninfo
from structlog.testing import capture_logs

from stream_reconcile.core.errors import ConfigError, PostgresUnreachable, SchemaMismatch
from stream_reconcile.store import migration_locks, migrations
from stream_reconcile.store.migration_files import find_migrations
from stream_reconcile.store.migrations import (
    create_derived,
    current_version,
    expected_version,
    migrate,
    require_current,
)
from support.waiting import wait_until

ALL = [migration.name for migration in find_migrations()]
DERIVED = [migration.name for migration in find_migrations() if migration.kind == "derived"]

PRIMARY_TABLES = {
    "accounts",
    "trade_decisions",
    "leases",
    "stream_sessions",
    "stream_gaps",
    "discrepancies",
    "operator_actions",
}
DERIVED_TABLES = {"executions", "fills", "order_events", "fill_evidence", "stream_cursors", "dead_letters"}
HISTORY_TABLES = {"schema_version", "migration_history"}


@pytest.fixture
def connection(empty_database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(empty_database, autocommit=True) as opened:
        yield opened


@pytest.fixture
def migrated(database: str) -> Iterator[psycopg.Connection]:
    """To a copy of a database that `migrate` has made."""
    with psycopg.connect(database, autocommit=True) as opened:
        yield opened


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Two small migrations of our own, to change at will."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "0001_primary.sql").write_text("CREATE TABLE one (a int);")
    (folder / "0002_derived.sql").write_text("CREATE TABLE two (a int); -- 100 % :of it\nCREATE TABLE three (a int);")
    return folder


def tables(connection: psycopg.Connection, schema: str) -> set[str]:
    rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [schema])
    return {row[0] for row in rows}


def test_a_new_schema_gets_everything_and_a_second_run_does_nothing(
    empty_database: str, connection: psycopg.Connection
) -> None:
    assert current_version(connection, "reconcile") is None
    assert migrate(empty_database, "reconcile") == ALL
    assert tables(connection, "reconcile") >= PRIMARY_TABLES | DERIVED_TABLES | HISTORY_TABLES
    assert current_version(connection, "reconcile") == expected_version()
    require_current(connection, "reconcile")
    assert migrate(empty_database, "reconcile") == []
    history = connection.execute("SELECT name FROM reconcile.migration_history ORDER BY version").fetchall()
    assert [row[0] for row in history] == ALL
    assert tables(connection, "public") == set()


def test_everything_belongs_to_the_migrator_role(migrated: psycopg.Connection) -> None:
    owners = migrated.execute(
        """SELECT DISTINCT pg_get_userbyid(o) FROM (
               SELECT relowner FROM pg_class WHERE relnamespace = 'reconcile'::regnamespace UNION ALL
               SELECT proowner FROM pg_proc WHERE pronamespace = 'reconcile'::regnamespace UNION ALL
               SELECT nspowner FROM pg_namespace WHERE nspname = 'reconcile') AS all_owners(o)"""
    ).fetchall()
    assert owners == [("reconcile_migrator",)]


def test_derived_tables_alone_in_a_second_schema(database: str, migrated: psycopg.Connection) -> None:
    assert create_derived(database, "replay_1") == DERIVED
    made = tables(migrated, "replay_1")
    assert made >= DERIVED_TABLES | HISTORY_TABLES
    assert not made & PRIMARY_TABLES
    assert create_derived(database, "replay_1") == []
    columns = """SELECT table_name, column_name, data_type, collation_name, is_nullable FROM information_schema.columns
                 WHERE table_schema = %s AND table_name = ANY(%s) ORDER BY 1, 2"""
    live = migrated.execute(columns, ["reconcile", list(DERIVED_TABLES)]).fetchall()
    assert live == migrated.execute(columns, ["replay_1", list(DERIVED_TABLES)]).fetchall()


def test_the_two_kinds_of_schema_are_not_mixed(database: str, migrated: psycopg.Connection) -> None:
    create_derived(database, "replay_1")
    with pytest.raises(SchemaMismatch, match="use another name"):
        create_derived(database, "reconcile")
    with pytest.raises(SchemaMismatch, match="use another name"):
        migrate(database, "replay_1")
    assert not tables(migrated, "replay_1") & PRIMARY_TABLES


def test_a_file_added_later_is_all_that_a_migration_needs(
    empty_database: str, connection: psycopg.Connection, files: Path
) -> None:
    assert migrate(empty_database, "s", roles=None, source=files) == ["0001_primary", "0002_derived"]
    (files / "0003_derived_more.sql").write_text("ALTER TABLE two ADD COLUMN b int")
    with pytest.raises(SchemaMismatch, match=r"stands at 0002_derived, this program needs 0003_derived_more.*migrate"):
        require_current(connection, "s", source=files)
    assert migrate(empty_database, "s", roles=None, source=files) == ["0003_derived_more"]
    require_current(connection, "s", source=files)
    assert tables(connection, "s") == {"one", "two", "three"} | HISTORY_TABLES
    assert connection.execute("SELECT version_num FROM s.schema_version").fetchall() == [("0003",)]


def test_a_schema_without_tables_says_how_to_get_them(empty_database: str, connection: psycopg.Connection) -> None:
    with pytest.raises(SchemaMismatch, match=r"no tables of ours yet.*`stream-reconcile migrate`"):
        require_current(connection, "reconcile")


def test_an_older_program_goes_on_and_leaves_a_newer_schema_as_it_is(
    empty_database: str, connection: psycopg.Connection, files: Path
) -> None:
    newer = shutil.copytree(files, files.parent / "newer")
    (newer / "0003_primary_future.sql").write_text("CREATE TABLE four (a int)")
    (newer / "0004_derived_future.sql").write_text("CREATE TABLE five (a int)")
    migrate(empty_database, "s", roles=None, source=newer)
    assert require_current(connection, "s", source=files) == "0004"
    # Its rights belong to the newer program: the older one would give the default ones again.
    assert migrate(empty_database, "s", source=files) == []
    assert connection.execute("SELECT relacl FROM pg_class WHERE oid = 's.four'::regclass").fetchall() == [(None,)]
    create_derived(empty_database, "replay", roles=None, source=newer)
    with pytest.raises(SchemaMismatch, match=r"newer program \(it stands at 0004_derived_future, this one .* 0002\)"):
        create_derived(empty_database, "replay", roles=None, source=files)
    (files / "0001_primary.sql").write_text("CREATE TABLE one (b int);")
    with pytest.raises(SchemaMismatch, match="0001_primary was changed"):
        require_current(connection, "s", source=files)


def test_an_older_program_that_is_left_behind_ends(
    empty_database: str, connection: psycopg.Connection, files: Path
) -> None:
    newer = shutil.copytree(files, files.parent / "newer")
    (newer / "0003_primary_future.sql").write_text("CREATE TABLE four (a int)")
    (newer / "0004_primary_end.sql").write_text("-- oldest program: 0003\nDROP TABLE one")
    (newer / "0005_primary_more.sql").write_text("-- oldest program: 0002\nDROP TABLE three")
    migrate(empty_database, "s", roles=None, source=newer)
    for attempt in (
        lambda: migrate(empty_database, "s", roles=None, source=files),
        lambda: require_current(connection, "s", source=files),
    ):
        with pytest.raises(SchemaMismatch, match=r"0005_primary_more, which is newer .*up to 0002.*to know 0003"):
            attempt()
    (files / "0003_primary_future.sql").write_text("CREATE TABLE four (a int)")
    assert require_current(connection, "s", source=files) == "0005"


def test_a_schema_with_a_hole_is_refused(empty_database: str, connection: psycopg.Connection, files: Path) -> None:
    newer = shutil.copytree(files, files.parent / "newer")
    (newer / "0004_primary_future.sql").write_text("CREATE TABLE four (a int)")
    migrate(empty_database, "s", roles=None, source=newer)
    (files / "0003_primary_ours.sql").write_text("CREATE TABLE ours (a int)")
    with pytest.raises(SchemaMismatch, match=r"has 0004_primary_future and lacks 0003_primary_ours"):
        require_current(connection, "s", source=files)


def test_a_history_begun_before_programs_were_told_apart(
    empty_database: str, connection: psycopg.Connection, files: Path
) -> None:
    migrate(empty_database, "s", roles=None, source=files)
    connection.execute("ALTER TABLE s.migration_history DROP COLUMN oldest_program")
    assert require_current(connection, "s", source=files) == "0002"
    (files / "0003_primary.sql").write_text("-- oldest program: 0003\nCREATE TABLE four (a int)")
    assert migrate(empty_database, "s", roles=None, source=files) == ["0003_primary"]
    rows = connection.execute("SELECT oldest_program FROM s.migration_history ORDER BY version").fetchall()
    assert rows == [(None,), (None,), ("0003",)]


def test_a_file_changed_after_it_was_applied_is_refused(
    empty_database: str, connection: psycopg.Connection, files: Path
) -> None:
    migrate(empty_database, "s", roles=None, source=files)
    (files / "0001_primary.sql").write_text("CREATE TABLE one (a int, b int);")
    (files / "0003_primary.sql").write_text("CREATE TABLE four (a int)")
    with pytest.raises(SchemaMismatch, match="0001_primary was changed"):
        migrate(empty_database, "s", roles=None, source=files)
    assert "four" not in tables(connection, "s")


def test_a_migration_that_fails_leaves_nothing_and_those_before_it_stay(
    empty_database: str, connection: psycopg.Connection, files: Path
) -> None:
    third = files / "0003_primary.sql"
    third.write_text("CREATE TABLE four (a int); INSERT INTO four SELECT 1 / 0;")
    with pytest.raises(SchemaMismatch, match="0003_primary failed and left nothing behind: division by zero"):
        migrate(empty_database, "s", roles=None, source=files)
    assert tables(connection, "s") == {"one", "two", "three"} | HISTORY_TABLES
    assert current_version(connection, "s") == "0002"
    third.write_text("CREATE TABLE four (a int)")
    assert migrate(empty_database, "s", roles=None, source=files) == ["0003_primary"]


def test_processes_that_migrate_at_once_apply_each_file_once(
    empty_database: str, connection: psycopg.Connection
) -> None:
    program = (
        "import sys; from stream_reconcile.store.migrations import migrate; print(*migrate(sys.argv[1], 'reconcile'))"
    )
    command = [sys.executable, "-W", "error", "-c", program, empty_database]
    root = Path(__file__).resolve().parents[2]
    waiting = """SELECT count(*) FROM pg_stat_activity
                 WHERE datname = current_database() AND query LIKE '%try_advisory_lock%' AND pid <> pg_backend_pid()"""
    # All of them stand before the lock before any may begin.
    connection.execute("SELECT pg_advisory_lock(%s)", [migration_locks.LOCK_KEY])
    running = [subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    wait_until(lambda: connection.execute(waiting).fetchall() == [(3,)], timeout=60, what="three processes at the lock")
    connection.execute("SELECT pg_advisory_unlock(%s)", [migration_locks.LOCK_KEY])
    outputs = [process.communicate(timeout=60)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0]
    # Log lines go to standard output too; the last line is what was applied.
    applied = sorted(output.splitlines()[-1] for output in outputs)
    assert applied == ["", "", " ".join(ALL)]
    assert current_version(connection, "reconcile") == expected_version()


def test_waiting_for_another_migration_has_a_limit(
    empty_database: str, connection: psycopg.Connection, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "_OTHERS_WAIT_S", 0.1)
    connection.execute("SELECT pg_advisory_lock(%s)", [migration_locks.LOCK_KEY])
    with pytest.raises(PostgresUnreachable, match="another migration"):
        migrate(empty_database, "s", roles=None, source=files)
    connection.execute("SELECT pg_advisory_unlock(%s)", [migration_locks.LOCK_KEY])
    assert migrate(empty_database, "s", roles=None, source=files)


def test_who_has_nothing_to_migrate_does_not_wait_for_who_has(
    empty_database: str, connection: psycopg.Connection, files: Path
) -> None:
    migrate(empty_database, "s", roles=None, source=files)
    connection.execute("SELECT pg_advisory_lock(%s)", [migration_locks.LOCK_KEY])
    with capture_logs() as logged:
        assert migrate(empty_database, "s", roles=None, source=files) == []
    assert "migration_waits" not in [line["event"] for line in logged]


def test_a_bad_schema_name_is_refused_before_anything_is_done(empty_database: str) -> None:
    with pytest.raises(ConfigError, match="schema name"):
        migrate(empty_database, 'x"; DROP SCHEMA public; --')


def test_an_absent_server_is_unreachable() -> None:
    with pytest.raises(PostgresUnreachable):
        migrate(conninfo.make_conninfo("", host="127.0.0.1", port=1, dbname="d", user="u"), "reconcile")


def test_the_files_are_part_of_the_installed_package() -> None:
    folder = resources.files("stream_reconcile.store").joinpath("sql", "migrations")
    assert {f"{name}.sql" for name in ALL} <= {file.name for file in folder.iterdir()}
