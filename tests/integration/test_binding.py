"""Decisions are bound in the transaction that writes their orders, family by family."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from stream_reconcile.core.observation import Seen
from stream_reconcile.core.wire.parse import Parser
from stream_reconcile.store.batch import CursorMove, Place, Record, batch_of
from stream_reconcile.store.binding import Binder
from stream_reconcile.store.connect import connect
from stream_reconcile.store.writer import Writer
from support.fences import everything
from support.waiting import wait_until

pytestmark = pytest.mark.rows_only

ACCOUNT = "account-1"
TOPIC = "synthetic.trade-updates.v1"


class Bench:
    """A writer with one cursor, and frames of synthetic orders."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        connection.execute("INSERT INTO accounts (account_id, key_fingerprint) VALUES (%s, 'f')", [ACCOUNT])
        connection.execute(
            "INSERT INTO stream_cursors (consumer_group, topic, partition, next_offset, max_offset, owner, epoch,"
            " cluster_id, topic_id) VALUES ('g', %s, 0, 0, 0, 'me', 1, 'c', 't')",
            [TOPIC],
        )
        self.writer = Writer(connection, group="g", owner="me")
        self.parser = Parser()
        self.offset = 0

    def write(self, *orders: dict[str, Any], source: str = "stream") -> None:
        records = []
        start = self.offset
        for order in orders:
            seen = Seen(ACCOUNT, source, 1, TOPIC, 0, self.offset, 1_700_000_000_000)
            if source == "stream":
                raw = json.dumps({"stream": "trade_updates", "data": {"event": "new", "order": order}}).encode()
                parsed = self.parser.frame(raw, seen)
            else:
                raw = json.dumps(order).encode()
                parsed = self.parser.snapshot(raw, seen)
            place = Place(TOPIC, 0, self.offset)
            records.append(Record(place, parsed, 1_700_000_000_000, None, raw, ACCOUNT, "t"))
            self.offset += 1
        self.writer.write(batch_of(records, moves=[CursorMove(TOPIC, 0, start, 1, "t", self.offset, None, None)]))

    def decide(self, client_order_id: str, **terms: Any) -> str:
        values = {"symbol": None, "side": None, "qty": None, "notional": None} | terms
        row = self.connection.execute(
            "INSERT INTO trade_decisions (account_id, client_order_id, symbol, side, qty, notional) VALUES"
            " (%(account)s, %(client)s, %(symbol)s, %(side)s, %(qty)s, %(notional)s) RETURNING decision_id::text",
            values | {"account": ACCOUNT, "client": client_order_id},
        ).fetchone()
        assert row is not None
        return str(row[0])

    def bound(self) -> dict[str, tuple[str | None, str]]:
        query = "SELECT alpaca_order_id, decision_id::text, origin FROM executions"
        rows = self.connection.execute(query).fetchall()
        return {order: (decision, origin) for order, decision, origin in rows}

    def state(self, decision_id: str) -> tuple[str, str | None]:
        row = self.connection.execute(
            "SELECT state, alpaca_order_id FROM trade_decisions WHERE decision_id = %s", [decision_id]
        ).fetchone()
        assert row is not None
        return row[0], row[1]


def order(order_id: str, client: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": order_id,
        "client_order_id": client,
        "symbol": "AAPL",
        "side": "buy",
        "qty": "10",
        "notional": None,
        "status": "new",
        "filled_qty": "0",
        "updated_at": "2026-11-02T14:30:00.000000001Z",
        "replaces": None,
        "replaced_by": None,
        "order_class": "simple",
    } | fields


@pytest.fixture
def bench(database: str) -> Iterator[Bench]:
    with connect(database, "reconcile", name="test") as connection:
        yield Bench(connection)


def test_an_order_is_bound_by_its_client_order_id(bench: Bench) -> None:
    decision = bench.decide("c-1", symbol="AAPL", side="buy", qty="10")
    bench.write(order("o-1", "c-1"), order("o-2", "by-hand"))
    assert bench.bound() == {"o-1": (decision, "own"), "o-2": (None, "external")}
    assert bench.state(decision) == ("bound", "o-1")


def test_an_order_that_only_a_sweep_knows_is_recovered_until_a_frame_comes(bench: Bench) -> None:
    decision = bench.decide("c-1")
    bench.write(order("o-1", "c-1"), source="sweep")
    assert bench.bound() == {"o-1": (decision, "recovered")}
    bench.write(order("o-1", "c-1", updated_at="2026-11-02T14:29:00Z"))  # stale, and a frame all the same
    assert bench.bound() == {"o-1": (decision, "own")}


