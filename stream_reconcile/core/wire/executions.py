"""Statements about executions that are no plain fill of their own order: legs, busts, corrections, activities and our
own adjustments."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from stream_reconcile.core.errors import WireError
from stream_reconcile.core.evidence import (
    Activity,
    Bust,
    Coordinates,
    Evidence,
    Execution,
    ExecutionAdjustment,
    Residual,
    ReversalAdjustment,
)
from stream_reconcile.core.observation import Parsed, Seen
from stream_reconcile.core.timestamps import bounded_ns
from stream_reconcile.core.wire.lenient import Unknown, mapping
from stream_reconcile.core.wire.orders import LONGEST_ID, plain_number
from stream_reconcile.core.wire.shapes import as_text, decode_any

_ACTIVITY_FIELDS = frozenset(
    (
        "id", "activity_type", "order_id", "qty", "price", "transaction_time", "symbol", "side", "cum_qty",
        "leaves_qty", "type", "order_status", "account_id", "date", "net_amount", "description", "status",
        "per_share_amount", "swap_rate", "settle_date",
    )
)  # fmt: skip


def leg_executions(update: Any, seen: Seen) -> tuple[Execution, ...]:
    """The executions of a multi-leg fill (sample 06), each under its leg's order. Raises WireError."""
    nested = dict(_nested_fields(leg) for leg in update.order.legs or ())
    executions: list[Execution] = []
    for index, leg in enumerate(update.legs):
        filled_qty, side = nested.get(leg.order_id, (None, None))
        cum_qty = as_text(filled_qty, "legs.filled_qty")
        executions.append(
            Execution(
                account_id=seen.account_id,
                order_id=_identified(leg.order_id, "legs.order_id"),
                execution_id=_identified(leg.execution_id, "legs.execution_id"),
                qty=_quantity(leg.qty, "legs.qty"),
                price=_decimal(leg.price, "legs.price"),
                transacted_at_ns=bounded_ns(leg.timestamp or update.timestamp or ""),
                cum_qty=_decimal(cum_qty, "legs.filled_qty") if cum_qty else None,
                symbol=_text(leg.symbol, "legs.symbol"),
                side=_text(side, "legs.side"),
                coordinates=Coordinates(seen.topic, seen.partition, seen.offset, index),
            )
        )
    return tuple(executions)


def _nested_fields(leg: Any) -> tuple[object, tuple[object, object]]:
    """Id, and filled quantity and side, of a leg read inside its parent, by the strict reader or the lenient one."""
    if isinstance(leg, dict):
        return leg.get("id"), (leg.get("filled_qty"), leg.get("side"))
    if not isinstance(leg, msgspec.Struct):
        return None, (None, None)
    order: Any = leg
    return order.id, (order.filled_qty or None, order.side or None)


def reversal(update: Any, seen: Seen) -> tuple[Evidence, ...]:
    """What a trade_bust or trade_correct says. Raises WireError where a correction lacks what it corrects to."""
    order = update.order
    coordinates = Coordinates(seen.topic, seen.partition, seen.offset)
    if update.event == "trade_bust":
        if not update.previous_execution_id:
            return ()  # it names nothing to take back: I9 notices the order at this very event
        return (
            Bust(
                account_id=seen.account_id,
                order_id=order.id,
                previous_execution_id=_identified(update.previous_execution_id, "previous_execution_id"),
                busted_at_ns=bounded_ns(update.timestamp or ""),
                coordinates=coordinates,
                qty=_decimal(update.qty, "qty") if update.qty else None,
            ),
        )
    if not (update.execution_id and update.qty and update.price):
        return ()
    original = update.previous_execution_id
    return (
        Execution(
            account_id=seen.account_id,
            order_id=order.id,
            execution_id=_identified(update.execution_id, "execution_id"),
            qty=_quantity(update.qty, "qty"),
            price=_decimal(update.price, "price"),
            transacted_at_ns=bounded_ns(update.timestamp or ""),
            cum_qty=None,
            symbol=order.symbol if isinstance(order.symbol, str) else "",
            side=order.side if isinstance(order.side, str) else "",
            coordinates=coordinates,
            previous_execution_id=_identified(original, "previous_execution_id") if original else "",
        ),
    )


