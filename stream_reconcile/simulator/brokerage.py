"""The broker's books: what may happen to an order, and the frame that tells of it.

Each method is one thing that happens (a fill, a cancel, a bust …): it changes the order, the position and the list of
executions, and sends exactly one frame for it. So the state of every order is always what its last frame says; what
a client misses, it misses through the faults, never through these books. The clock is the caller's (`at`), and every
number is drawn from one seeded generator: the same calls give the same bytes.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from stream_reconcile.simulator.frames import EXCHANGE_EVENTS, Frame, FrameWriter, settle_date
from stream_reconcile.simulator.orders import CLOSED, FILLABLE, OPEN, Execution, Order, OrderStateError, Ticket
from stream_reconcile.simulator.positions import Positions
from stream_reconcile.simulator.values import MICROSECOND, MILLISECOND, NANO, Ids, decimal_text, rfc3339

# How long before it is sent (`at`) a thing happened, in ns. In the captures of 2026-09-18 a fill was 14.6 ms old, its
# order updated 0.4 ms before. Here everything fits into a millisecond, so that `at` measures a reader's latency.
SUBMITTED_BEFORE = MILLISECOND
UPDATED_BEFORE = 60 * MICROSECOND
EVENT_BEFORE = 200 * MICROSECOND


class Brokerage:
    """All orders and positions of one account. Not thread-safe: one loop owns it."""

    def __init__(self, rng: random.Random, send: Callable[[Frame], None]) -> None:
        """`send` gets every frame in the order in which the broker sends them.

        With `order_groups` set, orders of a group name it (`group_id`, `group_role`: since 2026-10-08, optional).
        """
        self.rng = rng
        self.ids = Ids(rng)
        self.positions = Positions()
        self.orders_opened = 0
        self.order_groups = False
        self.on_open: Callable[[Order], None] | None = None
        self.on_execution: Callable[[Execution], None] | None = None
        self.on_change: Callable[[Order], None] | None = None
        self._send = send
        self._writer = FrameWriter(self.ids)
        self._now = 0
        self._last_event = 0

    def at(self, now: int) -> None:
        """Set the clock, in nanoseconds since the epoch; it never goes back."""
        self._now = max(now, self._now + 1)

    @property
    def now(self) -> int:
        return self._now

    # -- orders come ---------------------------------------------------------------------------------------------

    def open(self, ticket: Ticket, parent: Order | None = None) -> Order:
        """Take an order into the books, before any frame of it."""
        self.orders_opened += 1
        if ticket.position_intent is None and ticket.instrument is not None and ticket.ratio_qty is None:
            ticket.position_intent = self.positions.intent(ticket.instrument.symbol, ticket.side)
        order = Order(
            ticket,
            order_id=self.ids.uuid(),
            client_order_id=ticket.client_order_id or self.ids.uuid(),
            seq=self.orders_opened,
            now=self._now - SUBMITTED_BEFORE,
        )
        if parent is not None:
            order.parent = parent
            parent.leg_orders.append(order)
            if order.ratio is not None:
                parent.wire["legs"] = [leg.wire for leg in parent.leg_orders]
        if self.order_groups and order.role:
            order.wire["group_id"] = self.ids.uuid() if parent is None else parent.wire["group_id"]
            order.wire["group_role"] = order.role
        if self.on_open is not None:
            self.on_open(order)
        return order

    def receive(self, order: Order) -> None:
        """`pending_new`: received, on the way to an exchange."""
        self._change(order, "pending_new", "pending_new")

    def accept(self, order: Order) -> None:
        """`accepted`: waits with Alpaca, for the market to open, say."""
        self._change(order, "accepted", "accepted")

    def hold(self, leg: Order) -> None:
        """`held`: a leg that waits for its entry."""
        self._change(leg, "held", "held")

    def activate(self, order: Order) -> None:
        """`new`: at the exchange (again, after a suspension or a night)."""
        self._require(order, OPEN | {"held"})
        self._change(order, "new", order.live_status())

    def reject(self, order: Order) -> None:
        """`rejected`, by the exchange."""
        self._require(order, OPEN | {"held"})
        self._close(order, "rejected", "failed_at")

    # -- and stand -----------------------------------------------------------------------------------------------

    def mark(self, order: Order, event: str) -> None:
        """`stopped`, `suspended`, `calculated` or `done_for_day`: the status of the same name, and nothing else."""
        self._require(order, OPEN)
        self._change(order, event, event)

    def restate(self, order: Order, limit_price: int | None = None) -> None:
        """`restated`: altered by hand, its limit price for instance (a corporate action)."""
        self._require(order, OPEN)
        if limit_price is not None:
            order.limit = limit_price
            order.wire["limit_price"] = decimal_text(limit_price)
        self._change(order, "restated", order.live_status())

    def reopen(self, order: Order) -> None:
        """`restated`: an order that was over is open again, which should never happen."""
        self._require(order, CLOSED)
        self._change(order, "restated", order.live_status())

    def announce(self, order: Order, event: str, status: str | None = None) -> None:
        """Any event by name, known or not, with the order as it is or under another status, known or not."""
        if status is not None:
            order.wire["status"] = status
        order.touch(self._now - UPDATED_BEFORE)
        self._tell(order, event, self._tick(), {})

    # -- fill ----------------------------------------------------------------------------------------------------

    def fill(self, order: Order, qty: int, price: int, *, late: bool = False, done: bool | None = None) -> Execution:
        """Execute `qty` nanos at `price` nanos: `fill` if that completes the order, else `partial_fill`.

        A notional order is complete when the caller says `done`. With `late`, an execution that happened before the
        order was closed and is told only now: the order stays closed. Multi-leg orders: see `fill_legs`.
        """
        if not late:
            self._require(order, FILLABLE)
        complete = order.remaining == qty if done is None else done
        if order.qty is not None and qty > order.remaining:
            raise OrderStateError(f"order {order.id} has {decimal_text(order.remaining)} left to fill, not {qty} nanos")
        ns = self._tick()
        execution = self._execute(order, qty, price, ns, complete)
        position = self.positions.book(order.wire["symbol"], order.sign * qty, price)
        order.touch(self._now - UPDATED_BEFORE)
        event = "fill" if complete and order.status == "filled" else "partial_fill"
        self._tell(
            order,
            event,
            ns,
            {
                "price": decimal_text(price),
                "qty": decimal_text(qty),
                "position_qty": decimal_text(position),
                "execution_id": execution.execution_id,
                "swap_rate": "1",
                "settle_date": settle_date(order, ns),
            },
        )
        return execution

    def fill_legs(self, parent: Order, qty: int, prices: list[int]) -> None:
        """Execute `qty` nanos of a multi-leg order: each leg by its ratio at its own price, all in one frame."""
        self._require(parent, FILLABLE)
        complete = parent.remaining == qty
        legs = []
        quantities = {}
        net = 0
        for leg, price in zip(parent.leg_orders, prices, strict=True):
            ns = self._tick()
            ratio = leg.ratio or 0
            leg_qty = qty * ratio // NANO
            net += leg.sign * price * ratio // NANO
            execution = self._execute(leg, leg_qty, price, ns, complete)
            symbol = leg.wire["symbol"]
            quantities[symbol] = decimal_text(self.positions.book(symbol, leg.sign * leg_qty, price))
            leg.touch(self._now - UPDATED_BEFORE)
            legs.append(
                {
                    "execution_id": execution.execution_id,
                    "qty": decimal_text(leg_qty),
                    "price": decimal_text(price),
                    "order_id": leg.id,
                    "symbol": symbol,
                    "timestamp": rfc3339(ns),
                }
            )
        self._count(parent, qty, net, ns, complete)
        parent.touch(self._now - UPDATED_BEFORE)
        self._tell(
            parent,
            "fill" if complete else "partial_fill",
            ns,
            {"price": decimal_text(net), "qty": decimal_text(qty), "position_qtys": quantities, "legs": legs},
        )

    def bust(self, execution: Execution, *, negative: bool = False) -> None:
        """`trade_bust`: the exchange takes an execution back; what was filled is open again, if the order is."""
        self._require_real(execution)
        order = execution.order
        execution.state = "busted"
        execution.reversed_by = self.ids.uuid()
        order.book(-execution.qty, execution.price)
        self.positions.book(order.wire["symbol"], -order.sign * execution.qty, execution.price)
        self._reopen(order)
        qty = -execution.qty if negative else execution.qty
        self._amend(order, "trade_bust", execution, execution.reversed_by, qty, execution.price)

    def correct(self, execution: Execution, qty: int, price: int) -> Execution:
        """`trade_correct`: the execution gets a new id, and another price or a smaller quantity."""
        self._require_real(execution)
        order = execution.order
        if qty > execution.qty:
            raise OrderStateError(f"execution {execution.execution_id} can't be corrected to a greater quantity")
        order.book(-execution.qty, execution.price)
        order.book(qty, price)
        symbol = order.wire["symbol"]
        self.positions.book(symbol, -order.sign * execution.qty, execution.price)
        self.positions.book(symbol, order.sign * qty, price)
        if qty < execution.qty:
            self._reopen(order)
        execution.state = "corrected"
        execution.reversed_by = self.ids.uuid()
        correction = self._record(order, execution.reversed_by, qty, price, self._tick(), execution.kind)
        correction.entry = "correction"
        correction.corrects = execution.execution_id
        self._amend(order, "trade_correct", execution, correction.execution_id, qty, price, correction.ns)
        return correction

    # -- and go --------------------------------------------------------------------------------------------------

    def request_cancel(self, order: Order) -> None:
        """`pending_cancel`."""
        self._require(order, OPEN | {"held"})
        order.wire["cancel_requested_at"] = rfc3339(self._now)
        self._change(order, "pending_cancel", "pending_cancel")

    def cancel(self, order: Order) -> None:
        """`canceled`, asked for or not."""
        self._require(order, OPEN | {"held"})
        self._close(order, "canceled", "canceled_at")

    def refuse_cancel(self, order: Order) -> None:
        """`order_cancel_rejected`: too late or not allowed; the order is what it was."""
        status = order.live_status() if order.status == "pending_cancel" else order.status
        self._change(order, "order_cancel_rejected", status)

    def expire(self, order: Order) -> None:
        """`expired`."""
        self._require(order, OPEN | {"held"})
        self._close(order, "expired", "expired_at")

    def request_replace(self, order: Order, successor: Ticket) -> Order:
        """`pending_replace`; the new order, under its new id, is in the books but not yet at the exchange."""
        self._require(order, OPEN)
        successor.replaces, successor.role = order.id, order.role
        order.successor = self.open(successor)
        self._change(order, "pending_replace", "pending_replace")
        return order.successor

    def replace(self, order: Order) -> None:
        """`replaced`, told of the old order; its successor becomes `new` by `activate`."""
        self._require(order, {"pending_replace"})
        if order.successor is None:
            raise OrderStateError(f"order {order.id} has no successor")
        order.wire["replaced_by"] = order.successor.id
        _hand_over(order, order.successor)
        self._close(order, "replaced", "replaced_at")

    def refuse_replace(self, order: Order) -> None:
        """`order_replace_rejected`: the old order is what it was (its successor is rejected by `reject`)."""
        order.successor = None
        status = order.live_status() if order.status == "pending_replace" else order.status
        self._change(order, "order_replace_rejected", status)

    # -- within --------------------------------------------------------------------------------------------------

    def _tick(self) -> int:
        """The time of an event: a little before it is sent, and after every earlier one, whatever its order."""
        self._last_event = max(self._last_event + 1, self._now - EVENT_BEFORE - self.rng.getrandbits(18))
        return self._last_event

    def _require(self, order: Order, statuses: frozenset[str] | set[str]) -> None:
        if order.status not in statuses:
            raise OrderStateError(f"order {order.id} is {order.status}")

    def _require_real(self, execution: Execution) -> None:
        if execution.state != "real":
            raise OrderStateError(f"execution {execution.execution_id} is {execution.state}")
        if execution.order.ratio is not None:
            raise OrderStateError(f"execution {execution.execution_id} belongs to a leg: no frame can tell that")

    def _change(self, order: Order, event: str, status: str) -> None:
        order.set_status(status)
        order.touch(self._now - UPDATED_BEFORE)
        for leg in order.leg_orders:
            if leg.ratio is not None:
                leg.set_status(status)
                leg.touch(self._now - UPDATED_BEFORE)
        self._tell(order, event, self._tick(), self._report_id(order, event))

    def _close(self, order: Order, status: str, time_field: str) -> None:
        order.set_status(status)
        ns = self._tick()
        order.wire[time_field] = rfc3339(ns)
        order.touch(self._now - UPDATED_BEFORE)
        for leg in order.leg_orders:
            if leg.ratio is not None:
                leg.set_status(status)
                leg.wire[time_field] = rfc3339(ns)
                leg.touch(self._now - UPDATED_BEFORE)
        self._tell(order, status, ns, self._report_id(order, status))

    def _report_id(self, order: Order, event: str) -> dict[str, Any]:
        return {"execution_id": self.ids.uuid()} if event in EXCHANGE_EVENTS and not order.is_multi_leg else {}

    def _execute(self, order: Order, qty: int, price: int, ns: int, complete: bool) -> Execution:
        self._count(order, qty, price, ns, complete)
        kind = "fill" if complete and order.status == "filled" else "partial_fill"
        return self._record(order, self.ids.uuid(), qty, price, ns, kind)

    def _record(self, order: Order, execution_id: str, qty: int, price: int, ns: int, kind: str) -> Execution:
        execution = Execution(
            execution_id=execution_id,
            order=order,
            qty=qty,
            price=price,
            ns=ns,
            activity_uuid=self.ids.uuid(),
            kind=kind,
            cum_qty=order.filled,
            leaves_qty=order.remaining,
            order_status=order.status,
        )
        order.executions.append(execution)
        if self.on_execution is not None:
            self.on_execution(execution)
        return execution

    def _count(self, order: Order, qty: int, price: int, ns: int, complete: bool) -> None:
        order.book(qty, price)
        if order.status in FILLABLE:
            if complete:
                order.set_status("filled")
                order.wire["filled_at"] = rfc3339(ns)
            elif order.status in {"new", "stopped"}:
                order.set_status("partially_filled")

    def _reopen(self, order: Order) -> None:
        """A filled order that lost some of its fill works again; a closed one stays closed with less filled."""
        if order.status in {"filled", "partially_filled"}:
            order.set_status(order.live_status())
            order.wire["filled_at"] = None

    def _amend(
        self, order: Order, event: str, original: Execution, new_id: str, qty: int, price: int, ns: int | None = None
    ) -> None:
        order.touch(self._now - UPDATED_BEFORE)
        self._tell(
            order,
            event,
            self._tick() if ns is None else ns,
            {
                "price": decimal_text(price),
                "qty": decimal_text(qty),
                "execution_id": new_id,
                "previous_execution_id": original.execution_id,
            },
        )

    def _tell(self, order: Order, event: str, ns: int, extra: dict[str, Any]) -> None:
        self._send(self._writer.frame(order, event, ns, self._now, extra))
        if self.on_change is not None:
            self.on_change(order)


def _hand_over(order: Order, successor: Order) -> None:
    """The successor takes the place of a replaced order in its group."""
    successor.parent = order.parent
    if order.parent is not None:
        siblings = order.parent.leg_orders
        siblings[siblings.index(order)] = successor
    successor.leg_orders, order.leg_orders = order.leg_orders, []
    for leg in successor.leg_orders:
        leg.parent = successor
