"""Recording decisions through `stream_reconcile.intents`, with a login that has the intent role and nothing else."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

from stream_reconcile import intents
from stream_reconcile.core.errors import DecisionExists, DecisionRefused, RefusedError, SchemaMismatch
from support.logins import MakeLogin, temporary_logins

AT = datetime(2026, 1, 5, 14, 30, 0, 123456, tzinfo=UTC)
INTENT = {
    "account_id": "account-1",
    "symbol": "AAPL",
    "side": "buy",
    "qty": "10.000000001",
    "order_type": "limit",
    "limit_price": Decimal("-187.50"),
    "time_in_force": "day",
    "decided_at": AT,
    "not_before": AT + timedelta(seconds=5),
}


@pytest.fixture
def make_login(database: str) -> Iterator[MakeLogin]:
    with temporary_logins(database) as make:
        yield make


@pytest.fixture
def dsn(make_login: MakeLogin) -> str:
    return make_login("reconcile_intent")


@pytest.fixture
def loop(dsn: str) -> Iterator[psycopg.Connection[Any]]:
    """As a program has it: no autocommit, its own row factory, no search_path."""
    with psycopg.connect(dsn, row_factory=dict_row) as connection:
        yield connection


@pytest.fixture
def owner(database: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database, autocommit=True, options="-c search_path=reconcile", row_factory=dict_row) as made:
        yield made


def decision(owner: psycopg.Connection[Any], decision_id: UUID) -> dict[str, Any]:
    row = owner.execute("SELECT * FROM trade_decisions WHERE decision_id = %s", [decision_id]).fetchone()
    assert row is not None
    found: dict[str, Any] = row
    return found


def test_every_column_arrives_exactly(loop: psycopg.Connection[Any], owner: psycopg.Connection[Any]) -> None:
    decision_id = intents.record(loop, client_order_id="c-1", **INTENT)
    loop.commit()
    row = decision(owner, decision_id)
    assert {name: row[name] for name in INTENT} == {**INTENT, "qty": Decimal("10.000000001")}
    assert (row["client_order_id"], row["state"], row["notional"]) == ("c-1", "planned", None)
    assert row["inserted_by"] == loop.info.user
    by_amount = intents.record(loop, account_id="account-1", client_order_id="c-2", notional=250)
    loop.commit()
    row = decision(owner, by_amount)
    assert (row["notional"], row["qty"], row["symbol"]) == (Decimal(250), None, None)
    assert row["decided_at"] == row["inserted_at"]


def test_nothing_is_committed_by_the_helper(loop: psycopg.Connection[Any], owner: psycopg.Connection[Any]) -> None:
    kept = intents.record(loop, client_order_id="c-1", **INTENT)
    loop.commit()
    intents.record(loop, client_order_id="c-2", **INTENT)
    intents.mark_submitted(loop, kept, "accepted")
    loop.rollback()
    rows = owner.execute("SELECT client_order_id, state FROM trade_decisions").fetchall()
    assert rows == [{"client_order_id": "c-1", "state": "planned"}]


def test_a_client_order_id_twice_names_the_one_that_stands_there(
    loop: psycopg.Connection[Any], owner: psycopg.Connection[Any]
) -> None:
    first = intents.record(loop, client_order_id="c-1", **INTENT)
    loop.commit()
    with pytest.raises(DecisionExists, match="no submission noted") as exists:
        intents.record(loop, client_order_id="c-1", **INTENT)
    assert (exists.value.decision_id, exists.value.submitted_at) == (first, None)
    intents.mark_submitted(loop, first, submitted_at=AT)  # the transaction is still good
    with pytest.raises(DecisionExists, match=", submitted") as exists:
        intents.record(loop, client_order_id="c-1", **INTENT)
    assert exists.value.submitted_at == AT
    elsewhere = intents.record(loop, client_order_id="c-1", **(INTENT | {"account_id": "account-2"}))
    loop.commit()
    assert decision(owner, elsewhere)["account_id"] == "account-2"


@pytest.mark.parametrize("result", ["accepted", "refused", "ambiguous"])
def test_submission_and_result_in_one_call_or_in_two(
    loop: psycopg.Connection[Any], owner: psycopg.Connection[Any], result: intents.Result
) -> None:
    at_once, in_two = (intents.record(loop, client_order_id=f"c-{each}", **INTENT) for each in range(2))
    loop.commit()
    intents.mark_submitted(loop, str(at_once), result, submitted_at=AT)
    intents.mark_submitted(loop, in_two)
    loop.commit()
    submitted = decision(owner, in_two)
    assert (submitted["state"], submitted["submit_result"]) == ("submitted", None)
    intents.mark_submitted(loop, in_two, result)
    loop.commit()
    assert decision(owner, in_two)["submitted_at"] == submitted["submitted_at"]
    assert decision(owner, in_two)["submit_result"] == result
    row = decision(owner, at_once)
    assert (row["state"], row["submitted_at"], row["submit_result"]) == ("submitted", AT, result)


def test_a_call_repeated_after_a_lost_connection_changes_nothing(
    loop: psycopg.Connection[Any], owner: psycopg.Connection[Any]
) -> None:
    decision_id = intents.record(loop, client_order_id="c-1", **INTENT)
    intents.mark_submitted(loop, decision_id, "ambiguous")
    loop.commit()
    before = decision(owner, decision_id)
    intents.mark_submitted(loop, decision_id, "ambiguous")
    loop.commit()
    assert decision(owner, decision_id) == before


def test_what_was_said_is_not_said_otherwise(loop: psycopg.Connection[Any], owner: psycopg.Connection[Any]) -> None:
    decision_id = intents.record(loop, client_order_id="c-1", **INTENT)
    intents.mark_submitted(loop, decision_id, "accepted", submitted_at=AT)
    loop.commit()
    before = decision(owner, decision_id)
    for again in (
        lambda: intents.mark_submitted(loop, decision_id),
        lambda: intents.mark_submitted(loop, decision_id, "refused"),
        lambda: intents.mark_submitted(loop, decision_id, "accepted", submitted_at=AT + timedelta(microseconds=1)),
    ):
        with pytest.raises(DecisionRefused, match=f"{decision_id} are set once.*a new attempt is a new decision"):
            again()
        loop.rollback()
    assert decision(owner, decision_id) == before


def test_another_login_s_decision_and_one_that_is_not_there(
    loop: psycopg.Connection[Any], make_login: MakeLogin, owner: psycopg.Connection[Any]
) -> None:
    decision_id = intents.record(loop, client_order_id="c-1", **INTENT)
    loop.commit()
    with psycopg.connect(make_login("reconcile_intent")) as other:
        with pytest.raises(DecisionRefused, match="inserted by another login"):
            intents.mark_submitted(other, decision_id, "accepted")
        other.rollback()
    with pytest.raises(DecisionRefused, match="there is no decision"):
        intents.mark_submitted(loop, uuid4(), "accepted")
    assert decision(owner, decision_id)["state"] == "planned"


def test_a_login_without_the_role_and_a_schema_that_is_not_there(
    loop: psycopg.Connection[Any], make_login: MakeLogin
) -> None:
    with psycopg.connect(make_login()) as nobody, pytest.raises(RefusedError, match="grant the login the role"):
        intents.record(nobody, client_order_id="c-1", **INTENT)
    with pytest.raises(SchemaMismatch, match=r"nowhere\.trade_decisions is not there"):
        intents.record(loop, client_order_id="c-1", schema="nowhere", **INTENT)


def test_errors_of_postgres_that_are_none_of_ours_come_as_they_are(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("SET default_transaction_read_only = on")
        connection.commit()
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            intents.record(connection, client_order_id="c-1", **INTENT)


def test_a_raw_cursor_factory_of_the_program_does_not_matter(dsn: str, owner: psycopg.Connection[Any]) -> None:
    with psycopg.connect(dsn, cursor_factory=psycopg.RawCursor) as connection:
        decision_id = intents.record(connection, client_order_id="c-1", **INTENT)
        intents.mark_submitted(connection, decision_id, "accepted")
    assert decision(owner, decision_id)["submit_result"] == "accepted"


def test_the_same_with_asyncio(dsn: str, owner: psycopg.Connection[Any]) -> None:
    async def trade() -> UUID:
        async with await psycopg.AsyncConnection.connect(dsn, row_factory=dict_row) as connection:
            decision_id = await intents.record_async(connection, client_order_id="c-1", **INTENT)
            await connection.commit()
            with pytest.raises(DecisionExists) as exists:
                await intents.record_async(connection, client_order_id="c-1", **INTENT)
            assert exists.value.decision_id == decision_id
            await intents.mark_submitted_async(connection, decision_id)
            await intents.mark_submitted_async(connection, decision_id, "refused")
            await connection.commit()
            with pytest.raises(DecisionRefused, match="set once"):
                await intents.mark_submitted_async(connection, decision_id, "accepted")
            await connection.rollback()
            with pytest.raises(DecisionRefused, match="there is no decision"):
                await intents.mark_submitted_async(connection, uuid4())
            return decision_id

    row = decision(owner, asyncio.run(trade()))
    assert {name: row[name] for name in INTENT} == {**INTENT, "qty": Decimal("10.000000001")}
    assert (row["state"], row["submit_result"]) == ("submitted", "refused")


def test_two_programs_that_take_the_same_id_at_the_same_time(
    dsn: str, loop: psycopg.Connection[Any], owner: psycopg.Connection[Any]
) -> None:
    """The second waits for the first one's commit, then hears that the id is taken."""
    client_order_id = secrets.token_hex(8)

    async def both() -> tuple[UUID, DecisionExists]:
        async with await psycopg.AsyncConnection.connect(dsn) as second:
            first_id = intents.record(loop, client_order_id=client_order_id, **INTENT)
            waiting = asyncio.create_task(intents.record_async(second, client_order_id=client_order_id, **INTENT))
            while not owner.execute(
                "SELECT FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'", [second.info.backend_pid]
            ).fetchall():
                assert not waiting.done()
                await asyncio.sleep(0.01)
            loop.commit()
            with pytest.raises(DecisionExists) as exists:
                await waiting
            return first_id, exists.value

    first_id, exists = asyncio.run(asyncio.wait_for(both(), 30))
    assert exists.decision_id == first_id