def parse_activity(raw: bytes, seen: Seen) -> Parsed:
    """One element of GET /v2/account/activities. Any type but FILL is no statement about an execution.

    Raises WireError.
    """
    value = mapping(decode_any(raw), "activity")
    kind = as_text(value.get("activity_type"), "activity_type") or ""
    if kind != "FILL":
        return Parsed("other_activity", kind, (), (), ())
    texts = {name: _text(value.get(name), name) for name in ("id", "order_id", "qty", "price", "symbol", "side")}
    cum_qty = as_text(value.get("cum_qty"), "cum_qty")
    unknown = Unknown((name, item) for name, item in value.items() if name not in _ACTIVITY_FIELDS)
    activity = Activity(
        account_id=seen.account_id,
        order_id=_identified(texts["order_id"], "order_id"),
        activity_id=_identified(texts["id"], "id"),
        qty=_quantity(texts["qty"], "qty"),
        price=_decimal(texts["price"], "price"),
        transacted_at_ns=bounded_ns(as_text(value.get("transaction_time"), "transaction_time") or ""),
        cum_qty=_decimal(cum_qty, "cum_qty") if cum_qty else None,
        symbol=texts["symbol"],
        side=texts["side"],
        coordinates=Coordinates(seen.topic, seen.partition, seen.offset),
    )
    return Parsed("activity", kind, (), (activity,), tuple(unknown))


def parse_adjustment(raw: bytes, seen: Seen) -> Parsed:
    """One of our own adjustments: `{"kind": "residual", "key": …}`, `{"kind": "execution", "execution_id": …}` or
    `{"kind": "reversal", "reverses": …}`, each with what was traded.

    Raises WireError. A kind that this version does not know is kept in the log and counted.
    """
    value = mapping(decode_any(raw), "adjustment")
    kind = as_text(value.get("kind"), "kind") or ""
    if kind not in ("residual", "execution", "reversal"):
        return Parsed("other_adjustment", kind, (), (), ())

    def text(name: str) -> str:
        return _text(value.get(name), name)

    coordinates = Coordinates(seen.topic, seen.partition, seen.offset)
    order_id = _identified(text("order_id"), "order_id")
    qty, price = _quantity(text("qty"), "qty"), _decimal(text("price"), "price")
    adjustment: Residual | ExecutionAdjustment | ReversalAdjustment
    if kind == "residual":
        adjustment = Residual(
            account_id=seen.account_id,
            order_id=order_id,
            key=_identified(text("key"), "key"),
            qty=qty,
            price=price,
            as_of_ns=bounded_ns(text("as_of")),
            explained_from=_decimal(text("explained_from"), "explained_from"),
            symbol=text("symbol"),
            side=text("side"),
            coordinates=coordinates,
        )
    elif kind == "reversal":
        adjustment = ReversalAdjustment(
            account_id=seen.account_id,
            order_id=order_id,
            reverses=_identified(text("reverses"), "reverses"),
            qty=qty,
            price=price,
            as_of_ns=bounded_ns(text("as_of")),
            symbol=text("symbol"),
            side=text("side"),
            coordinates=coordinates,
        )
    else:
        adjustment = ExecutionAdjustment(
            account_id=seen.account_id,
            order_id=order_id,
            execution_id=_identified(text("execution_id"), "execution_id"),
            qty=qty,
            price=price,
            transacted_at_ns=bounded_ns(text("transacted_at")),
            symbol=text("symbol"),
            side=text("side"),
            coordinates=coordinates,
        )
    return Parsed("adjustment", kind, (), (adjustment,), ())


def _text(value: object, field: str) -> str:
    """A text that Postgres can hold; "" where there is none."""
    text = as_text(value, field) or ""
    if "\x00" in text:
        raise WireError("nul_character", field)
    return text


def _identified(text: str, field: str) -> str:
    if not text or len(text) > LONGEST_ID or "\x00" in text:
        raise WireError("no_id", field)
    return text


def _decimal(text: str, field: str) -> Decimal:
    return Decimal(plain_number(text, field))


def _quantity(text: str, field: str) -> Decimal:
    return _decimal(text, field).copy_abs()  # not abs(), which rounds to 28 digits (I7)
