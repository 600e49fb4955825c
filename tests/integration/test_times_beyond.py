"""Times that 64 bits of nanoseconds or Python's calendar don't hold: rows that have them stop nobody."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest

from stream_reconcile.store.comparison import Comparer
from stream_reconcile.store.positions import PositionStore
from stream_reconcile.store.rows import moment
from stream_reconcile.store.times import FIRST, LAST
from support.log_records import LogRecords
from support.wire_data import ACCOUNT, UPDATES, frame, order_json
from support.writer_bench import Bench

pytestmark = pytest.mark.rows_only

# Of each order, as a version that took them left them there; the last is what Postgres makes of …59.9999999.
BEYOND = {"go": "0001-01-01 00:00:00+00", "late": "2300-01-01 00:00:00+00", "last": "10000-01-01 00:00:00+00"}
LOWEST, HIGHEST = -(2**63), 2**63 - 1


def test_fills_of_times_that_64_bits_do_not_hold_stop_neither_sweeps_nor_later_evidence(database: str) -> None:
    log, busts = LogRecords(), LogRecords()
    for order_id in BEYOND:
        order = order_json(id=order_id, client_order_id=order_id, filled_qty="4")
        log.frame(frame("fill", order, execution_id=f"x-{order_id}", qty="4", price="2.5", position_qty="4"))
    with contextlib.closing(Bench(database)) as bench:
        bench.claim(UPDATES)
        assert bench.write(log.records).dead_letters == ()
        for order_id, time in BEYOND.items():
            bench.rows("UPDATE order_events SET event_at = %s WHERE alpaca_order_id = %s RETURNING 1", time, order_id)
            bench.rows("UPDATE fills SET transacted_at = %s WHERE alpaca_order_id = %s RETURNING 1", time, order_id)

        comparer = Comparer(bench.connection, ACCOUNT)
        times = {"go": LOWEST, "late": HIGHEST, "last": HIGHEST}
        standing = {order: [one.transacted_at_ns for one in of] for order, of in comparer.standing_fills(times).items()}
        assert standing == {order: [ns] for order, ns in times.items()}
        fills = {order: [one.transacted_at_ns for one in of] for order, of in comparer.fills_of(times).items()}
        assert fills == standing
        ((_, moved),) = PositionStore(bench.connection, ACCOUNT).moves({}, 0).items()
        assert sum(move.qty for move in moved.moves) == 8  # of the two that are later

        for order_id in BEYOND:
            busted = order_json(id=order_id, client_order_id=order_id, filled_qty="0", status="new")
            busts.frame(frame("trade_bust", busted, previous_execution_id=f"x-{order_id}", qty="4"))
        records = [
            record._replace(place=record.place._replace(offset=record.place.offset + 9)) for record in busts.records
        ]
        assert bench.write(records).dead_letters == ()
        rows = bench.rows(
            "SELECT alpaca_order_id, sum(qty), max(transacted_at) FROM fills WHERE entry = 'trade' GROUP BY 1"
        )
        assert sorted(rows) == [("go", 4, moment(LOWEST)), ("last", 4, moment(HIGHEST)), ("late", 4, moment(HIGHEST))]
        assert bench.rows("SELECT count(*), sum(qty) FROM fills") == [(6, 0)]


def test_times_that_python_does_not_hold_are_read_as_its_first_and_last(database: str) -> None:
    log = LogRecords()
    log.frame(
        frame("new", order_json(filled_at="9999-12-31T23:59:59.9999999Z", expired_at="0001-01-01T00:00:00+00:01"))
    )
    with contextlib.closing(Bench(database)) as bench:
        bench.claim(UPDATES)
        assert bench.write(log.records).dead_letters == ()
        assert bench.rows("SELECT filled_at, expired_at, created_at IS NOT NULL FROM executions") == [
            (LAST, FIRST, True)
        ]
        texts = [
            "infinity",
            "-infinity",
            "0001-01-01 00:00:00+00",
            "9999-12-31 23:59:59.999999+00",
            "2026-09-18 01:02:03+00",
        ]
        (row,) = bench.rows("SELECT %s::timestamptz[]", texts)
        assert row[0] == [LAST, FIRST, FIRST, LAST, datetime(2026, 9, 18, 1, 2, 3, tzinfo=UTC)]