def test_a_replacement_belongs_to_the_decision_of_what_it_replaces_whichever_comes_first(bench: Bench) -> None:
    decision = bench.decide("c-1")
    bench.write(order("o-3", "broker-made-2", replaces="o-2"))
    bench.write(order("o-1", "c-1", replaced_by="o-2", status="replaced"))
    # o-2, which both name, links them before it has a row itself.
    assert bench.bound() == dict.fromkeys(("o-1", "o-3"), (decision, "own"))
    bench.write(order("o-2", "broker-made", replaces="o-1", replaced_by="o-3", status="replaced"))
    assert bench.bound() == dict.fromkeys(("o-1", "o-2", "o-3"), (decision, "own"))
    assert bench.state(decision) == ("bound", "o-1")


def test_a_decision_that_arrives_after_its_order_is_bound_when_the_order_is_seen_again(bench: Bench) -> None:
    bench.write(order("o-1", "c-1"))
    decision = bench.decide("c-1")
    assert bench.bound() == {"o-1": (None, "external")}
    bench.write(order("o-1", "c-1"))
    assert bench.bound() == {"o-1": (decision, "own")}


def test_an_order_that_disagrees_with_the_decision_of_its_client_id_binds_nothing_and_shows_both(bench: Bench) -> None:
    decision = bench.decide("c-1", symbol="AAPL", side="sell", qty="10")
    bench.write(order("o-1", "c-1"))
    assert bench.bound() == {"o-1": (None, "external")}
    assert bench.state(decision) == ("planned", None)
    found = bench.connection.execute("SELECT type, subject, evidence FROM discrepancies").fetchall()
    assert [(kind, subject) for kind, subject, _ in found] == [("duplicate_client_id", "c-1")]
    assert found[0][2]["broker"]["order_id"] == "o-1"
    assert found[0][2]["ours"]["decision_id"] == decision


def test_a_family_left_half_bound_by_a_crash_is_bound_at_start(bench: Bench) -> None:
    decision = bench.decide("c-1")
    bench.write(order("o-1", "c-1", replaced_by="o-2"), order("o-2", "broker-made", replaces="o-1"))
    # What a crash between the commit of two members and their second look leaves behind.
    bench.connection.execute(
        "UPDATE executions SET decision_id = NULL, origin = 'external' WHERE alpaca_order_id = 'o-2'"
    )
    bench.writer.bind_left_over()
    assert bench.bound() == dict.fromkeys(("o-1", "o-2"), (decision, "own"))


def test_a_lock_in_the_way_of_the_second_look_is_waited_out(bench: Bench, database: str) -> None:
    """The batch before it is committed: nobody would come back to it."""
    decision = bench.decide("c-1")
    bench.write(order("o-1", "c-1", replaced_by="o-2"), order("o-2", "broker-made", replaces="o-1"))
    half = "UPDATE executions SET decision_id = NULL, origin = 'external' WHERE alpaca_order_id = 'o-2'"
    bench.connection.execute(half)
    bench.connection.execute("SET lock_timeout = '300ms'")
    with connect(database, "reconcile", name="other") as other, ThreadPoolExecutor(1) as thread:
        with other.transaction():
            other.execute("SELECT FROM executions FOR UPDATE")
            looking = thread.submit(bench.writer.bind_left_over)
            begun = time.monotonic()
            wait_until(lambda: looking.done() or time.monotonic() - begun > 0.6, what="twice the time limit of a lock")
        looking.result(30)
    assert bench.bound() == dict.fromkeys(("o-1", "o-2"), (decision, "own"))


def test_binding_again_by_a_zombie_changes_nothing(bench: Bench, database: str) -> None:
    """The second look after a commit is under no fence: it writes what follows from the rows, whoever looks."""
    bench.decide("c-1")
    bench.write(order("o-1", "c-1", replaced_by="o-2"), order("o-2", "broker-made", replaces="o-1"))
    before = everything(database)
    with connect(database, "reconcile", name="zombie") as connection:
        zombie = Writer(connection, group="g", owner="zombie")
        zombie.bind_left_over()
        zombie._bind_again({("o-1", ACCOUNT), ("o-2", ACCOUNT)})
    assert everything(database) == before


def test_a_family_is_bound_by_one_at_a_time(bench: Bench, database: str) -> None:
    """Else who has read it before a row came would write over what was bound with that row."""
    bench.decide("c-1")
    bench.write(order("o-1", "c-1", replaced_by="o-2"), order("o-2", "broker-made", replaces="o-1"))
    with connect(database, "reconcile", name="other", lock_timeout_ms=300) as other, bench.connection.transaction():
        Binder(bench.connection).bind({("o-1", ACCOUNT)})
        with pytest.raises(psycopg.errors.LockNotAvailable):
            Binder(other).bind({("o-2", ACCOUNT)})
