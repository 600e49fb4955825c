"""Account activities: one FILL for each execution, and whatever else moved the account, in REST's shape and paging.

The id begins with the US/Eastern wall time in milliseconds (so it is not monotonic when daylight saving ends), and
within one millisecond the order is that of the random part (Alpaca-API#170: same-millisecond partials come unordered).
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from stream_reconcile.simulator.orders import Execution
from stream_reconcile.simulator.values import MILLISECOND, SECOND, decimal_text, rfc3339

_EASTERN = ZoneInfo("America/New_York")


@lru_cache(maxsize=4096)
def _eastern_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).astimezone(_EASTERN).strftime("%Y%m%d%H%M%S")


def activity_id(ns: int, uuid: str) -> str:
    """`YYYYMMDDHHMMSSmmm::uuid`, the time in US/Eastern."""
    return f"{_eastern_second(ns // SECOND)}{ns // MILLISECOND % 1000:03d}::{uuid}"


def fill_activity(execution: Execution) -> dict[str, Any]:
    """The FILL activity of an execution. Its id's UUID is not the stream's execution id (whether it is: unknown)."""
    wire = execution.order.wire
    return {
        "id": activity_id(execution.ns, execution.activity_uuid),
        "activity_type": "FILL",
        "transaction_time": rfc3339(execution.ns),
        "type": execution.kind,
        "price": decimal_text(execution.price),
        "qty": decimal_text(execution.qty),
        "side": wire["side"],
        "symbol": wire["symbol"],
        "leaves_qty": decimal_text(execution.leaves_qty),
        "order_id": wire["id"],
        "cum_qty": decimal_text(execution.cum_qty),
        "order_status": execution.order_status,
    }
