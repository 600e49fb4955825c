"""An order as the broker keeps it, and the shapes in which it is told.

The websocket shape is that of the captures of September 2026: 35 keys, legs within for multi-leg orders only. REST
tells the same order without `cancel_requested_at` and with `subtag` and `source` (alpaca-java trading spec).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stream_reconcile.core.errors import ReconcileError
from stream_reconcile.simulator.instruments import Instrument
from stream_reconcile.simulator.values import DAY, HOUR, NANO, average_price, decimal_text, parse_decimal, rfc3339

Wire = dict[str, Any]

NO_ASSET = "00000000-0000-0000-0000-000000000000"

WORKING = frozenset({"new", "partially_filled", "stopped"})
"""At an exchange: may fill, may be replaced."""

OPEN = WORKING | {
    "accepted",
    "accepted_for_bidding",
    "pending_new",
    "pending_cancel",
    "pending_replace",
    "suspended",
    "calculated",
    "done_for_day",
}
"""What `status=open` lists. `held` is missing on purpose (alpaca-trade-api-python#322)."""

FILLABLE = WORKING | {"pending_cancel", "pending_replace"}
"""An execution may still arrive: asking for a cancel or a replace does not stop the exchange."""

CLOSED = frozenset({"filled", "canceled", "expired", "replaced", "rejected"})


class OrderStateError(ReconcileError):
    """The order's state does not allow this. A script that meets it ends: somebody else closed the order."""


@dataclass(slots=True)
class Ticket:
    """What a client asks for. Quantities and prices are nanos; `instrument` is None for a multi-leg parent only."""

    instrument: Instrument | None
    side: str
    type: str
    time_in_force: str
    qty: int | None = None
    notional: int | None = None
    limit_price: int | None = None
    stop_price: int | None = None
    trail_price: int | None = None
    trail_percent: int | None = None
    hwm: int | None = None
    extended_hours: bool = False
    order_class: str = ""
    client_order_id: str | None = None
    position_intent: str | None = None
    ratio_qty: int | None = None
    replaces: str | None = None
    role: str = ""
    """In a group: `entry`, `take_profit` or `stop_loss`."""


@dataclass(slots=True)
class Execution:
    """One trade of an order, or the correction of one. `qty` and `price` in nanos, always positive."""

    execution_id: str
    order: Order
    qty: int
    price: int
    ns: int
    activity_uuid: str
    kind: str
    cum_qty: int
    leaves_qty: int
    order_status: str
    entry: str = "trade"
    state: str = "real"
    corrects: str | None = None
    reversed_by: str | None = None

    def record(self) -> dict[str, Any]:
        """As the ground truth tells it: decimals as text, the time also in nanoseconds since the epoch."""
        wire = self.order.wire
        return {
            "execution_id": self.execution_id,
            "order_id": wire["id"],
            "symbol": wire["symbol"],
            "side": wire["side"],
            "qty": decimal_text(self.qty),
            "price": decimal_text(self.price),
            "transacted_at": rfc3339(self.ns),
            "transacted_at_ns": self.ns,
            "entry": self.entry,
            "state": self.state,
            "corrects": self.corrects,
            "reversed_by": self.reversed_by,
        }


class Order:
    """The broker's state of one order. `wire` is the order object of the websocket, kept up to date in place."""

    __slots__ = (
        "attended",
        "cash",
        "executions",
        "filled",
        "instrument",
        "leg_orders",
        "limit",
        "notional",
        "parent",
        "qty",
        "ratio",
        "role",
        "seq",
        "sign",
        "status",
        "stop",
        "submitted_ns",
        "successor",
        "updated_ns",
        "wire",
    )

    def __init__(self, ticket: Ticket, *, order_id: str, client_order_id: str, seq: int, now: int) -> None:
        self.instrument = ticket.instrument
        self.seq = seq
        self.sign = -1 if ticket.side == "sell" else 1
        self.qty = ticket.qty
        self.notional = ticket.notional
        self.limit = ticket.limit_price
        self.stop = ticket.stop_price
        self.ratio = ticket.ratio_qty
        self.filled = 0
        self.cash = 0
        self.status = "pending_new"
        self.attended = False
        self.parent: Order | None = None
        self.leg_orders: list[Order] = []
        self.role = ticket.role
        self.successor: Order | None = None
        self.executions: list[Execution] = []
        self.submitted_ns = now
        self.updated_ns = now
        self.wire = _wire(ticket, order_id, client_order_id, now)

    @property
    def id(self) -> str:
        order_id: str = self.wire["id"]
        return order_id

    @property
    def traded(self) -> Instrument:
        """What is traded. Raises OrderStateError for a multi-leg order: its legs are traded, not itself."""
        if self.instrument is None:
            raise OrderStateError(f"order {self.id} has several legs: execute them together, by fill_legs")
        return self.instrument

    @property
    def is_multi_leg(self) -> bool:
        return self.instrument is None

    @property
    def remaining(self) -> int:
        """Nanos still to fill; of a notional order, so many nanos as the rest of the money buys is for the market."""
        return 0 if self.qty is None else self.qty - self.filled

    def set_status(self, status: str) -> None:
        self.status = self.wire["status"] = status

    def live_status(self) -> str:
        """The status of an order at the exchange, by what has filled."""
        return "partially_filled" if self.filled else "new"

    def book(self, qty: int, price: int) -> None:
        """Count an execution (a negative quantity takes one back) into the cumulative quantity and average price."""
        self.filled += qty
        self.cash += qty * price
        wire = self.wire
        wire["filled_qty"] = decimal_text(self.filled)
        wire["filled_avg_price"] = decimal_text(average_price(self.cash, self.filled)) if self.filled else None

    def trail(self, quote: int) -> None:
        """Let a trailing stop follow the market. No event tells of it, as with Alpaca: only REST shows it."""
        mark = parse_decimal(self.wire["hwm"])
        better = min(mark, quote) if self.sign > 0 else max(mark, quote)
        if better == mark:
            return
        percent, distance = self.wire["trail_percent"], self.wire["trail_price"]
        self.stop = trailing_stop(
            better,
            parse_decimal(distance) if distance else None,
            parse_decimal(percent) if percent else None,
            self.sign,
        )
        self.wire["hwm"] = decimal_text(better)
        self.wire["stop_price"] = decimal_text(self.stop)

    def touch(self, ns: int) -> None:
        """Set `updated_at`, which grows with every change of the order, at least by a nanosecond."""
        self.updated_ns = ns if ns > self.updated_ns else self.updated_ns + 1
        self.wire["updated_at"] = rfc3339(self.updated_ns)


def trailing_stop(mark: int, distance: int | None, percent: int | None, sign: int) -> int:
    """The stop price that trails the mark: above it for a buy (`sign` 1), below for a sell (-1). All in nanos."""
    gap = distance if distance is not None else mark * (percent or 0) // (100 * NANO)
    return max(mark + sign * gap, 1)


def _text(nanos: int | None) -> str | None:
    return None if nanos is None else decimal_text(nanos)


def _expiry(time_in_force: str, now: int) -> str:
    close = now - now % DAY + 21 * HOUR
    if time_in_force == "gtc":
        return rfc3339(close + 90 * DAY)
    return rfc3339(close if close > now else close + DAY)


def _wire(ticket: Ticket, order_id: str, client_order_id: str, now: int) -> Wire:
    instrument = ticket.instrument
    submitted = rfc3339(now)
    leg = ticket.ratio_qty is not None
    order_type = "" if leg else ticket.type
    wire: Wire = {
        "id": order_id,
        "client_order_id": client_order_id,
        "created_at": submitted,
        "updated_at": submitted,
        "submitted_at": submitted,
        "filled_at": None,
        "expired_at": None,
        "cancel_requested_at": None,
        "canceled_at": None,
        "failed_at": None,
        "replaced_at": None,
        "replaced_by": None,
        "replaces": ticket.replaces,
        "asset_id": NO_ASSET if instrument is None else instrument.asset_id,
        "symbol": "" if instrument is None else instrument.symbol,
        "asset_class": "" if instrument is None else instrument.asset_class,
        "notional": _text(ticket.notional),
        "qty": _text(ticket.qty),
        "filled_qty": "0",
        "filled_avg_price": None,
        "order_class": ticket.order_class,
        "order_type": order_type,
        "type": order_type,
        "side": ticket.side,
        "position_intent": ticket.position_intent,
        "time_in_force": ticket.time_in_force,
        "limit_price": _text(ticket.limit_price),
        "stop_price": _text(ticket.stop_price),
        "status": "pending_new",
        "extended_hours": ticket.extended_hours,
        "legs": None,
        "trail_percent": _text(ticket.trail_percent),
        "trail_price": _text(ticket.trail_price),
        "hwm": _text(ticket.hwm),
        "expires_at": _expiry(ticket.time_in_force, now),
    }
    if instrument is None or leg:
        # Captured multi-leg frames have neither; their REST form has both on the legs (see `rest_order`).
        del wire["position_intent"], wire["expires_at"]
    if leg:
        wire["ratio_qty"] = _text(ticket.ratio_qty)
    return wire


def rest_order(order: Order, *, nested: bool = False) -> Wire:
    """The order as REST answers it; with `nested`, or for a multi-leg order's own answer, its legs within."""
    view = rest_shape(order.wire)
    view["legs"] = [rest_order(leg) for leg in order.leg_orders] if nested and order.leg_orders else None
    if order.ratio is not None:
        view["position_intent"] = f"{order.wire['side']}_to_open"
        view["expires_at"] = _expiry(order.wire["time_in_force"], order.submitted_ns)
    elif order.is_multi_leg:
        # The opposite of the websocket, which sends the zero id (ALPACA.md, mleg).
        view["asset_id"] = ""
    return view


def rest_shape(wire: Wire) -> Wire:
    """An order object of the websocket in REST's keys: a snapshot of it as it was then."""
    view = wire.copy()
    del view["cancel_requested_at"]
    view["subtag"] = view["source"] = None
    return view
