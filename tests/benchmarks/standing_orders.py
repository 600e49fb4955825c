"""A database that holds orders already: ended ones, each with a row, an event, and a fill for each third."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from own_servers import ACCOUNT, OwnServers

# Ids are spread like the broker's, but come sorted, so that the indexes are built quickly.
_ORDERS = f"""
INSERT INTO executions (
    account_id, alpaca_order_id, client_order_id, symbol, asset_id, asset_class, side, order_type, order_class,
    time_in_force, extended_hours, position_intent, qty, filled_qty, filled_avg_price, limit_price, status, created_at,
    submitted_at, updated_at, updated_at_ns, filled_at, expires_at, status_rank, snapshot_ns, stated, last_source,
    last_topic, last_partition, last_offset
)
SELECT '{ACCOUNT}', id, id, 'SYM' || n % 500, md5((n % 500)::text)::uuid, 'us_equity', 'buy', 'limit', '', 'day', false,
    'buy_to_open', 100, 100, 101.25, 101.5, 'filled', at, at, at, extract(epoch FROM at)::bigint * 1000000000, at, at,
    90, 0, 4294967295, 'stream', 'earlier', n % 8, n / 8
FROM (
    SELECT n, md5(n::text)::uuid::text AS id, '2026-01-02 14:30:00+00'::timestamptz + n * interval '2 seconds' AS at
    FROM generate_series(1, {{orders}}) AS n
    ORDER BY id
) AS orders
"""
_EVENTS = """
INSERT INTO order_events (
    account_id, alpaca_order_id, event_key, source, event, event_at, execution_id, event_qty, event_price, qty,
    filled_qty, filled_avg_price, limit_price, created_at, updated_at, submitted_at, filled_at, client_order_id, symbol,
    asset_id, asset_class, side, position_intent, order_type, order_class, time_in_force, status, extended_hours,
    status_rank, updated_at_ns, snapshot_ns, stated, topic, partition, "offset", known_at
)
SELECT account_id, alpaca_order_id, md5('e' || alpaca_order_id)::uuid, 'stream', 'fill', filled_at,
    md5('x' || alpaca_order_id)::uuid::text, qty, filled_avg_price, qty, filled_qty, filled_avg_price, limit_price,
    created_at, updated_at, submitted_at, filled_at, client_order_id, symbol, asset_id, asset_class, side,
    position_intent, order_type, order_class, time_in_force, status, extended_hours, status_rank, updated_at_ns,
    snapshot_ns, stated, last_topic, last_partition, last_offset, updated_at
FROM executions
ORDER BY alpaca_order_id
"""
_FILLS = """
INSERT INTO fills (
    account_id, alpaca_order_id, fill_key, execution_id, symbol, side, qty, price, transacted_at, entry, source, topic,
    partition, "offset"
)
SELECT account_id, alpaca_order_id, 'x:' || execution_id, execution_id, symbol, side, event_qty, event_price, event_at,
    'trade', 'stream', topic, partition, "offset"
FROM order_events
WHERE "offset" % 3 = 0
ORDER BY execution_id
"""


@contextlib.contextmanager
def database_with_orders(servers: OwnServers, orders: int) -> Iterator[str]:
    """Name of a database to clone, with so many orders in its tables, vacuumed and analysed."""
    with servers.database() as dsn:
        for statement in (_ORDERS.format(orders=orders), _EVENTS, _FILLS, "VACUUM ANALYZE"):
            servers.execute(dsn, statement)
        yield servers.name_of(dsn)
