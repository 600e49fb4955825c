"""What is asked all the time is answered from an index, however large the tables are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import psycopg
import pytest

from stream_reconcile.store.connect import connect
from stream_reconcile.store.queries import load
from support.servers import SCHEMA

_EVENTS: Final = """
INSERT INTO order_events (account_id, alpaca_order_id, event_key, source, event, status_rank, updated_at_ns,
                          snapshot_ns, stated, topic, partition, "offset", known_at, recorded_at, client_order_id)
SELECT 'a', 'order ' || n, gen_random_uuid(), 'stream', 'fill', 1, n, 0, 0, 't', 0, n, now(),
       now() - (20000 - n) * interval '1 second', repeat('x', 200)
FROM generate_series(1, 20000) AS n;
"""


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database, SCHEMA, name="test") as connection:
        connection.execute(_EVENTS)
        connection.execute("SELECT brin_summarize_new_values('order_events_recorded_idx')")
        connection.execute("ANALYZE order_events")
        yield connection


@pytest.mark.parametrize(
    ("file", "name", "values", "index"),
    [
        ("sweeps.sql", "recent_fills", {"reach_s": 60.0, "account_id": "a"}, "order_events_recorded_idx"),
        ("apply.sql", "frames_of", {"orders": ["order 7"], "accounts": ["a"]}, "order_events_pkey"),
    ],
)
def test_an_index_serves(
    connection: psycopg.Connection, file: str, name: str, values: dict[str, object], index: str
) -> None:
    rows = connection.execute(f"EXPLAIN {load(file)[name]}".encode(), values).fetchall()
    plan = "\n".join(line for (line,) in rows)
    assert index in plan, plan
    assert "Seq Scan" not in plan, plan
