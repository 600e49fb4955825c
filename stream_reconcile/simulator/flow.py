"""Believable lives of simple orders, as scripts over the broker's books.

A script is a generator: it lets something happen, then yields how long nothing does. Under a virtual clock the
scheduler skips those pauses (`history`), under the real one it waits (`simulator`): the same script, the same bytes.
What is rare in life (busts, races, refusals) is rare here, but far less so, so that a test of minutes sees it all.
"""

from __future__ import annotations

import random
from collections.abc import Generator, Sequence
from dataclasses import dataclass

from stream_reconcile.simulator.brokerage import Brokerage
from stream_reconcile.simulator.groups import Flow
from stream_reconcile.simulator.orders import CLOSED, FILLABLE, Order
from stream_reconcile.simulator.tickets import Family, Market, TicketDesk
from stream_reconcile.simulator.values import MILLISECOND, NANO, SECOND

_MAX_CHAIN = 12


@dataclass(slots=True)
class Stage:
    """What every script works with."""

    brokerage: Brokerage
    desk: TicketDesk
    market: Market
    rng: random.Random
    reversals: bool = True
    """Whether executions are taken back or corrected."""

    def pause(self, shortest: int, longest: int) -> int:
        """A span between the two, in nanoseconds; short ones are likelier."""
        return shortest + int((longest - shortest) * self.rng.random() ** 2)

    def price(self, order: Order) -> int:
        """What an execution of this order costs now, in nanos: near the quote, never worse than its limit."""
        price = self.market.near(self.rng, order.traded, 20)
        if order.limit is None:
            return price
        return min(price, order.limit) if order.sign > 0 else max(price, order.limit)

    def portion(self, order: Order) -> int:
        """A part of what is left to fill, in whole lots where the order is in whole lots; all of it if too small."""
        lot = order.traded.lot if (order.qty or 0) % order.traded.lot == 0 else 1
        remaining = order.remaining
        return int(remaining * (0.15 + 0.55 * self.rng.random())) // lot * lot or remaining


def simple(stage: Stage, family: Family) -> Flow:
    """One simple order from submission to its end, and what may come after."""
    brokerage, rng = stage.brokerage, stage.rng
    order = brokerage.open(stage.desk.simple(family))
    family.orders.append(order)
    alive = yield from opening(stage, order)
    if not alive:
        return
    if order.notional is not None:
        yield from _spend(stage, order)
    elif order.wire["time_in_force"] in {"ioc", "fok"}:
        yield from _immediate(stage, order)
    else:
        order = yield from _life(stage, family, order)
    if order.executions and rng.random() < 0.04 and stage.reversals:
        yield from _aftermath(stage, order)


def opening(stage: Stage, order: Order, legs: Sequence[Order] = ()) -> Generator[int, None, bool]:
    """Received, its legs held, perhaps accepted, then new; or refused by the exchange: False."""
    brokerage, rng = stage.brokerage, stage.rng
    brokerage.receive(order)
    # The legs come as orders of their own, without a word of their parent.
    for leg in legs:
        brokerage.hold(leg)
    yield stage.pause(MILLISECOND, 30 * MILLISECOND)
    roll = rng.random()
    if roll < 0.03:
        brokerage.reject(order)
        return False
    if roll < 0.05:
        brokerage.accept(order)
        yield stage.pause(100 * MILLISECOND, 2 * SECOND)
    brokerage.activate(order)
    yield stage.pause(5 * MILLISECOND, 2 * SECOND)
    return True


def fill_up(stage: Stage, order: Order, parts: int = 1) -> Flow:
    """Fill what is left, in at most so many executions."""
    for _ in range(parts - 1):
        qty = stage.portion(order)
        if qty == order.remaining:
            break
        stage.brokerage.fill(order, qty, stage.price(order))
        # Executions of one order often share a millisecond (Alpaca-API#170).
        yield 30_000 if stage.rng.random() < 0.2 else stage.pause(MILLISECOND, SECOND)
    stage.brokerage.fill(order, order.remaining, stage.price(order))


def _life(stage: Stage, family: Family, order: Order) -> Generator[int, None, Order]:
    """One of the ordinary ends, or one of the rare ones; the order that ended last (a replacement's successor)."""
    roll = stage.rng.random()
    if roll < 0.52:
        yield from fill_up(stage, order)
    elif roll < 0.70:
        yield from fill_up(stage, order, parts=2 + int(stage.rng.random() ** 2 * 6))
    elif roll < 0.84:
        yield from _canceled(stage, order)
    elif roll < 0.92:
        order = yield from _replaced(stage, family, order)
    elif roll < 0.97:
        yield from _expired(stage, order)
    else:
        yield from _interrupted(stage, order)
    return order


def _canceled(stage: Stage, order: Order) -> Flow:
    """A cancel that is asked for: granted, refused, or overtaken by executions."""
    brokerage, rng = stage.brokerage, stage.rng
    if rng.random() < 0.35:
        yield from _partly(stage, order)
    if order.status not in FILLABLE:
        return
    brokerage.request_cancel(order)
    yield stage.pause(MILLISECOND, 40 * MILLISECOND)
    roll = rng.random()
    if roll < 0.12:
        # The race: it fills before the exchange sees the cancel.
        brokerage.fill(order, order.remaining, stage.price(order))
        yield stage.pause(MILLISECOND, 10 * MILLISECOND)
        brokerage.refuse_cancel(order)
        return
    if roll < 0.18:
        brokerage.refuse_cancel(order)
        yield stage.pause(50 * MILLISECOND, 2 * SECOND)
        yield from fill_up(stage, order)
        return
    if roll < 0.28:
        yield from _partly(stage, order)
    if order.status in FILLABLE:
        brokerage.cancel(order)
        if rng.random() < 0.05:
            yield stage.pause(MILLISECOND, 200 * MILLISECOND)
            brokerage.fill(order, stage.portion(order), stage.price(order), late=True, done=False)


