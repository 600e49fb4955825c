"""Each role can do its job and not more; and what happens where we may not make roles."""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import astuple
from pathlib import Path

import psycopg
import pytest
import structlog
from psycopg import conninfo, sql

from stream_reconcile.core.errors import RefusedError
from stream_reconcile.store.connect import connect
from stream_reconcile.store.migration_files import find_migrations
from stream_reconcile.store.migrations import create_derived, current_version, migrate, require_current
from stream_reconcile.store.readers import dead_letter, dead_letters
from stream_reconcile.store.roles import RoleNames, roles_sql
from support.logins import MakeLogin, must_be_refused, temporary_logins
from support.servers import create_database, drop_database

ALL = [migration.name for migration in find_migrations()]

PUT_DEAD_LETTER = """INSERT INTO dead_letters (topic_id, topic, partition, "offset", payload, account_id, reason, error)
                     VALUES ('id', 't', 0, 1, 'raw', 'a', 'bad', 'bad')"""
PUT_DISCREPANCY = "INSERT INTO discrepancies (account_id, type, subject) VALUES ('a', 'missing_fill', 'o')"
PUT_DECISION = "INSERT INTO trade_decisions (account_id, client_order_id, qty) VALUES ('a', 'c', 1)"


@pytest.fixture
def make_login(database: str) -> Iterator[MakeLogin]:
    with temporary_logins(database) as make:
        yield make


@pytest.fixture
def own_roles(postgres_server: str) -> Iterator[RoleNames]:
    """Names that no other test uses, for roles that may be there or not; dropped after the test."""
    tag = secrets.token_hex(4)
    names = RoleNames(*(f"{kind}_{tag}" for kind in ("migrator", "writer", "reader", "intent")))
    yield names
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        for name in astuple(names):
            connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(name)))


def test_a_writer_writes_every_table_it_has_to(database: str, make_login: MakeLogin) -> None:
    with connect(make_login("reconcile_writer"), "reconcile", name="t") as writer:
        require_current(writer, "reconcile")
        writer.execute("CREATE TEMPORARY TABLE batch (LIKE order_events) ON COMMIT DELETE ROWS")
        for statement in (
            PUT_DEAD_LETTER,
            "DELETE FROM dead_letters",
            "DELETE FROM fills",
            PUT_DISCREPANCY,
            "UPDATE discrepancies SET state = 'resolved', resolved_at = now()",
            "INSERT INTO accounts (account_id, key_fingerprint) VALUES ('a', 'f')",
            "INSERT INTO leases VALUES ('sweep', 'a', 'me', 1, now()) ON CONFLICT (job, account_id) DO NOTHING",
            "SELECT FROM leases FOR SHARE",
            PUT_DECISION,
            "UPDATE trade_decisions SET state = 'bound', alpaca_order_id = 'o', bound_at = now()",
            "INSERT INTO operator_actions (action, subject, who, why) VALUES ('sweep', 'a', 'me', '')",
            "UPDATE operator_actions SET after = '{}', finished_at = now()",
        ):
            writer.execute(statement)


def test_a_writer_can_do_no_more(database: str, make_login: MakeLogin) -> None:
    with connect(make_login("reconcile_writer"), "reconcile", name="t") as writer:
        must_be_refused(
            writer,
            "CREATE TABLE reconcile.extra (a int)",
            "ALTER TABLE executions ADD COLUMN extra int",
            "DROP TABLE fills",
            "TRUNCATE fills",
            "CREATE SCHEMA extra",
            "CREATE INDEX ON executions (symbol)",
            "ALTER TABLE trade_decisions DISABLE TRIGGER ALL",
            "DELETE FROM trade_decisions",
            "DELETE FROM discrepancies",
            "DELETE FROM operator_actions",
            "UPDATE operator_actions SET who = 'another'",
            "UPDATE trade_decisions SET qty = 2",
            "UPDATE trade_decisions SET inserted_by = 'another'",
            "UPDATE schema_version SET version_num = '9999'",
            "DELETE FROM migration_history",
            "SET ROLE reconcile_migrator",
            "CREATE ROLE extra",
        )


