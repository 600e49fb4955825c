"""Values of rows of `executions` and `fills`, and what statements take as parameters."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from stream_reconcile.core.evidence import (
    Coordinates,
    Execution,
)
from stream_reconcile.core.fills import FillRow
from stream_reconcile.core.fold import OrderKey
from stream_reconcile.core.merge import ParentStatement

LAST_MS = 253_402_300_799_999


def plausible_ms(milliseconds: int) -> int:
    """A Kafka timestamp within what a calendar has, for producers may write any 64 bits: 1970 to 9999."""
    return min(max(milliseconds, 0), LAST_MS)


def moment(nanoseconds: int) -> datetime:
    """Nanoseconds since the epoch as a time in UTC, rounded to microseconds as Postgres does."""
    second, rest = divmod(nanoseconds, 1_000_000_000)
    return datetime.fromtimestamp(second, UTC) + timedelta(microseconds=round(rest / 1000))


def execution_from_frame(row: dict[str, Any]) -> Execution:
    """The statement that a fill frame in `order_events` makes."""
    return Execution(
        account_id=row["account_id"],
        order_id=row["alpaca_order_id"],
        execution_id=row["execution_id"],
        qty=row["event_qty"].copy_abs(),  # not abs(), which rounds to 28 digits (I7)
        price=row["event_price"],
        transacted_at_ns=row["transacted_at_ns"],
        cum_qty=row["filled_qty"],
        symbol=row["symbol"] or "",
        side=row["side"] or "",
        coordinates=Coordinates(row["topic"], row["partition"], row["offset"]),
    )


def order_arrays(orders: Iterable[OrderKey]) -> dict[str, list[str]]:
    """Orders as the two parallel arrays that statements take, in key order."""
    ordered = sorted(orders)
    return {"orders": [order for order, _account in ordered], "accounts": [account for _order, account in ordered]}


def parents_json(parents: Mapping[OrderKey, ParentStatement]) -> str:
    """Statements of parents as JSON, as `state_parents` takes them."""
    rows = [
        {"order_id": order_id, "account_id": account_id, **statement._asdict()}
        for (order_id, account_id), statement in sorted(parents.items())
    ]
    return json.dumps(rows)


FILL_ROW_COLUMNS = (
    "account_id", "alpaca_order_id", "fill_key", "execution_id", "activity_id", "symbol", "side", "qty", "price",
    "transacted_at", "entry", "reverses", "source", "topic", "partition", "offset",
)  # fmt: skip


def fill_values(row: FillRow) -> tuple[Any, ...]:
    """The values of `FILL_ROW_COLUMNS` for one row of `fills`."""
    place = row.coordinates
    return (
        *row[:9],
        moment(row.transacted_at_ns),
        *(row.entry, row.reverses, row.source),
        *(place.topic, place.partition, place.offset),
    )
