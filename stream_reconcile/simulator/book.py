"""All orders of the live account, found by id, by client order id and by the filters of GET /v2/orders."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from stream_reconcile.simulator.orders import CLOSED, OPEN, Order


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """The query of GET /v2/orders. Times in nanoseconds, both exclusive; order ids likewise."""

    status: str = "open"
    limit: int = 50
    after: int | None = None
    until: int | None = None
    descending: bool = True
    nested: bool = False
    symbols: frozenset[str] = field(default_factory=frozenset)
    side: str | None = None
    asset_classes: frozenset[str] = field(default_factory=frozenset)
    before_order: Order | None = None
    after_order: Order | None = None


class Book:
    """Orders in the order of their submission."""

    def __init__(self) -> None:
        self._by_id: dict[str, Order] = {}
        self._by_client_id: dict[str, Order] = {}
        self._listed: list[Order] = []
        self._submitted: list[int] = []
        self._unfinished: dict[str, Order] = {}
        self.forgotten = 0
        """How many of the oldest are not known any more; places and numbers count them all the same."""

    def __len__(self) -> int:
        return self.forgotten + len(self._listed)

    def add(self, order: Order) -> None:
        """Enter a new order; client order ids are unique for the account (the caller checks before)."""
        self._by_id[order.id] = order
        self._by_client_id[order.wire["client_order_id"]] = order
        self._listed.append(order)
        self._submitted.append(order.submitted_ns)
        self._unfinished[order.id] = order

    def changed(self, order: Order) -> None:
        """Take note of an order's new status; its legs' too."""
        for each in (order, *order.leg_orders):
            if each.status in CLOSED:
                self._unfinished.pop(each.id, None)
            else:
                self._unfinished[each.id] = each

    def by_id(self, order_id: str) -> Order | None:
        return self._by_id.get(order_id)

    def by_client_id(self, client_order_id: str) -> Order | None:
        return self._by_client_id.get(client_order_id)

    def unfinished(self) -> list[Order]:
        """Orders that are not closed, `held` ones included, oldest first."""
        return sorted(self._unfinished.values(), key=lambda order: order.seq)

    def listed(self, start: int = 0) -> Iterator[Order]:
        """All orders from the `start`-th on that are known, oldest first."""
        for place in range(max(start - self.forgotten, 0), len(self._listed)):
            yield self._listed[place]

    def forget(self, orders: int) -> int:
        """Let go of the oldest, up to the `orders`-th of all, but none that is not closed or has a leg that is not.

        How many are forgotten by then. Ids of theirs are unknown from now on.
        """
        wanted, gone = min(orders, len(self)) - self.forgotten, 0
        for order in self._listed[: max(wanted, 0)]:
            if any(each.id in self._unfinished for each in (order, *order.leg_orders)):
                break
            del self._by_id[order.id], self._by_client_id[order.wire["client_order_id"]]
            gone += 1
        del self._listed[:gone], self._submitted[:gone]
        self.forgotten += gone
        return self.forgotten

    def query(self, wanted: OrderFilter, shown: Callable[[Order], Order | None] | None = None) -> list[Order]:
        """The page that GET /v2/orders answers: with `nested` only orders that are no leg, else all of them.

        `shown` gives each order as the list has it (None: not at all), where that is not as it is.
        """
        page: list[Order] = []
        for candidate in self._candidates(wanted, all_of_them=shown is not None):
            order = candidate if shown is None else shown(candidate)
            if order is not None and self._matches(order, wanted):
                page.append(order)
                if len(page) == wanted.limit:
                    break
        return page

    def _candidates(self, wanted: OrderFilter, *, all_of_them: bool) -> Iterable[Order]:
        low = 0 if wanted.after is None else bisect_right(self._submitted, wanted.after)
        high = len(self._listed) if wanted.until is None else bisect_left(self._submitted, wanted.until)
        # Orders are numbered from 1 in the order in which they are listed.
        if wanted.after_order is not None:
            low = wanted.after_order.seq - self.forgotten
        if wanted.before_order is not None:
            high = wanted.before_order.seq - 1 - self.forgotten
        if wanted.status == "open" and not all_of_them:
            found = [order for order in self.unfinished() if low < order.seq - self.forgotten <= high]
            return reversed(found) if wanted.descending else found
        places = range(high - 1, low - 1, -1) if wanted.descending else range(low, high)
        return (self._listed[place] for place in places)

    def _matches(self, order: Order, wanted: OrderFilter) -> bool:
        if wanted.status == "open" and order.status not in OPEN:
            return False
        if wanted.status == "closed" and order.status not in CLOSED:
            return False
        if wanted.nested and order.parent is not None:
            return False
        wire = order.wire
        if wanted.side is not None and wire["side"] != wanted.side:
            return False
        if wanted.asset_classes and wire["asset_class"] not in wanted.asset_classes:
            return False
        return not wanted.symbols or wire["symbol"].replace("/", "") in wanted.symbols