def test_a_reader_sees_all_but_raw_bytes(database: str, make_login: MakeLogin) -> None:
    with connect(database, "reconcile", name="t") as owner:
        owner.execute(PUT_DEAD_LETTER)
        tables = owner.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'reconcile'").fetchall()
    with connect(make_login("reconcile_reader"), "reconcile", name="t") as reader:
        require_current(reader, "reconcile")
        for (table,) in tables:
            if table != "dead_letters":
                reader.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table)))
        assert [letter.offset for letter in dead_letters(reader)] == [1]
        must_be_refused(
            reader, "SELECT payload FROM dead_letters", "SELECT key FROM dead_letters", "SELECT * FROM dead_letters"
        )
        with pytest.raises(RefusedError, match="writer role"):
            dead_letter(reader, "t", 0, 1)
    with connect(make_login("reconcile_writer"), "reconcile", name="t") as writer:
        letter = dead_letter(writer, "t", 0, 1)
        assert letter is not None
        assert letter.payload == b"raw"


def test_a_reader_writes_nothing(database: str, make_login: MakeLogin) -> None:
    with connect(make_login("reconcile_reader"), "reconcile", name="t") as reader:
        must_be_refused(
            reader,
            PUT_DEAD_LETTER,
            PUT_DISCREPANCY,
            PUT_DECISION,
            "UPDATE executions SET status = 'x'",
            "DELETE FROM fills",
            "TRUNCATE fills",
            "SELECT FROM leases FOR SHARE",
            "CREATE TABLE reconcile.extra (a int)",
            "SELECT FROM stream_cursors FOR UPDATE",
        )


def test_no_role_reads_the_servers_files_or_runs_its_programs(database: str, make_login: MakeLogin) -> None:
    for role in astuple(RoleNames()):
        with connect(make_login(role), "reconcile", name="t") as connection:
            must_be_refused(
                connection,
                "COPY pg_catalog.pg_class TO '/stolen'",
                "COPY (SELECT 1) TO PROGRAM 'true'",
                "SELECT pg_read_file('postgresql.conf')",
                "SELECT rolpassword FROM pg_authid",
                "SET SESSION AUTHORIZATION postgres",
                "ALTER ROLE postgres PASSWORD 'x'",
                "GRANT reconcile_migrator TO reconcile_reader",
            )


def test_functions_run_with_the_rights_of_who_calls_them(database: str) -> None:
    """None is SECURITY DEFINER, which would lend the owner's rights to whoever may call it."""
    with connect(database, "reconcile", name="t") as owner:
        lending = owner.execute(
            "SELECT proname FROM pg_proc WHERE pronamespace = 'reconcile'::regnamespace AND prosecdef"
        ).fetchall()
        assert lending == []
        public = owner.execute(
            "SELECT relname FROM pg_class, aclexplode(relacl) acl "
            "WHERE relnamespace = 'reconcile'::regnamespace AND acl.grantee = 0"
        ).fetchall()
        assert public == []  # nothing is for everybody


def test_a_login_without_a_role_sees_nothing(database: str, make_login: MakeLogin) -> None:
    with connect(make_login(), "reconcile", name="t") as stranger:
        must_be_refused(stranger, "SELECT FROM reconcile.executions", "SELECT FROM reconcile.trade_decisions")
        with pytest.raises(RefusedError, match="may not read schema reconcile"):
            current_version(stranger, "reconcile")


def test_tables_of_later_migrations_are_covered(database: str, make_login: MakeLogin) -> None:
    with connect(make_login("reconcile_migrator"), "reconcile", name="t") as migrator:
        migrator.execute("SET ROLE reconcile_migrator")
        migrator.execute("CREATE TABLE later (a int)")
    with connect(make_login("reconcile_writer"), "reconcile", name="t") as writer:
        writer.execute("INSERT INTO later VALUES (1)")
        must_be_refused(writer, "DROP TABLE later")
    with connect(make_login("reconcile_reader"), "reconcile", name="t") as reader:
        assert reader.execute("SELECT a FROM later").fetchall() == [(1,)]
        must_be_refused(reader, "INSERT INTO later VALUES (1)")