def _partly(stage: Stage, order: Order) -> Flow:
    qty = stage.portion(order)
    if qty < order.remaining:
        stage.brokerage.fill(order, qty, stage.price(order))
        yield stage.pause(5 * MILLISECOND, SECOND)


def _replaced(stage: Stage, family: Family, order: Order) -> Generator[int, None, Order]:
    """A chain of replacements, each under a new id; some refused, some overtaken by the fill of the old order."""
    brokerage, rng = stage.brokerage, stage.rng
    for _ in range(_MAX_CHAIN):
        if rng.random() < 0.25:
            yield from _partly(stage, order)
        successor = brokerage.request_replace(order, stage.desk.amended(order))
        family.orders.append(successor)
        if rng.random() < 0.5:
            brokerage.receive(successor)
        yield stage.pause(MILLISECOND, 20 * MILLISECOND)
        roll = rng.random()
        if roll < 0.05:
            brokerage.fill(order, order.remaining, stage.price(order))
        if roll < 0.12:
            brokerage.refuse_replace(order)
            brokerage.reject(successor)
        else:
            old, order = order, successor
            brokerage.replace(old)
            brokerage.activate(order)
            if rng.random() < 0.04:
                yield stage.pause(MILLISECOND, 50 * MILLISECOND)
                brokerage.fill(old, stage.portion(old), stage.price(old), late=True, done=False)
        if order.status in CLOSED:
            return order
        yield stage.pause(20 * MILLISECOND, 2 * SECOND)
        if rng.random() < 0.6:
            break
    if rng.random() < 0.7:
        yield from fill_up(stage, order, parts=1 + int(rng.random() * 2))
    else:
        yield from _canceled(stage, order)
    return order


def _expired(stage: Stage, order: Order) -> Flow:
    """The end of the day, or of the order's time."""
    brokerage, rng = stage.brokerage, stage.rng
    if rng.random() < 0.3:
        yield from _partly(stage, order)
    if rng.random() < 0.25:
        brokerage.mark(order, "done_for_day")
        yield stage.pause(10 * MILLISECOND, SECOND)
        if rng.random() < 0.4:
            brokerage.mark(order, "calculated")
            yield stage.pause(10 * MILLISECOND, SECOND)
        if order.wire["time_in_force"] == "gtc":
            brokerage.activate(order)
            yield from fill_up(stage, order)
            return
    brokerage.expire(order)


def _interrupted(stage: Stage, order: Order) -> Flow:
    """Stopped, suspended or restated on the way."""
    brokerage = stage.brokerage
    roll = stage.rng.random()
    if roll < 0.34:
        brokerage.mark(order, "stopped")
    elif roll < 0.67:
        brokerage.mark(order, "suspended")
        yield stage.pause(50 * MILLISECOND, 2 * SECOND)
        brokerage.activate(order)
    else:
        brokerage.restate(order, None if order.limit is None else order.limit + order.traded.tick)
    yield stage.pause(10 * MILLISECOND, SECOND)
    yield from fill_up(stage, order, parts=2)


def _immediate(stage: Stage, order: Order) -> Flow:
    """Immediate-or-cancel and fill-or-kill: what doesn't fill at once is canceled without being asked."""
    brokerage, rng = stage.brokerage, stage.rng
    roll = rng.random()
    if roll < 0.6:
        yield from fill_up(stage, order)
        return
    if roll < 0.8 and order.wire["time_in_force"] == "ioc":
        yield from _partly(stage, order)
    if order.status in FILLABLE:
        brokerage.cancel(order)


def _spend(stage: Stage, order: Order) -> Flow:
    """An order by money: as much as it buys, in one execution or two."""
    brokerage, rng = stage.brokerage, stage.rng
    money = order.notional or 0
    if rng.random() < 0.25:
        half = money // 2
        price = stage.price(order)
        brokerage.fill(order, half * NANO // price, price, done=False)
        money -= half
        yield stage.pause(MILLISECOND, 100 * MILLISECOND)
    price = stage.price(order)
    brokerage.fill(order, max(money * NANO // price, 1), price, done=True)


def _aftermath(stage: Stage, order: Order) -> Flow:
    """The exchange takes an execution back or corrects it; an order that is open again by that goes on."""
    brokerage, rng = stage.brokerage, stage.rng
    real = [execution for execution in order.executions if execution.state == "real"]
    if not real:
        return
    yield stage.pause(100 * MILLISECOND, 5 * SECOND)
    execution = real[int(rng.random() * len(real))]
    coins = order.traded.asset_class == "crypto"
    if rng.random() < 0.5 and not coins:
        brokerage.bust(execution, negative=rng.random() < 0.5)
    else:
        # Coins that were bought may have been sold since: their quantity is left alone.
        lot = order.traded.lot
        less = rng.random() < 0.25 and execution.qty > lot and not coins and order.notional is None
        brokerage.correct(
            execution, execution.qty - lot if less else execution.qty, max(execution.price - order.traded.tick, 1)
        )
        if rng.random() < 0.1:
            yield stage.pause(100 * MILLISECOND, SECOND)
            brokerage.correct(order.executions[-1], order.executions[-1].qty, execution.price)
    if order.status in FILLABLE:
        yield stage.pause(50 * MILLISECOND, 2 * SECOND)
        if order.notional is not None:
            brokerage.cancel(order)
        elif rng.random() < 0.6:
            yield from fill_up(stage, order)
        else:
            brokerage.expire(order)
