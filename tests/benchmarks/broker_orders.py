"""Orders that ended some time ago, in the tables and as REST tells them: two of three filled, the others canceled.

One formula for both sides, by the number of the order: what the sweep reads has not changed.
"""

from __future__ import annotations

import json
import time
from hashlib import md5
from uuid import UUID

_FIRST_S = 1_767_600_000  # 5 January 2026, 08:00 UTC; one order every 6 s
PAGE = 500

# Times are read from text, as those of apply are: Postgres rounds them, the version keeps the nanoseconds.
_ORDERS = """
INSERT INTO executions (
    account_id, alpaca_order_id, client_order_id, symbol, asset_id, asset_class, side, order_type, order_class,
    time_in_force, extended_hours, position_intent, qty, filled_qty, filled_avg_price, limit_price, status, created_at,
    submitted_at, updated_at, updated_at_ns, filled_at, canceled_at, expires_at, origin, status_rank, snapshot_ns,
    stated, last_source, last_topic, last_partition, last_offset
)
SELECT '{account}', md5(n::text)::uuid::text, 'c-' || n, 'SYM' || n % 500, md5('SYM' || n % 500)::uuid::text,
    'us_equity', 'buy', 'limit', '', 'day', false, 'buy_to_open', 10, CASE WHEN filled THEN 10 ELSE 0 END,
    CASE WHEN filled THEN 100 + n % 97 * 0.01 END, 101.5, CASE WHEN filled THEN 'filled' ELSE 'canceled' END,
    at::timestamptz, at::timestamptz, ended::timestamptz, ended_ns, CASE WHEN filled THEN ended::timestamptz END,
    CASE WHEN NOT filled THEN ended::timestamptz END, ended::timestamptz, 'own', 940, 0, 4294967295, 'stream',
    'earlier', n % 8, n / 8
FROM (
    SELECT n, n % 3 <> 0 AS filled,
        to_char(to_timestamp({first_s} + n * 6) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.')
            || lpad((n * 7919 % 1000000000)::text, 9, '0') || 'Z' AS at,
        to_char(to_timestamp({first_s} + n * 6 + 2) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.')
            || lpad((n * 104729 % 1000000000)::text, 9, '0') || 'Z' AS ended,
        ({first_s} + n * 6 + 2) * 1000000000 + n * 104729 % 1000000000 AS ended_ns
    FROM generate_series(1::bigint, {orders}) AS n
    ORDER BY md5(n::text)
) AS orders
"""
_FILLS = """
INSERT INTO fills (
    account_id, alpaca_order_id, fill_key, execution_id, symbol, side, qty, price, transacted_at, entry, source, topic,
    partition, "offset"
)
SELECT account_id, alpaca_order_id, 'x:' || alpaca_order_id, alpaca_order_id, symbol, side, filled_qty,
    filled_avg_price, filled_at, 'trade', 'stream', last_topic, last_partition, last_offset
FROM executions
WHERE filled_qty > 0
ORDER BY alpaca_order_id
"""


def statements(account: str, orders: int) -> list[str]:
    """What puts them into an empty database, in order."""
    put = _ORDERS.format(account=account, orders=orders, first_s=_FIRST_S)
    return [put, _FILLS, "VACUUM ANALYZE executions", "VACUUM ANALYZE fills"]


def page(first: int, last: int) -> list[bytes]:
    """The orders of these numbers, both inclusive, as REST tells them."""
    return [json.dumps(_order(number), separators=(",", ":")).encode() for number in range(first, last + 1)]


def _order(number: int) -> dict[str, object]:
    at, ended = _time(number * 6, number * 7919), _time(number * 6 + 2, number * 104729)
    filled = number % 3 != 0
    symbol = f"SYM{number % 500}"
    return {
        "id": _uuid(str(number)), "client_order_id": f"c-{number}", "created_at": at, "updated_at": ended,
        "submitted_at": at, "filled_at": ended if filled else None, "expired_at": None,
        "canceled_at": None if filled else ended, "failed_at": None, "replaced_at": None, "replaced_by": None,
        "replaces": None, "asset_id": _uuid(symbol), "symbol": symbol, "asset_class": "us_equity", "notional": None,
        "qty": "10", "filled_qty": "10" if filled else "0",
        "filled_avg_price": f"100.{number % 97:02d}" if filled else None, "order_class": "", "order_type": "limit",
        "type": "limit", "side": "buy", "position_intent": "buy_to_open", "time_in_force": "day",
        "limit_price": "101.5", "stop_price": None, "status": "filled" if filled else "canceled",
        "extended_hours": False, "legs": None, "trail_percent": None, "trail_price": None, "hwm": None,
        "subtag": None, "source": None, "expires_at": ended,
    }  # fmt: skip


def _time(second: int, nanosecond: int) -> str:
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(_FIRST_S + second))}.{nanosecond % 10**9:09d}Z"


def _uuid(text: str) -> str:
    return str(UUID(md5(text.encode(), usedforsecurity=False).hexdigest()))
