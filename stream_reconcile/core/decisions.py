"""Which decision an order belongs to, and where the order comes from (`decision_id` and `origin`, DESIGN §4; A3-A5).

A family is what the `replaces` chain (both ways) and the relation of parents and legs connect, transitively. Binding is
a pure function of a family's orders and of the decisions for their client order ids: recomputed whole, never patched,
so that a decision may arrive after its order and an order before its parent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NamedTuple, TypeAlias

Origin: TypeAlias = Literal["own", "recovered", "external"]


class Terms(NamedTuple):
    """What a decision asks for, or what one observation of an order states; "" or None where it leaves it empty."""

    symbol: str
    side: str
    qty: Decimal | None
    notional: Decimal | None


class Decision(NamedTuple):
    """An order intent, as far as binding needs it. Its client order id is unique in the account."""

    decision_id: str
    client_order_id: str
    terms: Terms


@dataclass(frozen=True, slots=True)
class FamilyOrder:
    """An order, as far as binding needs it."""

    order_id: str
    client_order_id: str
    terms: frozenset[Terms]
    """Of each known observation of it, not only of the row: a quantity that changed later is drift (A6), no A3."""
    framed: bool
    """A frame about it is known, be it inside its parent's; False when only sweeps know it."""
    replaces: str = ""
    replaced_by: str = ""
    parent_order_id: str = ""


class Binding(NamedTuple):
    """What binding comes to for one order."""

    decision_id: str | None
    origin: Origin
    """`own`: decided and a frame is known; `recovered`: decided and only sweeps know it; `external`: no decision."""


def agrees(terms: Terms, decision: Terms) -> bool:
    """True when the two do not differ in symbol, side and quantity or notional (A3).

    Names are normalised: letter case and the slash of a crypto pair say nothing. What either leaves empty is no
    difference; where both state quantity and notional, one of the two is enough.
    """
    if _differ(_name(terms.symbol), _name(decision.symbol)) or _differ(terms.side.lower(), decision.side.lower()):
        return False
    sizes = [
        ours == theirs
        for ours, theirs in ((terms.qty, decision.qty), (terms.notional, decision.notional))
        if ours is not None and theirs is not None
    ]
    return not sizes or any(sizes)


def duplicate_client_ids(orders: Iterable[FamilyOrder], decisions: Iterable[Decision]) -> dict[str, str]:
    """Order id → id of the decision that has its client order id and that none of its observations agrees with (A3)."""
    decided = {decision.client_order_id: decision for decision in decisions}
    found: dict[str, str] = {}
    for order in orders:
        decision = _decision_of(order, decided)
        if decision is not None and not _may_bind(order, decision):
            found[order.order_id] = decision.decision_id
    return found


def bind(orders: Iterable[FamilyOrder], decisions: Iterable[Decision]) -> dict[str, Binding]:
    """Order id → decision and origin, for whole families (several at once if need be), each order given once.

    An order's decision is, of these the first there is: the one for its client order id (none under A3); through the
    chain, that of the order it replaces; its parent's. Each of these asks the same again one step on, so the third
    order of a chain that began as a leg is bound to the parent's decision.

    A family has a decision although none is reachable that way when somebody placed an order by hand and the program
    replaced it, or a leg of it. `external` means that there is none in the family, so such an order is bound too: to
    the nearest decision along the family's links, of equally near ones to that of the lowest order id. It comes last,
    for a replacement must not take its predecessor away from the decision that brought that about.

    An order that is named and not given links what it connects all the same. Circles, which a broker should not send,
    are walked once.
    """
    given = {order.order_id: order for order in orders}
    decided = {decision.client_order_id: decision for decision in decisions}
    own: dict[str, str] = {}
    for order in given.values():
        decision = _decision_of(order, decided)
        if decision is not None and _may_bind(order, decision):
            own[order.order_id] = decision.decision_id
    links = _Links(given.values())
    causes, nearest = links.causes(own), links.nearest(own)
    bindings: dict[str, Binding] = {}
    for order in given.values():
        decision_id = causes.get(order.order_id) or nearest.get(order.order_id)
        origin: Origin = "external" if decision_id is None else "own" if order.framed else "recovered"
        bindings[order.order_id] = Binding(decision_id, origin)
    return bindings


class _Links:
    """The links of families. Each is stated at either end or at both."""

    def __init__(self, orders: Iterable[FamilyOrder]) -> None:
        self._predecessors: dict[str, set[str]] = {}
        self._parents: dict[str, set[str]] = {}
        self._neighbours: dict[str, set[str]] = {}
        for order in orders:
            self._link(self._predecessors, order.order_id, order.replaces)
            self._link(self._predecessors, order.replaced_by, order.order_id)
            self._link(self._parents, order.order_id, order.parent_order_id)

    def _link(self, relation: dict[str, set[str]], order_id: str, cause: str) -> None:
        if order_id and cause:
            relation.setdefault(order_id, set()).add(cause)
            self._neighbours.setdefault(order_id, set()).add(cause)
            self._neighbours.setdefault(cause, set()).add(order_id)

    def causes(self, own: Mapping[str, str]) -> dict[str, str | None]:
        """Order id → the decision that brought it about: its own, else its predecessor's, else its parent's.

        Each order is looked at once, with a stack, for chains can be thousands of orders long.
        """
        decisions: dict[str, str | None] = dict(own)
        for start in sorted(self._neighbours):
            path = [start]
            while path:
                current = path[-1]
                before = self._before(current)
                if current not in decisions:
                    decisions[current] = None  # under way: in a circle nobody asks it again
                    path += reversed([cause for cause in before if cause not in decisions])
                else:
                    path.pop()
                    if decisions[current] is None:
                        found = [decision for cause in before if (decision := decisions[cause]) is not None]
                        decisions[current] = found[0] if found else None
        return decisions

    def _before(self, order_id: str) -> list[str]:
        return [*sorted(self._predecessors.get(order_id, ())), *sorted(self._parents.get(order_id, ()))]

    def nearest(self, own: Mapping[str, str]) -> dict[str, str]:
        """Order id → the decision fewest links away; orders of families without one are left out."""
        source = {order_id: order_id for order_id in own}
        ring = set(source)
        while ring:
            reached: dict[str, str] = {}
            for order_id in ring:
                for neighbour in self._neighbours.get(order_id, ()):
                    if neighbour not in source:
                        reached[neighbour] = min(reached.get(neighbour, source[order_id]), source[order_id])
            source |= reached
            ring = set(reached)
        return {order_id: own[origin] for order_id, origin in source.items()}


def _decision_of(order: FamilyOrder, decided: Mapping[str, Decision]) -> Decision | None:
    return decided.get(order.client_order_id) if order.client_order_id else None


def _may_bind(order: FamilyOrder, decision: Decision) -> bool:
    # Without any observation nothing is known to differ.
    return not order.terms or any(agrees(terms, decision.terms) for terms in order.terms)


def _name(symbol: str) -> str:
    return symbol.replace("/", "").upper()


def _differ(ours: str, theirs: str) -> bool:
    return bool(ours and theirs and ours != theirs)
