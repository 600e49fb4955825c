"""What is asked all the time is answered from an index, however large the tables are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import psycopg
import pytest

from stream_reconcile.store.connect import connect
from stream_reconcile.store.queries import load
from stream_reconcile.store.writer import Writer
from support.servers import SCHEMA

_EVENTS: Final = """
INSERT INTO order_events (account_id, alpaca_order_id, event_key, source, event, status_rank, updated_at_ns,
                          snapshot_ns, stated, topic, partition, "offset", known_at, recorded_at, client_order_id)
SELECT 'a', 'order ' || n, gen_random_uuid(), 'stream', 'fill', 1, n, 0, 0, 't', 0, n, now(),
       now() - (20000 - n) * interval '1 second', repeat('x', 200)
FROM generate_series(1, 20000) AS n;
"""
_ORDERS: Final = """
INSERT INTO executions (account_id, alpaca_order_id, status_rank, updated_at_ns, snapshot_ns, stated, last_source,
                        last_topic, last_partition, last_offset)
SELECT account_id, alpaca_order_id, 1, updated_at_ns, 0, 0, 'stream', topic, partition, "offset" FROM order_events
"""
_CHANGED: Final = {
    **dict.fromkeys(("until_ns", "key_ns", "key_order", "key_account", "account_id", "symbol", "side", "origin")),
    "status": None,
    "not_status": None,
    "since_ns": 7_000,
    "newest_ns": 7_100,
    "limit": 100,
}


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database, SCHEMA, name="test") as connection:
        connection.execute(_EVENTS)
        for index in ("order_events_recorded_idx", "order_events_updated_idx"):
            connection.execute("SELECT brin_summarize_new_values(%s)", [index])
        connection.execute(_ORDERS)
        connection.execute("ANALYZE order_events, executions")
        yield connection


@pytest.mark.parametrize(
    ("file", "name", "values", "index"),
    [
        ("sweeps.sql", "recent_fills", {"reach_s": 60.0, "account_id": "a"}, "order_events_recorded_idx"),
        ("browse.sql", "executions_changed", _CHANGED, "order_events_updated_idx"),
        ("apply.sql", "frames_of", {"orders": ["order 7"], "accounts": ["a"]}, "order_events_pkey"),
    ],
)
def test_an_index_serves(
    connection: psycopg.Connection, file: str, name: str, values: dict[str, object], index: str
) -> None:
    rows = connection.execute(f"EXPLAIN {load(file)[name]}".encode(), values).fetchall()
    plan = "\n".join(line for (line,) in rows)
    assert index in plan, plan
    assert "Seq Scan on order_events" not in plan, plan


def test_what_a_start_asks_is_read_from_links_and_not_from_all_orders(connection: psycopg.Connection) -> None:
    Writer(connection, group="g", owner="test")  # asks under settings of its own
    rows = connection.execute(f"EXPLAIN {load('binding.sql')['left_unbound']}".encode()).fetchall()
    plan = "\n".join(line for (line,) in rows)
    for link in ("replaces", "replaced_by", "parent"):
        assert f"executions_{link}_idx" in plan, plan
    scans = [line for line in plan.splitlines() if "executions_pkey" in line]
    assert len(scans) == plan.count("Index Cond: "), plan
