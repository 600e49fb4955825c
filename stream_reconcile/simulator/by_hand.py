"""What can be done to an order by hand, through `/sim/orders/{order_id}/{operation}`: a table of operations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from stream_reconcile.core.errors import ConfigError
from stream_reconcile.simulator.brokerage import Brokerage
from stream_reconcile.simulator.orders import Execution, Order
from stream_reconcile.simulator.tickets import Market
from stream_reconcile.simulator.values import NANO


@dataclass(frozen=True, slots=True)
class Hand:
    """One request: on which order, with which quantity and price (nanos; None: the natural one), which execution."""

    books: Brokerage
    market: Market
    order: Order
    qty: int | None = None
    price: int | None = None
    execution_id: str = ""

    def at_price(self) -> int:
        return self.market.quote(self.order.traded) if self.price is None else self.price

    def execution(self) -> Execution:
        """The one that is named, or the newest. Raises ConfigError."""
        found = [each for each in self.order.executions if self.execution_id in {"", each.execution_id}]
        if not found:
            raise ConfigError(f"order {self.order.id} has no such execution")
        return found[-1]


def _fill(hand: Hand) -> None:
    order = hand.order
    if order.is_multi_leg:
        prices = [hand.market.quote(leg.traded) for leg in order.leg_orders]
        hand.books.fill_legs(order, hand.qty or order.remaining, prices)
    elif order.notional is not None:
        qty = hand.qty or max(order.notional * NANO // hand.at_price(), 1)
        hand.books.fill(order, qty, hand.at_price(), done=hand.qty is None)
    else:
        hand.books.fill(order, hand.qty or order.remaining, hand.at_price())


def _late_fill(hand: Hand) -> None:
    hand.books.fill(hand.order, hand.qty or hand.order.remaining, hand.at_price(), late=True, done=False)


def _correct(hand: Hand) -> None:
    execution = hand.execution()
    hand.books.correct(execution, hand.qty or execution.qty, hand.at_price())


OPERATIONS: dict[str, Callable[[Hand], object]] = {
    "accept": lambda hand: hand.books.accept(hand.order),
    "activate": lambda hand: hand.books.activate(hand.order),
    "reject": lambda hand: hand.books.reject(hand.order),
    "fill": _fill,
    "late_fill": _late_fill,
    "bust": lambda hand: hand.books.bust(hand.execution()),
    "correct": _correct,
    "request_cancel": lambda hand: hand.books.request_cancel(hand.order),
    "cancel": lambda hand: hand.books.cancel(hand.order),
    "refuse_cancel": lambda hand: hand.books.refuse_cancel(hand.order),
    "refuse_replace": lambda hand: hand.books.refuse_replace(hand.order),
    "reopen": lambda hand: hand.books.reopen(hand.order),
    "expire": lambda hand: hand.books.expire(hand.order),
    "done_for_day": lambda hand: hand.books.mark(hand.order, "done_for_day"),
    "stopped": lambda hand: hand.books.mark(hand.order, "stopped"),
    "suspended": lambda hand: hand.books.mark(hand.order, "suspended"),
    "calculated": lambda hand: hand.books.mark(hand.order, "calculated"),
    "restate": lambda hand: hand.books.restate(hand.order, hand.price),
}


def operate(operation: str, hand: Hand) -> None:
    """Carry out an operation. Raises ConfigError if there is none of that name, OrderStateError."""
    action = OPERATIONS.get(operation)
    if action is None:
        raise ConfigError(f"there is no operation {operation!r}; there are {', '.join(sorted(OPERATIONS))}")
    action(hand)