def test_a_migrator_login_migrates_and_others_find_nothing_to_do(empty_database: str) -> None:
    with temporary_logins(empty_database) as make_login:
        writer = make_login("reconcile_writer")
        with psycopg.connect(empty_database, autocommit=True) as owner:
            owner.execute("CREATE SCHEMA reconcile AUTHORIZATION reconcile_migrator")
        with pytest.raises(RefusedError, match="lacks 0001_primary, and this login does not own it"):
            migrate(writer, "reconcile")
        assert migrate(make_login("reconcile_migrator"), "reconcile") == ALL
        assert migrate(writer, "reconcile") == []


def test_where_no_schema_may_be_made_that_is_said(empty_database: str) -> None:
    with temporary_logins(empty_database) as make_login, pytest.raises(RefusedError, match="permission denied"):
        migrate(make_login(), "reconcile")


def test_without_the_right_to_make_roles_it_migrates_and_an_administrator_adds_them(
    empty_database: str, own_roles: RoleNames
) -> None:
    with temporary_logins(empty_database) as make_login:
        plain = make_login()
        login = conninfo.conninfo_to_dict(plain)["user"]
        with psycopg.connect(empty_database, autocommit=True) as administrator:
            database = sql.Identifier(str(conninfo.conninfo_to_dict(empty_database)["dbname"]))
            administrator.execute(
                sql.SQL("GRANT CREATE ON DATABASE {} TO {}").format(database, sql.Identifier(str(login)))
            )
            with structlog.testing.capture_logs() as logs:
                assert migrate(plain, "reconcile", roles=own_roles) == ALL
            assert [e["roles"] for e in logs if e["event"] == "roles_missing"] == [list(astuple(own_roles))]
            administrator.execute(roles_sql("reconcile", own_roles))
            administrator.execute(roles_sql("reconcile", own_roles))  # harmless when run again
        with connect(make_login(own_roles.writer), "reconcile", name="t") as writer:
            writer.execute(PUT_DISCREPANCY)
            must_be_refused(writer, "DELETE FROM discrepancies")
        assert migrate(plain, "reconcile", roles=own_roles) == []


def test_a_login_with_createrole_sets_everything_up_alone(empty_database: str, own_roles: RoleNames) -> None:
    with temporary_logins(empty_database) as make_login:
        creator = make_login(options="CREATEROLE")
        name = sql.Identifier(str(conninfo.conninfo_to_dict(creator)["user"]))
        with psycopg.connect(empty_database, autocommit=True) as administrator:
            database = sql.Identifier(str(conninfo.conninfo_to_dict(empty_database)["dbname"]))
            administrator.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(database, name))
            assert migrate(creator, "reconcile", roles=own_roles) == ALL
            owner = administrator.execute("SELECT tableowner FROM pg_tables WHERE tablename = 'fills'").fetchall()
            assert owner == [(own_roles.migrator,)]
            assert migrate(creator, "reconcile", roles=own_roles) == []
            assert create_derived(creator, "replay_1", roles=own_roles)
            with connect(make_login(own_roles.writer), "replay_1", name="t") as writer:
                writer.execute(PUT_DEAD_LETTER)
            with connect(creator, "reconcile", name="t") as jobs:  # one login for everything works as well
                jobs.execute(PUT_DECISION)
                jobs.execute("UPDATE trade_decisions SET state = 'unknown'")
            administrator.execute(sql.SQL("ALTER DATABASE {} OWNER TO CURRENT_USER").format(database))
            administrator.execute("DROP SCHEMA reconcile, replay_1 CASCADE")


def test_two_databases_of_a_cluster_make_the_roles_at_once(postgres_server: str, own_roles: RoleNames) -> None:
    program = (
        "import sys\n"
        "from stream_reconcile.store.migrations import migrate\n"
        "from stream_reconcile.store.roles import RoleNames\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "migrate(sys.argv[1], 'reconcile', roles=RoleNames(*sys.argv[2:]))"
    )
    root = Path(__file__).resolve().parents[2]
    databases = [f"test_{secrets.token_hex(6)}" for _ in range(3)]
    try:
        running = []
        for database in databases:
            command = [sys.executable, "-c", program, create_database(postgres_server, database), *astuple(own_roles)]
            running.append(
                subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
        for process in running:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in running:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        for process in running:
            process.communicate(timeout=60)
        assert [process.returncode for process in running] == [0, 0, 0]
    finally:
        for database in databases:
            drop_database(postgres_server, database)
