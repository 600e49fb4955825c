"""What the sweep's sieve passes over is what the long comparison finds unchanged, whatever the tables hold; an altered
row never passes."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from stream_reconcile.core.errors import WireError
from stream_reconcile.core.lifecycle import STATUSES
from stream_reconcile.core.observation import ORDER_COLUMNS, Seen
from stream_reconcile.core.sweep.compared import STUCK, Compared, wants_a_look
from stream_reconcile.core.wire.parse import Parser
from stream_reconcile.jobs.sweep.sieve import Sieve
from stream_reconcile.store.batch import Record, batch_of
from stream_reconcile.store.comparison import Comparer
from stream_reconcile.store.connect import connect
from stream_reconcile.store.writer import Writer
from support.histories import history_log
from support.log_records import LogRecords
from support.wild_orders import ORDERS, families, logs
from support.wire_data import SNAPSHOTS, frame, order_json

pytestmark = pytest.mark.rows_only

_accounts = (f"acct-{n}" for n in itertools.count())


class Place:
    """The tables of one account, and the two ways of comparing with them."""

    def __init__(self, connection: psycopg.Connection[Any], records: list[Record], account_id: str) -> None:
        self.account_id, self.connection = account_id, connection
        log = LogRecords(account_id)
        for record in records:
            received = max((o.snapshot_ns for o in record.parsed.observations), default=0)
            log.add(record.place.topic, record.payload, received_at_ns=received)
        Writer(connection, group="g", owner="me").write(batch_of(log.records))
        self.comparer = Comparer(connection, account_id)

    def passed(self, *raws: bytes, with_origins: bool = False) -> list[bytes]:
        told, rest = Sieve(self.comparer).sift(raws, with_origins=with_origins)
        assert len(told) + len(rest) == len(raws)
        return [raw for raw in raws if raw not in rest]

    def compared(self, *raws: bytes) -> list[Compared]:
        seen = Seen(self.account_id, "sweep", 1, SNAPSHOTS, 0, 0, 1)
        parser = Parser()
        return self.comparer.compare([one for raw in raws for one in parser.snapshot(raw, seen).observations])


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection[Any]]:
    with connect(database, "reconcile", name="test") as connection:
        yield connection


def rest(order: dict[str, Any]) -> bytes:
    """As REST tells it: without the time of the cancel request, with fields of its own."""
    view = {name: value for name, value in order.items() if name not in ("cancel_requested_at", "legs")}
    legs = [json.loads(rest(leg)) for leg in order.get("legs") or []]
    return json.dumps(view | {"subtag": None, "source": None, "legs": legs or None}).encode()


def passed_rightly(place: Place, *raws: bytes) -> None:
    for one in place.compared(*raws):
        assert one.verdict == "same"
        assert not wants_a_look(one)
        assert one.drift is None
        assert one.our_status not in STUCK


@settings(
    max_examples=30,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(logs, st.lists(st.sampled_from(ORDERS).flatmap(families), max_size=6))
def test_what_passes_is_unchanged_to_the_long_comparison_too(
    connection: psycopg.Connection[Any], log: LogRecords, more: list[dict[str, Any]]
) -> None:
    place = Place(connection, log.records, next(_accounts))
    said = [record.payload for record in log.records if record.place.topic == SNAPSHOTS]
    some = [json.dumps(order).encode() for order in more]
    passed_rightly(place, *place.passed(*[raw for raw in said if raw is not None], *some))


def test_nearly_all_of_a_history_passes(connection: psycopg.Connection[Any]) -> None:
    log, _history = history_log(7, 150, "acct-h")
    place = Place(connection, log.records, "acct-h")
    newest: dict[str, tuple[int, bytes]] = {}
    for record in log.records:
        order = json.loads(record.payload or b"")["data"]["order"]
        first = record.parsed.observations[0]
        newest[order["id"]] = max(newest.get(order["id"], (0, b"")), (first.version_ns, rest(order)))
    raws = [raw for _version, raw in newest.values()]
    passed = place.passed(*raws)
    passed_rightly(place, *passed)
    longer = [raw for raw in raws if raw not in passed]
    needed = {one.order_id for one in place.compared(*longer) if one.verdict != "same" or wants_a_look(one)}
    needed |= {one.order_id for one in place.compared(*longer) if one.status in STUCK}
    assert len(passed) > 0.8 * len(raws)
    for raw in longer:
        order = json.loads(raw)
        assert needed & {each["id"] for each in (order, *(order["legs"] or ()))}, order
    assert any(json.loads(raw)["legs"] for raw in passed)


@pytest.fixture
def one(connection: psycopg.Connection[Any]) -> Place:
    fields = {"filled_qty": "4", "filled_avg_price": "2.5", "status": "partially_filled", "order_class": "simple"}
    filled = frame("partial_fill", order_json(**fields), execution_id="x", qty="4", price="2.5", position_qty="4")
    log = LogRecords()
    log.frame(filled)
    return Place(connection, log.records, next(_accounts))


SAME = rest(order_json(filled_qty="4", filled_avg_price="2.5", status="partially_filled", order_class="simple"))


OTHER = {
    "numeric": "coalesce({0}, 1) + 0.000000001",
    "timestamp with time zone": "coalesce({0}, now()) + interval '1 microsecond'",
    "text": "coalesce({0}, '') || '.'",
    "boolean": "NOT {0}",
    "bigint": "{0} + 1",
}


def test_a_row_altered_by_hand_does_not_pass(one: Place) -> None:
    types = "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'executions'"
    kinds: dict[str, str] = dict(one.connection.execute(types).fetchall())
    for column in {*ORDER_COLUMNS, "updated_at_ns"} - {"cancel_requested_at"}:  # which REST does not tell
        assert one.passed(SAME) == [SAME]
        alter = f"UPDATE executions SET {column} = {OTHER[kinds[column]].format(column)} WHERE account_id = %s"
        (before,) = one.connection.execute(f"SELECT {column} FROM executions", []).fetchone() or (None,)
        one.connection.execute(alter, [one.account_id])
        assert one.passed(SAME) == [], column
        assert [c.verdict for c in one.compared(SAME)] != ["same"], column
        one.connection.execute(f"UPDATE executions SET {column} = %s", [before])


def test_nor_does_one_whose_fills_were_or_that_is_gone(one: Place) -> None:
    fill = '(account_id, alpaca_order_id, fill_key, qty, price, entry, source, topic, partition, "offset")'
    for alteration in (
        f"INSERT INTO fills {fill} VALUES (%s, 'order-1', 'x:y', 1, 1, 'trade', 'stream', 't', 0, 1)",
        "UPDATE fills SET qty = 4.0001 WHERE account_id = %s AND fill_key <> 'x:y'",
        "DELETE FROM fills WHERE account_id = %s",
        "UPDATE executions SET updated_at = 'infinity' WHERE account_id = %s",
        "DELETE FROM executions WHERE account_id = %s",
    ):
        one.connection.execute(alteration, [one.account_id])
        assert one.passed(SAME) == []


def test_a_missing_successor_terms_that_drifted_and_where_it_comes_from(one: Place) -> None:
    replaced = rest(json.loads(SAME) | {"replaced_by": "order-2"})
    one.connection.execute("UPDATE executions SET replaced_by = 'order-2' WHERE account_id = %s", [one.account_id])
    assert one.passed(replaced) == []
    one.connection.execute("UPDATE executions SET replaced_by = NULL WHERE account_id = %s", [one.account_id])
    assert one.passed(SAME, with_origins=True) == [], "nobody has decided it"
    late = "INSERT INTO trade_decisions (account_id, client_order_id) VALUES (%s, 'client-1')"
    one.connection.execute(late, [one.account_id])
    assert one.passed(SAME) == [], "its decision came late, and has to be bound"
    one.connection.execute("DELETE FROM trade_decisions WHERE account_id = %s", [one.account_id])
    assert one.passed(SAME) == [SAME]
    decide = """INSERT INTO trade_decisions (account_id, client_order_id, symbol, alpaca_order_id, state, bound_at)
                VALUES (%s, 'client-1', 'DOGE/USD', 'order-1', 'bound', now()) RETURNING decision_id"""
    (decision,) = one.connection.execute(decide, [one.account_id]).fetchone() or (None,)
    bind = "UPDATE executions SET origin = 'own', decision_id = %s WHERE account_id = %s"
    one.connection.execute(bind, [decision, one.account_id])
    assert one.passed(SAME, with_origins=True) == [SAME]
    one.connection.execute("UPDATE trade_decisions SET qty = 11 WHERE decision_id = %s", [decision])
    assert one.passed(SAME) == []


def test_what_time_alone_may_make_a_finding_of_takes_the_long_way(one: Place) -> None:
    for status in STATUSES:
        one.connection.execute("UPDATE executions SET status = %s WHERE account_id = %s", [status, one.account_id])
        raw = rest(json.loads(SAME) | {"status": status})
        assert one.passed(raw) == ([] if status in STUCK else [raw])


def test_times_between_two_microseconds_are_taken_as_postgres_takes_them(connection: psycopg.Connection[Any]) -> None:
    log = LogRecords()
    raws = []
    for number in range(600):
        at = f"2026-09-18T13:24:{number % 60:02d}.{(number * 7_919_119) % 1_000_000:06d}{499 + number % 3}Z"
        order = order_json(id=f"o-{number}", submitted_at=at, updated_at=at, expires_at=at)
        log.frame(frame("new", order, timestamp=at))
        raws.append(rest(order))
    assert Place(connection, log.records, next(_accounts)).passed(*raws) == raws


def test_a_multi_leg_parent_adds_up_by_its_legs(connection: psycopg.Connection[Any]) -> None:
    filled = {"status": "filled", "filled_qty": "2", "qty": "2"}
    legs = [order_json(id=leg, ratio_qty="1", order_class="mleg", **filled) for leg in ("leg-a", "leg-b")]
    parent = order_json(id="parent", order_class="mleg", symbol="", legs=legs, **filled)
    said = [
        {"execution_id": f"x-{leg['id']}", "order_id": leg["id"], "qty": "2", "price": "1", "symbol": "DOGE/USD"}
        for leg in legs
    ]
    log = LogRecords()
    log.frame(frame("fill", parent, legs=said))
    log.snapshot(json.dumps(parent).encode(), received_at_ns=1)
    place = Place(connection, log.records, next(_accounts))
    raw = rest(parent)
    assert place.passed(raw) == [raw]
    passed_rightly(place, raw)
    connection.execute("UPDATE executions SET parent_order_id = 'x' WHERE alpaca_order_id = 'leg-b'")
    assert place.passed(raw) == []
    connection.execute("UPDATE executions SET parent_order_id = 'parent' WHERE alpaca_order_id = 'leg-b'")
    more = json.loads(raw)
    more["legs"][0]["filled_qty"] = "3"  # by itself it adds up, to more than its parent's units make of it
    for change in ("UPDATE executions SET filled_qty = 3", "UPDATE fills SET qty = 3"):
        connection.execute(f"{change} WHERE alpaca_order_id = 'leg-a'")
    assert place.passed(json.dumps(more).encode()) == []
    assert any(map(wants_a_look, place.compared(json.dumps(more).encode())))
    connection.execute("UPDATE executions SET filled_qty = 2 WHERE alpaca_order_id = 'leg-a'")
    for fills in ("UPDATE fills SET qty = 3 WHERE alpaca_order_id = 'leg-a'", "DELETE FROM fills"):
        connection.execute(fills)
        assert place.passed(raw) == []
        assert any(map(wants_a_look, place.compared(raw)))


def test_what_can_not_be_read_takes_the_long_way(one: Place) -> None:
    odd = [SAME.replace(b'"4"', b"4"), SAME.replace(b"DOGE", b"\\u0044OGE"), b"{}", b"[]", b"null", SAME[:-1]]
    assert one.passed(SAME, *odd) == [SAME]
    with pytest.raises(WireError):
        one.compared(b"[]")
