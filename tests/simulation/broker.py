"""Alpaca as a model: orders with their lives, the frames that tell of them, and the books that REST reads from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, NamedTuple

from stream_reconcile.core.lifecycle import is_terminal, status_rank
from stream_reconcile.core.timestamps import ns_text

from .schedule import Act
from .world import World

ACCOUNT: Final = "account-1"
_SYMBOLS: Final = ("AAPL", "MSFT")
_MICROSECOND: Final = 1_000
_ZERO: Final = Decimal(0)


@dataclass(slots=True)
class Trade:
    """One execution. `gone`: busted or corrected."""

    execution_id: str
    activity_id: str
    qty: Decimal
    price: Decimal
    at_ns: int
    cum_qty: Decimal
    gone: bool = False


class Version(NamedTuple):
    """An order as it was from some moment on. `stamp_ns`: its `updated_at`."""

    since_ns: int
    stamp_ns: int
    status: str
    filled_qty: Decimal
    raw: bytes


@dataclass(slots=True)
class Order:
    """One order in the books. `omits`: what its frames do not state, though REST does (absent is not null)."""

    order_id: str
    client_order_id: str
    symbol: str
    side: str
    qty: Decimal
    limit_price: Decimal
    created_ns: int
    omits: bool
    replaces: str | None = None
    replaced_by: str | None = None
    status: str = "pending_new"
    stamp_ns: int = 0
    times: dict[str, int] = field(default_factory=dict)
    trades: list[Trade] = field(default_factory=list)
    versions: list[Version] = field(default_factory=list)

    @property
    def filled_qty(self) -> Decimal:
        return sum((trade.qty for trade in self.trades if not trade.gone), _ZERO)

    @property
    def average(self) -> Decimal | None:
        living = [trade for trade in self.trades if not trade.gone]
        if not living:
            return None
        return (sum((t.qty * t.price for t in living), _ZERO) / self.filled_qty).quantize(Decimal("1e-9")).normalize()

    def text(self, *, frame: bool) -> str:
        """JSON, with all fields that the program has columns for."""
        at = self.times.get
        average = self.average
        filled = self.filled_qty
        expires = "" if frame and self.omits else '"expires_at":null,'
        return (
            f'{{"id":"{self.order_id}","client_order_id":"{self.client_order_id}","created_at":{_time(self.created_ns)},'
            f'"updated_at":{_time(self.stamp_ns)},"submitted_at":{_time(self.created_ns)},"filled_at":{_time(at("filled_at"))},'
            f'"expired_at":{_time(at("expired_at"))},"canceled_at":{_time(at("canceled_at"))},'
            f'"failed_at":{_time(at("failed_at"))},"replaced_at":{_time(at("replaced_at"))},{expires}'
            f'"cancel_requested_at":{_time(at("cancel_requested_at"))},"replaced_by":{_text(self.replaced_by)},'
            f'"replaces":{_text(self.replaces)},"asset_id":"asset-{self.symbol}","symbol":"{self.symbol}",'
            f'"asset_class":"us_equity","notional":null,"qty":"{self.qty}","filled_qty":"{filled}",'
            f'"filled_avg_price":{_text(None if average is None else format(average, "f"))},"order_class":"",'
            f'"order_type":"limit","type":"limit","side":"{self.side}","time_in_force":"day",'
            f'"limit_price":"{self.limit_price}","stop_price":null,"status":"{self.status}","extended_hours":false,'
            f'"legs":null,"trail_percent":null,"trail_price":null,"hwm":null,"position_intent":null}}'
        )


class Frame(NamedTuple):
    """What was sent. `swallowed`: the broker lost it on a socket that listened, which nothing but REST can tell."""

    number: int
    at_ns: int
    order_id: str
    event: str
    raw: bytes
    swallowed: bool


class Broker:
    """The books. `listeners` get each frame, and say whether it was lost on its way to one."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.orders: dict[str, Order] = {}
        self.sent: list[Frame] = []
        self.activities: list[tuple[int, str, Trade, bytes]] = []
        """Time from which it is listed, order id, execution, JSON. That of an execution that is gone is withdrawn."""
        self.activity_delay_s = 0.0
        self.listeners: Callable[[Frame], bool] = lambda _frame: False
        self.changes = 0
        self._positions: dict[str, Decimal] = {}
        self._by_number: dict[int, Order] = {}
        self._executions = 0

    def do(self, act: Act) -> None:
        """Do it, if the order is such that it can be done."""
        if act.what == "submit":
            self._submit(act)
            return
        order = self._by_number.get(act.order)
        if order is not None:
            getattr(self, f"_{act.what}")(order, act.number)

    # -- lives ---------------------------------------------------------------------------------------------------

    def _submit(self, act: Act) -> None:
        number = act.order
        order = Order(
            f"order-{number}", f"client-{number}", _SYMBOLS[number % 2], "buy" if number % 3 else "sell",
            Decimal(act.number * 10), Decimal(100 + number), self.world.now_ns // _MICROSECOND * _MICROSECOND,
            omits=number % 4 == 3,
        )  # fmt: skip
        self.orders[order.order_id] = self._by_number[number] = order
        self._change(order, "pending_new", "pending_new")

    def _new(self, order: Order, _number: int) -> None:
        if order.status == "pending_new":
            self._change(order, "new", "new")

    def _reject(self, order: Order, _number: int) -> None:
        if not is_terminal(order.status):
            self._change(order, "rejected", "rejected", "failed_at")

    def _expire(self, order: Order, _number: int) -> None:
        if not is_terminal(order.status):
            self._change(order, "expired", "expired", "expired_at")

    def _fill(self, order: Order, number: int) -> None:
        left = order.qty - order.filled_qty
        if is_terminal(order.status) or left <= 0:
            return
        self._execute(order, min(left, Decimal(number)))

    def _late_fill(self, order: Order, number: int) -> None:
        """Executed before the replace, told after it: the status stays."""
        if order.status == "replaced" and order.filled_qty + number <= order.qty:
            self._execute(order, Decimal(number))

    def _fill_successor(self, order: Order, number: int) -> None:
        if order.replaced_by is not None:
            self._fill(self.orders[order.replaced_by], number)

    def _execute(self, order: Order, qty: Decimal) -> None:
        self._executions += 1
        number = self._executions
        at_ns = self._stamp()
        price = order.limit_price - Decimal(number) / 100
        trade = Trade(f"x{number}", f"a{number}", qty, price, at_ns, order.filled_qty + qty)
        order.trades.append(trade)
        done = order.filled_qty == order.qty
        status = order.status
        if status != "replaced":
            status = (
                "filled"
                if done
                else status
                if status.startswith("pending_") and status != "pending_new"
                else "partially_filled"
            )
        self._list(order, trade)
        self._change(order, "fill" if done else "partial_fill", status, "filled_at", trade=trade)

    def _ask_cancel(self, order: Order, _number: int) -> None:
        if not is_terminal(order.status) and order.status != "pending_new":
            self._change(order, "pending_cancel", "pending_cancel", "cancel_requested_at")

    def _cancel(self, order: Order, _number: int) -> None:
        if order.status == "pending_cancel":
            self._change(order, "canceled", "canceled", "canceled_at")
        elif order.status == "filled":
            self._change(order, "order_cancel_rejected", "filled")

    def _ask_replace(self, order: Order, _number: int) -> None:
        if not is_terminal(order.status) and order.status != "pending_new":
            self._change(order, "pending_replace", "pending_replace")

    def _refuse_replace(self, order: Order, _number: int) -> None:
        if order.status == "pending_replace":
            self._change(order, "order_replace_rejected", "partially_filled" if order.filled_qty else "new")

    def _replace(self, order: Order, number: int) -> None:
        if order.status != "pending_replace":
            return
        successor = Order(
            f"{order.order_id}-r", f"{order.client_order_id}-r", order.symbol, order.side, Decimal(number),
            order.limit_price + 1, self._stamp(), omits=order.omits, replaces=order.order_id, status="new",
        )  # fmt: skip
        self.orders[successor.order_id] = successor
        order.replaced_by = successor.order_id
        self._change(order, "replaced", "replaced", "replaced_at")
        self._change(successor, "new", "new")

    def _bust(self, order: Order, number: int) -> None:
        trade = self._living(order, number)
        if trade is not None:
            trade.gone = True
            self._reopen(order, "trade_bust", trade, trade)

    def _correct(self, order: Order, number: int) -> None:
        """The price was another one."""
        old = self._living(order, number)
        if old is not None:
            old.gone = True
            self._executions += 1
            new = Trade(
                f"x{self._executions}", f"a{self._executions}", old.qty, old.price + Decimal("0.5"), self._stamp(),
                old.cum_qty,
            )  # fmt: skip
            order.trades.append(new)
            self._list(order, new)
            self._reopen(order, "trade_correct", new, old)

    def _reopen(self, order: Order, event: str, trade: Trade, previous: Trade) -> None:
        status = order.status
        if status == "filled" and order.filled_qty < order.qty:
            status = "partially_filled" if order.filled_qty else "new"
            order.times.pop("filled_at", None)
        self._change(order, event, status, trade=trade, previous=previous)

    @staticmethod
    def _living(order: Order, number: int) -> Trade | None:
        living = [trade for trade in order.trades if not trade.gone]
        return living[number % len(living)] if living else None

    # -- what is told --------------------------------------------------------------------------------------------

    def _stamp(self) -> int:
        return self.world.now_ns // _MICROSECOND * _MICROSECOND

    def _change(
        self,
        order: Order,
        event: str,
        status: str,
        time: str = "",
        trade: Trade | None = None,
        previous: Trade | None = None,
    ) -> None:
        """A new state of an order, told and kept. Of one instant the states rise in the order of I2, else time does."""
        stamp = self._stamp()
        if order.versions:
            before = order.versions[-1]
            rises = (order.filled_qty, status_rank(status)) >= (before.filled_qty, status_rank(before.status))
            stamp = (
                max(stamp, before.stamp_ns)
                if rises and previous is None
                else max(stamp, before.stamp_ns + _MICROSECOND)
            )
        order.status, order.stamp_ns = status, stamp
        if time:
            order.times[time] = stamp
        more = ""
        if trade is not None:
            held = self._positions.get(order.symbol, _ZERO)
            if previous is None:
                held += trade.qty if order.side == "buy" else -trade.qty
            elif trade is previous:
                held -= trade.qty if order.side == "buy" else -trade.qty
            self._positions[order.symbol] = held
            at = ns_text(trade.at_ns if previous is None else stamp)
            more = f',"price":"{trade.price}","qty":"{trade.qty}","execution_id":"{trade.execution_id}"'
            more += f',"position_qty":"{held}"'
            if previous is not None:
                more = f',"previous_execution_id":"{previous.execution_id}"' + more
        else:
            at = ns_text(stamp)
        version = Version(self.world.now_ns, stamp, status, order.filled_qty, order.text(frame=False).encode())
        if order.versions and order.versions[-1].stamp_ns == stamp and order.versions[-1].raw == version.raw:
            return
        order.versions.append(version)
        self.changes += 1
        number = len(self.sent)
        raw = (
            f'{{"stream":"trade_updates","data":{{"at":"{at}","event_id":"e{number}","event":"{event}",'
            f'"timestamp":"{at}","order":{order.text(frame=True)}{more}}}}}'
        ).encode()
        frame = Frame(number, self.world.now_ns, order.order_id, event, raw, swallowed=False)
        self.sent.append(frame._replace(swallowed=self.listeners(frame)))

    def _list(self, order: Order, trade: Trade) -> None:
        kind = "fill" if order.filled_qty == order.qty else "partial_fill"
        raw = (
            f'{{"id":"{trade.activity_id}","activity_type":"FILL","transaction_time":"{ns_text(trade.at_ns)}","type":"{kind}",'
            f'"price":"{trade.price}","qty":"{trade.qty}","side":"{order.side}","symbol":"{order.symbol}",'
            f'"leaves_qty":"{order.qty - order.filled_qty}","order_id":"{order.order_id}","cum_qty":"{trade.cum_qty}",'
            f'"order_status":"{order.status}"}}'
        ).encode()
        since = self.world.now_ns + int(self.activity_delay_s * 1e9)
        self.activities.append((since, order.order_id, trade, raw))

    # -- what REST shows -----------------------------------------------------------------------------------------

    def version_at(self, order: Order, at_ns: int) -> Version | None:
        """The order as it was; None before it was there."""
        found = None
        for version in order.versions:
            if version.since_ns <= at_ns:
                found = version
        return found

    def listed(self, at_ns: int) -> Iterable[tuple[Order, Version]]:
        """All orders as they were, the newest first."""
        for order in sorted(self.orders.values(), key=lambda each: (each.created_ns, each.order_id), reverse=True):
            version = self.version_at(order, at_ns)
            if version is not None:
                yield order, version


def _time(ns: int | None) -> str:
    return "null" if ns is None else f'"{ns_text(ns)}"'


def _text(text: str | None) -> str:
    return "null" if text is None else f'"{text}"'
