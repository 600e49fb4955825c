"""Copies of decisions: what changed is read in order, and a database that lost some gets those and no other back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from stream_reconcile import intents
from stream_reconcile.core.decision_copy import DecisionCopy, from_bytes, to_bytes
from stream_reconcile.log.codec import SingleObjectCodec
from stream_reconcile.log.envelope import Envelope
from stream_reconcile.log.topics import Topics
from stream_reconcile.store.connect import connect
from stream_reconcile.store.decision_copies import BEGINNING, Watermark, changed_since, restore
from support.logins import temporary_logins

pytestmark = pytest.mark.rows_only


@pytest.fixture
def store(database: str) -> Iterator[psycopg.Connection]:
    with connect(database, "reconcile", name="t") as connection:
        yield connection


@pytest.fixture
def loop(database: str) -> Iterator[psycopg.Connection[Any]]:
    """A trading program's connection, with its role."""
    with temporary_logins(database) as make, psycopg.connect(make("reconcile_intent"), autocommit=True) as connection:
        yield connection


def rows(store: psycopg.Connection) -> list[dict[str, Any]]:
    with store.cursor(row_factory=dict_row) as cursor:
        return cursor.execute("SELECT * FROM trade_decisions ORDER BY client_order_id").fetchall()


def bind(store: psycopg.Connection, client_order_id: str, *, with_its_order: bool) -> None:
    """What apply does to a decision; `with_its_order`: the order's row names it too."""
    (decision_id,) = store.execute(
        "UPDATE trade_decisions SET state = 'bound', alpaca_order_id = 'o-' || client_order_id, bound_at = now()"
        " WHERE client_order_id = %s RETURNING decision_id",
        [client_order_id],
    ).fetchone() or (None,)
    if with_its_order:
        columns = store.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'executions'::regclass AND attnum > 0 AND attnotnull"
            " AND NOT atthasdef AND NOT attisdropped"
        ).fetchall()
        values: dict[str, Any] = dict.fromkeys((name for (name,) in columns), 0)
        values |= {"account_id": "a", "alpaca_order_id": f"o-{client_order_id}", "decision_id": decision_id}
        values |= {"origin": "own", "last_source": "stream", "last_topic": "t"}
        store.execute(
            psycopg.sql.SQL("INSERT INTO executions ({}) VALUES ({})").format(
                psycopg.sql.SQL(", ").join(map(psycopg.sql.Identifier, values)),
                psycopg.sql.SQL(", ").join(map(psycopg.sql.Placeholder, values)),
            ),
            values,
        )


def every_copy(store: psycopg.Connection, limit: int = 2) -> list[DecisionCopy]:
    """All decisions, page by page, each through the bytes of a record of the topic."""
    found: list[DecisionCopy] = []
    watermark = BEGINNING
    topics = Topics()
    codec, topic = SingleObjectCodec(topics), topics.trade_decisions
    while (page := changed_since(store, watermark, limit=limit)).copies:
        assert len(page.copies) <= limit
        for copy in page.copies:
            envelope = Envelope(
                copy.account_id,
                "run",
                len(found),
                0,
                "database",
                copy.state,
                copy.alpaca_order_id or "",
                to_bytes(copy),
            )
            found.append(from_bytes(codec.decode(topic, codec.encode(topic, envelope)).raw))
        watermark = page.watermark
    assert changed_since(store, watermark).watermark == watermark
    return found


def some_decisions(loop: psycopg.Connection[Any], store: psycopg.Connection) -> None:
    at = datetime(2026, 1, 5, 14, 30, 0, 1, tzinfo=UTC)
    intents.record(loop, account_id="a", client_order_id="c-0", notional="250.00")
    for number in range(1, 5):
        intents.record(
            loop,
            account_id="a",
            client_order_id=f"c-{number}",
            symbol="AAPL",
            qty=f"{number}.100000001",
            limit_price=Decimal("-1.50"),
            decided_at=at,
            not_before=at + timedelta(microseconds=number),
        )
    ids = {row["client_order_id"]: row["decision_id"] for row in rows(store)}
    intents.mark_submitted(loop, ids["c-1"])
    intents.mark_submitted(loop, ids["c-2"], "ambiguous", submitted_at=at)
    bind(store, "c-3", with_its_order=True)
    bind(store, "c-4", with_its_order=False)
    store.execute("UPDATE trade_decisions SET state = 'unknown' WHERE client_order_id = 'c-2'")


