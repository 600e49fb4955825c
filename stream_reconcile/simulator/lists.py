"""What lists show: the books as they are, unless a fault has the lists lag behind them or leave an order out.

The past is kept only while a fault asks for it, so no list shows a time before the fault was armed.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TypeVar

from stream_reconcile.simulator.book import Book
from stream_reconcile.simulator.faults import Faults
from stream_reconcile.simulator.orders import Order
from stream_reconcile.simulator.positions import Positions
from stream_reconcile.simulator.values import SECOND

_ALWAYS = 0
T = TypeVar("T")


class Lists:
    """Orders and positions as GET /v2/orders and GET /v2/positions show them; by id and symbol all is as it is."""

    def __init__(self, faults: Faults, book: Book, positions: Positions, now: Callable[[], int]) -> None:
        self._faults = faults
        self._book = book
        self._positions = positions
        self._now = now
        self._orders: dict[str, list[tuple[int, Order]]] | None = None
        self._held: list[tuple[int, Positions]] | None = None

    def faults_changed(self) -> None:
        """A fault was armed or cleared: begin to keep the past, or forget it."""
        if self._lag("stale_orders") is None:
            self._orders = None
        elif self._orders is None:
            self._orders = {order.id: [(_ALWAYS, _as_it_is(order))] for order in self._book.listed()}
        if self._lag("lagging_positions") is None:
            self._held = None
        elif self._held is None:
            self._held = [(_ALWAYS, self._positions.copied())]

    def changed(self, order: Order) -> None:
        """An order is new or has changed, and with it perhaps what is held."""
        if self._orders is not None and (lag := self._lag("stale_orders")) is not None:
            family = [order, *order.leg_orders] if order.parent is None else [order.parent, order]
            for each in family:
                _keep(self._orders.setdefault(each.id, []), self._now(), _as_it_is(each), lag)
        self.moved()

    def moved(self) -> None:
        """What is held may have changed."""
        if self._held is not None and (lag := self._lag("lagging_positions")) is not None:
            _keep(self._held, self._now(), self._positions.copied(), lag)

    @property
    def are_bent(self) -> bool:
        """Whether lists of orders may differ from the books."""
        state = self._faults.state
        return self._orders is not None or state("miss_in_list") is not None or state("forget_order") is not None

    def forgets(self, order: Order) -> bool:
        """Whether the broker knows nothing of the order."""
        return any(
            fault.kind.name == "forget_order"
            and (
                fault.parameters["order_id"] == order.id
                or fault.parameters["client_order_id"] == order.wire["client_order_id"]
            )
            for fault in self._faults.armed()
        )

    def order(self, order: Order) -> Order | None:
        """The order as lists show it, its legs likewise; None: it is not there."""
        if self.forgets(order) or any(
            fault.kind.name == "miss_in_list"
            and fault.parameters["order_id"] in {"", order.id}
            and fault.parameters["symbol"] in {"", order.wire["symbol"]}
            for fault in self._faults.armed()
        ):
            return None
        lag = self._lag("stale_orders")
        if self._orders is not None and lag is not None:
            past = _then(self._orders.get(order.id, []), self._now() - lag)
            if past is None:
                return None
            order = past
        shown = copy.copy(order)
        shown.leg_orders = [leg for each in order.leg_orders if (leg := self.order(each)) is not None]
        return shown

    def positions(self) -> Positions:
        """What the list of positions shows as held."""
        lag = self._lag("lagging_positions")
        past = None if self._held is None or lag is None else _then(self._held, self._now() - lag)
        return self._positions if past is None else past

    def _lag(self, name: str) -> int | None:
        fault = self._faults.state(name)
        return None if fault is None else round(float(fault.parameters["seconds"]) * SECOND)


def _as_it_is(order: Order) -> Order:
    past = copy.copy(order)
    past.wire = order.wire.copy()
    past.leg_orders = list(order.leg_orders)
    return past


def _keep(versions: list[tuple[int, T]], now: int, version: T, lag: int) -> None:
    """Add a version, and drop those that nobody will be shown any more."""
    versions.append((now, version))
    while len(versions) > 1 and versions[1][0] <= now - lag:
        del versions[0]


def _then(versions: list[tuple[int, T]], ns: int) -> T | None:
    return next((version for since, version in reversed(versions) if since <= ns), None)
