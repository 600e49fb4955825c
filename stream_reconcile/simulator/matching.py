"""What becomes of the orders that clients submit: acknowledged, filled by the quote, or resting until it moves.

The market here is one price for each symbol, endless in size, that stands still until somebody sets it. An order
fills in one execution as soon as its price is met; a stop is triggered when the quote reaches it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from stream_reconcile.simulator.brokerage import Brokerage
from stream_reconcile.simulator.groups import Flow, after_close
from stream_reconcile.simulator.instruments import Instrument
from stream_reconcile.simulator.orders import CLOSED, FILLABLE, Order, Ticket, trailing_stop
from stream_reconcile.simulator.tickets import Market
from stream_reconcile.simulator.values import NANO

_IMMEDIATE = {"ioc", "fok"}
_STOPS = {"stop", "stop_limit", "trailing_stop"}


class Matcher:
    """Works the orders of clients. `start` enters a script into the schedule, to begin at once."""

    def __init__(
        self,
        brokerage: Brokerage,
        market: Market,
        start: Callable[[Flow], None],
        *,
        acknowledge_ns: int,
        fill_ns: int,
        auto_fill: bool,
    ) -> None:
        self._brokerage = brokerage
        self._market = market
        self._start = start
        self._acknowledge = acknowledge_ns
        self._fill_pause = fill_ns
        self._auto_fill = auto_fill
        self._triggered: set[str] = set()

    def submit(self, ticket: Ticket, leg_tickets: Iterable[Ticket]) -> Order:
        """Take a client's order; its life goes on by itself."""
        brokerage = self._brokerage
        if ticket.type == "trailing_stop" and ticket.instrument is not None:
            ticket.hwm = self._market.quote(ticket.instrument)
            sign = -1 if ticket.side == "sell" else 1
            ticket.stop_price = trailing_stop(ticket.hwm, ticket.trail_price, ticket.trail_percent, sign)
        order = brokerage.open(ticket)
        legs = [brokerage.open(leg, order) for leg in leg_tickets]
        for each in (order, *legs):
            each.attended = True
        brokerage.receive(order)
        for leg in legs:
            if leg.ratio is None:
                brokerage.hold(leg)
        self._start(self._attend(order))
        return order

    def cancel(self, order: Order) -> None:
        """Ask for the cancel of an open order; granted unless it fills first."""
        self._brokerage.request_cancel(order)
        self._start(self._cancel(order))

    def replace(self, order: Order, ticket: Ticket) -> Order:
        """Ask for the replacement of an open order; the new one is there at once, under its new id."""
        successor = self._brokerage.request_replace(order, ticket)
        successor.attended = True
        self._start(self._replace(order, successor))
        return successor

    def quote_moved(self, instrument: Instrument, orders: Iterable[Order]) -> None:
        """Look again at the resting orders of this symbol (or with a leg of it)."""
        for order in list(orders):
            if order.attended and instrument in _symbols(order):
                if order.wire["type"] == "trailing_stop":
                    order.trail(self._market.quote(instrument))
                self._start(self._match(order))

    def after_manual_close(self, order: Order) -> None:
        """Something was done to an order by hand: its group follows."""
        self._start(after_close(self._brokerage, order))

    def _attend(self, order: Order) -> Flow:
        yield self._acknowledge
        if order.status == "pending_new":
            self._brokerage.activate(order)
        yield self._fill_pause
        yield from self._match(order)
        if order.wire["time_in_force"] in _IMMEDIATE and order.status in FILLABLE:
            self._brokerage.cancel(order)

    def _cancel(self, order: Order) -> Flow:
        yield self._acknowledge
        if order.status == "pending_cancel":
            self._brokerage.cancel(order)
            yield from after_close(self._brokerage, order)
        elif order.status != "canceled":
            # Its group may have taken it along meanwhile: then it is what was asked for.
            self._brokerage.refuse_cancel(order)

    def _replace(self, order: Order, successor: Order) -> Flow:
        yield self._acknowledge
        if order.status != "pending_replace":
            self._brokerage.refuse_replace(order)
            self._brokerage.reject(successor)
            return
        self._brokerage.replace(order)
        self._brokerage.activate(successor)
        yield self._fill_pause
        yield from self._match(successor)

    def _match(self, order: Order) -> Flow:
        """Fill the order if its price is met; what that closes, closes its group."""
        if not self._auto_fill:
            return
        if order.status == "held" and order.parent is not None and self._is_exit_live(order) and self._triggers(order):
            self._brokerage.activate(order)
        if order.status not in FILLABLE:
            return
        if order.is_multi_leg:
            prices = [self._market.quote(leg.traded) for leg in order.leg_orders]
            net = sum(
                leg.sign * price * (leg.ratio or 0) // NANO for leg, price in zip(order.leg_orders, prices, strict=True)
            )
            if order.limit is None or net <= order.limit:
                self._brokerage.fill_legs(order, order.remaining, prices)
            return
        price = self._market.quote(order.traded)
        if not self._triggers(order) or not _meets_limit(order, price):
            return
        if order.notional is not None:
            self._brokerage.fill(order, max(order.notional * NANO // price, 1), price, done=True)
        else:
            self._brokerage.fill(order, order.remaining, price)
        yield from after_close(self._brokerage, order)
        # A take-profit that its entry's fill has just woken may be marketable itself.
        for leg in order.leg_orders:
            if leg.status not in CLOSED:
                yield from self._match(leg)

    def _is_exit_live(self, leg: Order) -> bool:
        """A held exit counts once its entry has filled; that of an OCO order at once."""
        entry = leg.parent
        return entry is not None and (entry.status == "filled" or leg.wire["order_class"] == "oco")

    def _triggers(self, order: Order) -> bool:
        if order.wire["type"] not in _STOPS or order.id in self._triggered:
            return True
        quote = self._market.quote(order.traded)
        reached = order.stop is not None and (quote - order.stop) * order.sign >= 0
        if reached:
            self._triggered.add(order.id)
        return reached


def _symbols(order: Order) -> list[Instrument]:
    return [leg.traded for leg in order.leg_orders] if order.is_multi_leg else [order.traded]


def _meets_limit(order: Order, price: int) -> bool:
    return order.limit is None or (order.limit - price) * order.sign >= 0