def test_a_database_without_its_decisions_gets_them_back_exactly(
    loop: psycopg.Connection[Any], store: psycopg.Connection
) -> None:
    some_decisions(loop, store)
    before = rows(store)
    copies = every_copy(store)
    assert {copy.client_order_id for copy in copies} == {row["client_order_id"] for row in before}
    store.execute("TRUNCATE trade_decisions")
    assert restore(store, copies) == 5
    after = rows(store)
    # The order of c-4 does not name its decision: it is to be bound once more.
    undone = {"state": "planned", "alpaca_order_id": None, "bound_at": None}
    assert after == [row if row["client_order_id"] != "c-4" else row | undone for row in before]
    assert restore(store, copies) == 0
    assert rows(store) == after


def test_the_program_goes_on_with_a_decision_that_came_back(
    loop: psycopg.Connection[Any], store: psycopg.Connection
) -> None:
    decision_id = intents.record(loop, account_id="a", client_order_id="c")
    copies = every_copy(store)
    store.execute("TRUNCATE trade_decisions")
    restore(store, copies)
    intents.mark_submitted(loop, decision_id, "accepted")
    assert [row["state"] for row in rows(store)] == ["submitted"]


def test_one_that_is_there_is_never_touched(loop: psycopg.Connection[Any], store: psycopg.Connection) -> None:
    intents.record(loop, account_id="a", client_order_id="kept", qty=1)
    taken = intents.record(loop, account_id="a", client_order_id="taken", qty=1)
    lost = intents.record(loop, account_id="a", client_order_id="lost", qty=1)
    copies = every_copy(store)
    store.execute("DELETE FROM trade_decisions WHERE decision_id IN (%s, %s)", [taken, lost])
    store.execute("UPDATE trade_decisions SET state = 'not_placed' WHERE client_order_id = 'kept'")
    intents.record(loop, account_id="a", client_order_id="taken", qty=2)  # decided anew, under the same id
    before = rows(store)
    assert restore(store, copies) == 1
    assert [row for row in rows(store) if row["decision_id"] != lost] == before


@pytest.mark.parametrize("late", [False, True], ids=["in their order", "the older one last, by a zombie"])
def test_of_several_copies_the_one_that_knows_most_counts(
    loop: psycopg.Connection[Any], store: psycopg.Connection, late: bool
) -> None:
    decision_id = intents.record(loop, account_id="a", client_order_id="c")
    first = every_copy(store)
    intents.mark_submitted(loop, decision_id, "refused")
    second = every_copy(store)
    store.execute("TRUNCATE trade_decisions")
    assert restore(store, [*second, *first] if late else [*first, *second]) == 1
    assert [(row["state"], row["submit_result"]) for row in rows(store)] == [("submitted", "refused")]


def test_what_changed_comes_again_and_what_did_not_does_not(
    loop: psycopg.Connection[Any], store: psycopg.Connection
) -> None:
    first, second, third = (intents.record(loop, account_id="a", client_order_id=f"c-{each}") for each in range(3))
    page = changed_since(store, BEGINNING)
    assert [copy.decision_id for copy in page.copies] == [first, second, third]
    intents.mark_submitted(loop, second)
    bind(store, "c-0", with_its_order=False)
    page = changed_since(store, page.watermark)
    assert [(copy.decision_id, copy.state) for copy in page.copies] == [(second, "submitted"), (first, "bound")]
    assert changed_since(store, page.watermark).copies == []
    future = datetime.now(UTC) + timedelta(days=1)
    intents.mark_submitted(loop, third, submitted_at=future)
    assert changed_since(store, page.watermark).copies == [], "a clock ahead of ours moves no watermark"
    assert page.watermark.changed_at < datetime.now(UTC) + timedelta(hours=1)
    assert isinstance(page.watermark, Watermark)


def test_times_that_python_can_not_hold_stop_nothing(loop: psycopg.Connection[Any], store: psycopg.Connection) -> None:
    loop.execute(
        "INSERT INTO reconcile.trade_decisions (account_id, client_order_id, qty, decided_at, not_before)"
        " VALUES ('a', 'c', 'NaN', '-infinity', 'infinity')"
    )
    (copy,) = every_copy(store)
    assert (copy.decided_at.year, copy.not_before and copy.not_before.year) == (1, 9999)
    assert copy.qty is not None
    assert copy.qty.is_nan()
    store.execute("TRUNCATE trade_decisions")
    assert restore(store, [copy]) == 1


def test_the_rights_of_a_writer_are_enough(
    database: str, loop: psycopg.Connection[Any], store: psycopg.Connection
) -> None:
    intents.record(loop, account_id="a", client_order_id="c")
    with temporary_logins(database) as make, connect(make("reconcile_writer"), "reconcile", name="t") as writer:
        copies = every_copy(writer)
        store.execute("TRUNCATE trade_decisions")
        assert restore(writer, copies) == 1
    assert [row["inserted_by"] for row in rows(store)] == [loop.info.user]
