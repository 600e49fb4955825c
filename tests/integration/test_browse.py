"""Lists that people page through: nothing is left out or told twice, however the rows lie in time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Final

import psycopg
import pytest

from stream_reconcile.store import browse
from stream_reconcile.store.connect import connect
from support.servers import SCHEMA

_SECOND: Final = 1_000_000_000
# From one order to the next: at once, minutes, hours, and days in which nothing happened.
_GAPS_S: Final = (0, 1, 20, 90, 4_000, 30_000, 100_000, 3_000_000)
_ORDER: Final = """
WITH event AS (
    INSERT INTO order_events (account_id, alpaca_order_id, event_key, source, event, status_rank, updated_at_ns,
                              snapshot_ns, stated, topic, partition, "offset", known_at)
    VALUES ('a', %(order)s, gen_random_uuid(), 'stream', 'new', 1, %(at_ns)s, 0, 0, 't', 0, %(number)s, now())
)
INSERT INTO executions (account_id, alpaca_order_id, client_order_id, symbol, status, status_rank, updated_at_ns,
                        snapshot_ns, stated, last_source, last_topic, last_partition, last_offset)
VALUES ('a', %(order)s, %(order)s, %(symbol)s, 'new', 1, %(at_ns)s, 0, 0, 'stream', 't', 0, %(number)s)
"""


@pytest.fixture
def orders(database: str) -> Iterator[tuple[psycopg.Connection, list[str]]]:
    """A connection, and the orders, newest first; one is ahead of our clock."""
    at_ns, newest_first = time.time_ns() + 30 * _SECOND, []
    with connect(database, SCHEMA, name="test") as connection:
        for number in range(64):
            order = f"o-{number:02}"
            symbol = "RARE" if number % 32 == 31 else "AAPL"
            connection.execute(_ORDER, {"order": order, "at_ns": at_ns, "number": number, "symbol": symbol})
            newest_first.append((at_ns, order))
            at_ns -= _GAPS_S[number % len(_GAPS_S)] * _SECOND
        yield connection, [order for _at, order in sorted(newest_first, reverse=True)]


def paged(connection: psycopg.Connection, limit: int, **filters: Any) -> list[str]:
    found: list[str] = []
    key: list[Any] | None = None
    while page := browse.executions(connection, filters, key, limit=limit):
        found += [row.alpaca_order_id for row in page]
        key = browse.execution_key(page[-1])
    return found


@pytest.mark.parametrize("limit", [1, 5, 200])
def test_all_orders_once_by_pages(orders: tuple[psycopg.Connection, list[str]], limit: int) -> None:
    connection, newest_first = orders
    assert paged(connection, limit) == newest_first
    rare = [order for order in newest_first if int(order[2:]) % 32 == 31]
    assert paged(connection, limit, symbol="RARE") == rare
