"""Believable lives of brackets, OCO and OTO pairs, and multi-leg option orders; and how often each kind comes."""

from __future__ import annotations

from collections.abc import Callable

from stream_reconcile.simulator.flow import Stage, fill_up, opening, simple
from stream_reconcile.simulator.groups import Flow, after_close
from stream_reconcile.simulator.orders import FILLABLE, Order, Ticket
from stream_reconcile.simulator.tickets import Family
from stream_reconcile.simulator.values import MILLISECOND, NANO, SECOND


def bracket(stage: Stage, family: Family) -> Flow:
    """An entry, and two exits of which at most one fills."""
    yield from _with_entry(stage, family, "bracket", ("take_profit", "stop_loss"))


def oto(stage: Stage, family: Family) -> Flow:
    """An entry, and one exit."""
    role = "take_profit" if stage.rng.random() < 0.5 else "stop_loss"
    yield from _with_entry(stage, family, "oto", (role,))


def oco(stage: Stage, family: Family) -> Flow:
    """Two exits of which at most one fills."""
    ticket = stage.desk.shares(order_type="limit")
    ticket.order_class, ticket.time_in_force, ticket.extended_hours = "oco", "gtc", False
    ticket.role = "take_profit"
    parent = stage.brokerage.open(ticket)
    family.orders.append(parent)
    leg = _leg(stage, family, parent, "stop_loss", ticket.side)
    stage.brokerage.receive(parent)
    stage.brokerage.hold(leg)
    yield stage.pause(MILLISECOND, 30 * MILLISECOND)
    stage.brokerage.activate(parent)
    yield stage.pause(50 * MILLISECOND, 3 * SECOND)
    yield from _exit(stage, parent, leg)


def multi_leg(stage: Stage, family: Family) -> Flow:
    """Two to four option contracts as one order: filled together, told in one frame."""
    brokerage, rng = stage.brokerage, stage.rng
    parent_ticket, leg_tickets = stage.desk.spread()
    parent = brokerage.open(parent_ticket)
    family.orders.append(parent)
    family.orders.extend(brokerage.open(ticket, parent) for ticket in leg_tickets)
    brokerage.receive(parent)
    yield stage.pause(MILLISECOND, 30 * MILLISECOND)
    if rng.random() < 0.04:
        brokerage.reject(parent)
        return
    brokerage.activate(parent)
    yield stage.pause(10 * MILLISECOND, 2 * SECOND)
    roll = rng.random()
    if roll < 0.25 and parent.remaining > NANO:
        brokerage.fill_legs(parent, NANO, _leg_prices(stage, parent))
        yield stage.pause(MILLISECOND, SECOND)
    if roll < 0.8:
        brokerage.fill_legs(parent, parent.remaining, _leg_prices(stage, parent))
    elif roll < 0.93:
        brokerage.request_cancel(parent)
        yield stage.pause(MILLISECOND, 30 * MILLISECOND)
        brokerage.cancel(parent)
    else:
        brokerage.expire(parent)


def _leg_prices(stage: Stage, parent: Order) -> list[int]:
    return [stage.market.near(stage.rng, leg.traded, 300) for leg in parent.leg_orders]


def _with_entry(stage: Stage, family: Family, order_class: str, roles: tuple[str, ...]) -> Flow:
    brokerage, rng = stage.brokerage, stage.rng
    ticket = stage.desk.shares(side="buy" if rng.random() < 0.8 else "sell", order_type=_entry_type(rng.random()))
    ticket.order_class, ticket.time_in_force, ticket.extended_hours = order_class, "gtc", False
    ticket.role = "entry"
    entry = brokerage.open(ticket)
    family.orders.append(entry)
    exit_side = "sell" if ticket.side == "buy" else "buy"
    legs = [_leg(stage, family, entry, role, exit_side) for role in roles]
    alive = yield from opening(stage, entry, legs)
    if alive and rng.random() < 0.75:
        yield from fill_up(stage, entry, parts=1 + int(rng.random() * 3))
    elif alive:
        brokerage.request_cancel(entry)
        yield stage.pause(MILLISECOND, 30 * MILLISECOND)
        brokerage.cancel(entry)
    yield from after_close(brokerage, entry)
    if entry.status == "filled":
        yield stage.pause(50 * MILLISECOND, 4 * SECOND)
        yield from _exit(stage, legs[0], legs[-1])


def _exit(stage: Stage, first: Order, second: Order) -> Flow:
    """The first exit fills, or the other's price is reached, or both are given up. May be the same order (OTO)."""
    brokerage, rng = stage.brokerage, stage.rng
    roll = rng.random()
    if first.status not in FILLABLE:
        return
    closing = first
    if roll < 0.5:
        yield from fill_up(stage, first, parts=1 + int(rng.random() * 2))
    elif roll < 0.8 and second is not first:
        closing = second
        brokerage.activate(second)
        yield stage.pause(MILLISECOND, 20 * MILLISECOND)
        yield from fill_up(stage, second)
    elif roll < 0.9:
        brokerage.request_cancel(first)
        yield stage.pause(MILLISECOND, 30 * MILLISECOND)
        brokerage.cancel(first)
    else:
        brokerage.expire(first)
    yield from after_close(brokerage, closing)


def _leg(stage: Stage, family: Family, parent: Order, role: str, side: str) -> Order:
    instrument = parent.traded
    quote, tick = stage.market.quote(instrument), instrument.tick
    # A selling exit takes its profit above the market and stops its loss below; a buying one the other way round.
    above = (role == "take_profit") == (side == "sell")
    price = quote * (103 if above else 97) // 100 // tick * tick
    ticket = Ticket(
        instrument,
        side,
        "limit" if role == "take_profit" else "stop",
        "gtc",
        qty=parent.qty,
        limit_price=price if role == "take_profit" else None,
        stop_price=price if role == "stop_loss" else None,
        order_class=parent.wire["order_class"],
        position_intent=f"{side}_to_close",
        role=role,
    )
    leg = stage.brokerage.open(ticket, parent)
    family.orders.append(leg)
    return leg


def _entry_type(roll: float) -> str:
    return "market" if roll < 0.5 else "limit"


Script = Callable[[Stage, Family], Flow]


def draw(stage: Stage) -> Script:
    """Which kind of life starts next."""
    roll = stage.rng.random()
    for weight, script in _SCRIPTS:
        if roll < weight:
            return script
        roll -= weight
    return simple


_SCRIPTS: tuple[tuple[float, Script], ...] = (
    (0.88, simple),
    (0.04, bracket),
    (0.02, oco),
    (0.02, oto),
    (0.04, multi_leg),
)
