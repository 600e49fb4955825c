"""The trading loop's role: what it may do with trade_decisions, and every try to do more, which must fail."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import errors, sql

from stream_reconcile.store.connect import connect
from support.logins import must_be_refused, temporary_logins

PLAN = """INSERT INTO trade_decisions (account_id, client_order_id, symbol, side, qty, order_type, limit_price,
              time_in_force, decided_at, not_before)
          VALUES ('account-1', %s, 'AAPL', 'buy', 10, 'limit', 187.5, 'day', now(), now()) RETURNING decision_id"""
SUBMIT = "UPDATE trade_decisions SET submitted_at = now() WHERE decision_id = %s"
RESULT = "UPDATE trade_decisions SET submit_result = %s WHERE decision_id = %s"


@pytest.fixture
def owner(database: str) -> Iterator[psycopg.Connection]:
    with connect(database, "reconcile", name="owner") as connection:
        yield connection


@pytest.fixture
def loops(database: str) -> Iterator[list[psycopg.Connection]]:
    """Two trading loops, each with a login of its own."""
    with (
        temporary_logins(database) as make_login,
        connect(make_login("reconcile_intent"), "reconcile", name="loop 1") as first,
        connect(make_login("reconcile_intent"), "reconcile", name="loop 2") as second,
    ):
        yield [first, second]


@pytest.fixture
def loop(loops: list[psycopg.Connection]) -> psycopg.Connection:
    return loops[0]


def plan(loop: psycopg.Connection, client_order_id: str = "c-1") -> UUID:
    row = loop.execute(PLAN, [client_order_id]).fetchone()
    assert row is not None
    assert isinstance(row[0], UUID)
    return row[0]


def stands(owner: psycopg.Connection, decision: UUID, columns: str) -> tuple[object, ...]:
    query = sql.SQL("SELECT " + columns + " FROM trade_decisions WHERE decision_id = %s")
    row = owner.execute(query, [decision]).fetchone()
    assert row is not None
    return tuple(row)


def test_a_loop_plans_submits_and_tells_the_result(loop: psycopg.Connection, owner: psycopg.Connection) -> None:
    decision = plan(loop)
    assert stands(owner, decision, "state, submitted_at, inserted_by") == ("planned", None, loop.info.user)
    loop.execute(SUBMIT, [decision])
    assert stands(owner, decision, "state, submitted_at IS NOT NULL, submit_result") == ("submitted", True, None)
    loop.execute(RESULT, ["accepted", decision])
    assert stands(owner, decision, "state, submit_result") == ("submitted", "accepted")
    seen = loop.execute("SELECT decision_id, account_id, client_order_id, submitted_at, state FROM trade_decisions")
    assert [row[0] for row in seen] == [decision]


def test_the_id_may_come_from_the_loop(loop: psycopg.Connection, owner: psycopg.Connection) -> None:
    decision = uuid4()
    statement = (
        "INSERT INTO trade_decisions (decision_id, account_id, client_order_id, notional) VALUES (%s, 'a', 'c', 5)"
    )
    loop.execute(statement, [decision])
    assert stands(owner, decision, "state, notional = 5, decided_at IS NOT NULL") == ("planned", True, True)


def test_a_retry_that_says_the_same_is_harmless(loop: psycopg.Connection) -> None:
    decision = plan(loop)
    at = "2026-01-05T14:30:00Z"
    for _ in range(2):
        loop.execute(
            "UPDATE trade_decisions SET submitted_at = %s, submit_result = 'ambiguous' WHERE decision_id = %s",
            [at, decision],
        )


def test_submission_is_recorded_once(loop: psycopg.Connection, owner: psycopg.Connection) -> None:
    decision = plan(loop)
    loop.execute(SUBMIT, [decision])
    loop.execute(RESULT, ["ambiguous", decision])
    before = stands(owner, decision, "submitted_at, submit_result")
    for change in (
        "submitted_at = now() + interval '1 second'",
        "submitted_at = NULL",
        "submit_result = 'accepted'",
        "submit_result = NULL",
    ):
        with pytest.raises(errors.ObjectNotInPrerequisiteState, match="set once"):
            loop.execute(sql.SQL("UPDATE trade_decisions SET " + change + " WHERE decision_id = %s"), [decision])
    assert stands(owner, decision, "submitted_at, submit_result") == before


def test_the_writer_may_not_rewrite_a_submission_either(loop: psycopg.Connection, owner: psycopg.Connection) -> None:
    decision = plan(loop)
    loop.execute(SUBMIT, [decision])
    with pytest.raises(errors.ObjectNotInPrerequisiteState, match="set once"):
        owner.execute("UPDATE trade_decisions SET submitted_at = NULL")


def test_a_late_submission_does_not_undo_what_apply_or_the_sweep_said(
    loop: psycopg.Connection, owner: psycopg.Connection
) -> None:
    bound, unknown = plan(loop, "c-1"), plan(loop, "c-2")
    owner.execute(
        "UPDATE trade_decisions SET state = 'bound', alpaca_order_id = 'o', bound_at = now() WHERE decision_id = %s",
        [bound],
    )
    owner.execute("UPDATE trade_decisions SET state = 'unknown' WHERE decision_id = %s", [unknown])
    for decision in (bound, unknown):
        loop.execute(SUBMIT, [decision])
    assert stands(owner, bound, "state") == ("bound",)
    assert stands(owner, unknown, "state") == ("unknown",)


def test_only_the_login_that_inserted_a_decision_submits_it(
    loops: list[psycopg.Connection], owner: psycopg.Connection
) -> None:
    decision = plan(loops[0])
    for statement, parameters in ((SUBMIT, [decision]), (RESULT, ["accepted", decision])):
        with pytest.raises(errors.InsufficientPrivilege, match="inserted by another login"):
            loops[1].execute(statement, parameters)
    assert stands(owner, decision, "state, submitted_at, submit_result") == ("planned", None, None)


def test_acting_as_the_group_role_is_still_the_own_login(loops: list[psycopg.Connection]) -> None:
    decision = plan(loops[0])
    for one in loops:
        one.execute("SET ROLE reconcile_intent")
    with pytest.raises(errors.InsufficientPrivilege, match="another login"):
        loops[1].execute(SUBMIT, [decision])
    loops[0].execute(SUBMIT, [decision])


def test_one_row_a_statement(loop: psycopg.Connection, owner: psycopg.Connection) -> None:
    decisions = [plan(loop, f"c-{number}") for number in range(3)]
    for statement in (
        "UPDATE trade_decisions SET submitted_at = now()",
        "UPDATE trade_decisions SET submit_result = 'refused'",
    ):
        with pytest.raises(errors.InsufficientPrivilege, match="one row only"):
            loop.execute(statement)
    for decision in decisions:
        assert stands(owner, decision, "state, submitted_at, submit_result") == ("planned", None, None)
    owner.execute("UPDATE trade_decisions SET state = 'unknown'")  # the jobs may


def test_an_intent_stands_once_per_account_and_client_order_id(loop: psycopg.Connection) -> None:
    plan(loop)
    with pytest.raises(errors.UniqueViolation):
        plan(loop)


def test_all_else_is_refused(loop: psycopg.Connection) -> None:
    plan(loop)
    must_be_refused(
        loop,
        "SELECT * FROM trade_decisions",
        "SELECT qty FROM trade_decisions",
        "SELECT alpaca_order_id FROM trade_decisions",
        "SELECT inserted_by FROM trade_decisions",
        "SELECT submit_result FROM trade_decisions",
        "SELECT FROM trade_decisions WHERE qty > 5",
        "COPY trade_decisions (client_order_id, qty) TO STDOUT",
        "UPDATE trade_decisions SET submit_result = 'accepted' WHERE qty = 10",
        "UPDATE trade_decisions SET submit_result = 'accepted' RETURNING qty",
        "INSERT INTO trade_decisions (account_id, client_order_id) VALUES ('a', 'x') RETURNING inserted_by",
        "INSERT INTO trade_decisions (account_id, client_order_id) VALUES ('account-1', 'c-1')"
        " ON CONFLICT (account_id, client_order_id) DO UPDATE SET qty = 99",
        "UPDATE trade_decisions SET state = 'planned'",
        "UPDATE trade_decisions SET state = 'bound'",
        "UPDATE trade_decisions SET qty = 99",
        "UPDATE trade_decisions SET client_order_id = 'other'",
        "UPDATE trade_decisions SET alpaca_order_id = 'o'",
        "UPDATE trade_decisions SET bound_at = now()",
        "UPDATE trade_decisions SET inserted_by = session_user",
        "DELETE FROM trade_decisions",
        "DELETE FROM trade_decisions WHERE client_order_id = 'c-1'",
        "CREATE TRIGGER t BEFORE UPDATE ON trade_decisions EXECUTE FUNCTION trade_decisions_guard_row()",
        "TRUNCATE trade_decisions",
        "LOCK TABLE trade_decisions IN ACCESS EXCLUSIVE MODE",
        "ALTER TABLE trade_decisions DISABLE TRIGGER guard_row",
        "DROP TRIGGER guard_row ON trade_decisions",
        "SET session_replication_role = replica",  # would switch the triggers off
        "SET ROLE reconcile_writer",
        "INSERT INTO trade_decisions (account_id, client_order_id, state) VALUES ('a', 'x', 'bound')",
        "INSERT INTO trade_decisions (account_id, client_order_id, submitted_at) VALUES ('a', 'x', now())",
        "INSERT INTO trade_decisions (account_id, client_order_id, submit_result) VALUES ('a', 'x', 'accepted')",
        "INSERT INTO trade_decisions (account_id, client_order_id, alpaca_order_id) VALUES ('a', 'x', 'o')",
        "INSERT INTO trade_decisions (account_id, client_order_id, inserted_by) VALUES ('a', 'x', 'other')",
        "INSERT INTO trade_decisions (account_id, client_order_id, inserted_at) VALUES ('a', 'x', now())",
        "SELECT FROM executions",
        "SELECT FROM fills",
        "SELECT FROM order_events",
        "SELECT FROM accounts",
        "SELECT FROM discrepancies",
        "SELECT FROM leases",
        "SELECT FROM stream_cursors",
        "SELECT FROM schema_version",
        "INSERT INTO operator_actions (action, subject, who, why) VALUES ('rewind', 't', 'me', '')",
        "CREATE TABLE reconcile.extra (a int)",
        "CREATE FUNCTION reconcile.extra() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "SELECT why('o')",
    )


def test_an_intent_that_makes_no_sense_is_refused(loop: psycopg.Connection) -> None:
    for values in (("", "c", 1), ("a", "", 1), ("a", "c", 0), ("a", "c", -1)):
        with pytest.raises(errors.CheckViolation):
            loop.execute("INSERT INTO trade_decisions (account_id, client_order_id, qty) VALUES (%s, %s, %s)", values)


def test_an_upsert_is_no_way_round_the_row_rule(loops: list[psycopg.Connection]) -> None:
    plan(loops[0])
    statement = """INSERT INTO trade_decisions (account_id, client_order_id) VALUES ('account-1', 'c-1')
                   ON CONFLICT (account_id, client_order_id) DO UPDATE SET submitted_at = now()"""
    with pytest.raises(errors.InsufficientPrivilege, match="another login"):
        loops[1].execute(statement)


def test_own_functions_in_front_of_postgres_are_no_way_round_the_row_rule(
    database: str, loops: list[psycopg.Connection], owner: psycopg.Connection
) -> None:
    decision = plan(loops[0])
    # The worst case: a login that may create a schema of its own, and shadows what the rule is made of.
    owner.execute("CREATE SCHEMA evil")
    owner.execute(sql.SQL("ALTER SCHEMA evil OWNER TO {}").format(sql.Identifier(loops[1].info.user)))
    loops[1].execute(
        "CREATE FUNCTION evil.has_column_privilege(name, oid, text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true'"
    )
    loops[1].execute("SET search_path = evil, reconcile, pg_catalog")
    with pytest.raises(errors.InsufficientPrivilege, match="another login"):
        loops[1].execute(SUBMIT, [decision])
