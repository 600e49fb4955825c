"""Frames, orders, activities and adjustments as the broker (or the sweep) writes them, to be changed field by field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stream_reconcile.core.observation import Seen

ACCOUNT = "acct-1"
UPDATES, SNAPSHOTS, ACTIVITIES, ADJUSTMENTS = "updates", "snapshots", "activities", "adjustments"
SAMPLES = Path(__file__).resolve().parents[2].parent / "shared" / "alpaca-samples"

_ORDER: dict[str, Any] = {
    "id": "order-1", "client_order_id": "client-1", "created_at": "2026-09-18T13:24:50.018261663Z",
    "updated_at": "2026-09-18T13:24:50.034148789Z", "submitted_at": "2026-09-18T13:24:50.018261663Z",
    "filled_at": None, "expired_at": None, "cancel_requested_at": None, "canceled_at": None, "failed_at": None,
    "replaced_at": None, "replaced_by": None, "replaces": None, "asset_id": "03e005f7-4bfc-4616-b1b0-225dd64074fa",
    "symbol": "DOGE/USD", "asset_class": "crypto", "notional": None, "qty": "10", "filled_qty": "0",
    "filled_avg_price": None, "order_class": "", "order_type": "market", "type": "market", "side": "buy",
    "position_intent": "buy_to_open", "time_in_force": "gtc", "limit_price": None, "stop_price": None, "status": "new",
    "extended_hours": False, "legs": None, "trail_percent": None, "trail_price": None, "hwm": None, "expires_at": None,
}  # fmt: skip


def order_json(**changes: Any) -> dict[str, Any]:
    """An order with every field of the shape of 2026 (sample 05); `...` as a value leaves the field out."""
    return {name: value for name, value in (_ORDER | changes).items() if value is not ...}


def update_json(event: str = "new", order: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """The data of a trade update."""
    data = {"event": event, "timestamp": "2026-09-18T13:24:50.019957863Z", "order": order or order_json(), **fields}
    return {name: value for name, value in data.items() if value is not ...}


def frame(event: str = "new", order: dict[str, Any] | None = None, **fields: Any) -> bytes:
    """A trade_updates message."""
    return envelope(update_json(event, order, **fields))


def envelope(data: object) -> bytes:
    """The websocket message round some data."""
    return json.dumps({"stream": "trade_updates", "data": data}).encode()


def activity_json(**changes: Any) -> dict[str, Any]:
    """A FILL activity (sample 35)."""
    activity = {
        "id": "20260918092450019::a0b4b946", "activity_type": "FILL", "order_id": "order-1", "qty": "4", "price": "2.5",
        "transaction_time": "2026-09-18T13:24:50.019957Z", "symbol": "DOGEUSD", "side": "buy", "cum_qty": "4",
        "leaves_qty": "6", "type": "partial_fill", "order_status": "partially_filled",
    }  # fmt: skip
    return {name: value for name, value in (activity | changes).items() if value is not ...}


def seen_at(
    offset: int = 0,
    *,
    topic: str = UPDATES,
    partition: int = 0,
    source: str = "stream",
    received_at_ns: int = 0,
    account_id: str = ACCOUNT,
) -> Seen:
    """Where a record was seen; its Kafka timestamp is 1,000 s after the epoch plus its offset in ms."""
    return Seen(account_id, source, received_at_ns, topic, partition, offset, 1_000_000 + offset)


def sample(number: int) -> bytes:
    """The bytes of a broker sample; skips the test where they are not at hand."""
    if not SAMPLES.is_dir():
        pytest.skip("the broker's samples are not in ../shared/alpaca-samples")
    (path,) = SAMPLES.glob(f"{number:02d}_*.json")
    return path.read_bytes()
