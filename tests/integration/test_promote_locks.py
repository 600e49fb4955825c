"""While a promote is under way nobody else moves the live rows, each lock by itself: what it has read stays so."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from stream_reconcile.store.promote import Promotion
from stream_reconcile.store.replay_schema import prepare
from support.log_records import LogRecords
from support.servers import SCHEMA
from support.wire_data import UPDATES, frame, order_json
from support.writer_bench import GROUP, Bench


def waits(act: Callable[[], object]) -> bool:
    """Whether it has to wait for a lock."""
    try:
        act()
    except psycopg.errors.LockNotAvailable:
        return True
    return False


def test_apply_claims_and_rewinds_wait_while_tables_are_swapped(database: str) -> None:
    prepare(database, SCHEMA, "replay_1")
    log = LogRecords()
    log.frame(frame("new", order_json(id="order-1")))
    with (
        contextlib.closing(Bench(database)) as bench,
        contextlib.closing(Promotion(database, SCHEMA, "replay_1")) as promotion,
    ):
        bench.claim(UPDATES)
        bench.connection.execute("SET lock_timeout = '300ms'")
        moves_a_cursor = "SELECT FROM stream_cursors WHERE topic = %s FOR NO KEY UPDATE"  # as a claim, as a rewind
        waited: dict[str, bool] = {}

        def meanwhile(_standing: Any) -> None:
            waited["what moves no cursor, as binding"] = waits(lambda: bench.write(log.records))
            waited["claim, rewind"] = waits(lambda: bench.rows(moves_a_cursor, UPDATES))

        promotion.prepare()
        promotion.swap(GROUP, meanwhile, (), who="tester", why="a test")
        assert [name for name, did in waited.items() if not did] == []
        assert waited
        assert not waits(lambda: bench.rows(moves_a_cursor, UPDATES))
        assert bench.write(log.records).events == 1


@pytest.mark.parametrize("held", ["SELECT FROM stream_cursors FOR UPDATE", "LOCK TABLE executions IN SHARE MODE"])
def test_a_promote_that_can_not_have_its_locks_changes_nothing(database: str, held: str) -> None:
    prepare(database, SCHEMA, "replay_1")
    with (
        contextlib.closing(Bench(database)) as bench,
        contextlib.closing(Promotion(database, SCHEMA, "replay_1")) as promotion,
    ):
        bench.claim(UPDATES)
        promotion.prepare()
        before = bench.rows("SELECT oid FROM pg_class WHERE relname = 'executions' ORDER BY relnamespace")
        with bench.connection.transaction():
            bench.connection.execute(held)
            with pytest.raises(psycopg.errors.LockNotAvailable):
                promotion.swap(GROUP, lambda _standing: None, (), who="tester", why="a test")
        assert bench.rows("SELECT oid FROM pg_class WHERE relname = 'executions' ORDER BY relnamespace") == before
        assert bench.rows("SELECT FROM operator_actions") == []
        promotion.swap(GROUP, lambda _standing: None, (), who="tester", why="a test")
        assert len(bench.rows("SELECT FROM operator_actions")) == 1
