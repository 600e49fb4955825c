"""The ground truth: what tables that follow this broker must hold once all is told.

An order is told as REST gives it. Its fills are the executions that count: trades that were neither busted nor
corrected, and corrections that were not corrected or busted in turn. A multi-leg order has no fills of its own; its
legs, orders of their own here, have them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import msgspec

from stream_reconcile.simulator.orders import Execution, Order, rest_order
from stream_reconcile.simulator.values import decimal_text, rfc3339


class Fill(NamedTuple):
    """One execution that counts. Decimals as text; the time as the frame's text and in nanoseconds since the epoch."""

    execution_id: str
    order_id: str
    symbol: str
    side: str
    qty: str
    price: str
    transacted_at: str
    transacted_at_ns: int


class Reversed(NamedTuple):
    """An execution that counts no more: `state` says why (`busted`, `corrected`), `reversed_by` under which id."""

    fill: Fill
    state: str
    reversed_by: str


class Truth(NamedTuple):
    """The end of one order: `order` is the REST object in JSON, `fills` its executions that count."""

    order_id: str
    parent_id: str | None
    order: bytes
    fills: tuple[Fill, ...]
    reversals: tuple[Reversed, ...]

    def order_object(self) -> dict[str, Any]:
        """The REST object, decoded."""
        decoded: dict[str, Any] = msgspec.json.decode(self.order)
        return decoded


class TruthSink(Protocol):
    """Takes the end of each order as soon as nothing more will be said of it."""

    def add(self, truth: Truth) -> None: ...


class MemoryTruth:
    """Keeps the truth in memory: about 2 kB an order."""

    def __init__(self) -> None:
        self.by_id: dict[str, Truth] = {}

    def add(self, truth: Truth) -> None:
        self.by_id[truth.order_id] = truth

    def __len__(self) -> int:
        return len(self.by_id)

    def __iter__(self) -> Iterator[Truth]:
        return iter(self.by_id.values())

    def fills(self) -> Iterator[Fill]:
        """All fills of all orders."""
        for truth in self.by_id.values():
            yield from truth.fills


_encode = msgspec.json.Encoder().encode


def truth_of(order: Order) -> Truth:
    """The truth of an order as it stands."""
    return Truth(
        order_id=order.id,
        parent_id=None if order.parent is None else order.parent.id,
        order=_encode(rest_order(order)),
        fills=tuple([fill_of(execution) for execution in order.executions if execution.state == "real"]),
        reversals=tuple(
            [
                Reversed(fill_of(execution), execution.state, execution.reversed_by)
                for execution in order.executions
                if execution.reversed_by is not None
            ]
        ),
    )


def fill_of(execution: Execution) -> Fill:
    """An execution as a fill."""
    wire = execution.order.wire
    return Fill(
        execution.execution_id,
        wire["id"],
        wire["symbol"],
        wire["side"],
        decimal_text(execution.qty),
        decimal_text(execution.price),
        rfc3339(execution.ns),
        execution.ns,
    )
