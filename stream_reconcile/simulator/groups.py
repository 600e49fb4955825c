"""What follows for the other orders of a bracket, OCO or OTO group when one of them ends.

Bracket: an entry with a take-profit and a stop-loss leg; both are `held` until the entry has filled, then the first
one goes to the exchange and the other stays `held` until its price is reached. OTO: an entry with one leg. OCO: a
take-profit order with a stop-loss leg, no entry. Multi-leg option orders are no group: their legs live in the parent.
"""

from __future__ import annotations

from collections.abc import Iterator

from stream_reconcile.simulator.brokerage import Brokerage
from stream_reconcile.simulator.orders import CLOSED, Order
from stream_reconcile.simulator.values import MILLISECOND

Flow = Iterator[int]
"""A script: it does something in the books and yields how many nanoseconds pass until it goes on."""


def in_group(order: Order) -> bool:
    """Whether the end of this order concerns others."""
    return order.ratio is None and not order.is_multi_leg and bool(order.parent or order.leg_orders)


def after_close(brokerage: Brokerage, order: Order) -> Flow:
    """Carry out what the end of `order` means for its group. Harmless for an order that is in none.

    A replaced order has handed its place in the group to its successor (`Brokerage.replace`): nothing follows.
    """
    if not in_group(order) or order.status not in CLOSED - {"replaced"}:
        return
    yield 2 * MILLISECOND
    if order.parent is not None:
        siblings = [leg for leg in order.parent.leg_orders if leg is not order]
        if order.wire["order_class"] == "oco":
            siblings.append(order.parent)
        yield from _cancel_all(brokerage, siblings)
    elif order.status == "filled" and order.wire["order_class"] != "oco":
        first = order.leg_orders[0]
        if first.status == "held":
            brokerage.activate(first)
    else:
        yield from _cancel_all(brokerage, order.leg_orders)


def _cancel_all(brokerage: Brokerage, orders: list[Order]) -> Flow:
    for order in orders:
        if order.status not in CLOSED:
            brokerage.cancel(order)
            yield MILLISECOND
