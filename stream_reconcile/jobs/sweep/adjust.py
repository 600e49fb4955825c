"""Facts that the sweep makes by judgement, once the broker has none left to give: through the adjustments topic."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import structlog

from stream_reconcile.core.errors import NotAskable, WireError
from stream_reconcile.core.observation import Seen
from stream_reconcile.core.sweep.adjustments import Fill, residual, stand_ins
from stream_reconcile.core.sweep.reversals import TooMuch, reversals, taken_back
from stream_reconcile.core.wire.parse import Parser
from stream_reconcile.jobs.sweep.not_askable import tell_not_askable
from stream_reconcile.jobs.sweep.publish import Finding
from stream_reconcile.store.comparison import Comparer, Short
from stream_reconcile.store.discrepancies import Findings
from stream_reconcile.store.sweeps import Run

if TYPE_CHECKING:
    from stream_reconcile.jobs.sweep.activities import ActivityReader
    from stream_reconcile.jobs.sweep.run import Tools

log = structlog.get_logger()

_MOST: Final = 50


def adjust(
    tools: Tools,
    comparer: Comparer,
    run: Run,
    publish: Callable[[Iterable[Finding]], None],
    activities: ActivityReader,
) -> int:
    """Publish what is to stand for frames that were lost for good, and for executions that nothing explains (B2).

    After the activities were read and applied; gives how many. Nothing explains an execution only where all activities
    of its order were asked for, and it is dated no later than that.
    """
    living = activities.living
    graces = tools.config.timing.graces
    made: list[dict[str, Any]] = []
    many = comparer.too_much_filled(graces.finding_s, _MOST)
    if many:
        orders = [order.order_id for order in many]
        fills, waiting = comparer.fills_of(orders), comparer.waiting_reversals(orders)
        for order in many:
            ours, stated = fills.get(order.order_id, []), waiting.get(order.order_id, [])
            stood_for = stand_ins(order.order_id, order.filled_qty, ours, stated)
            made += stood_for
            if not stood_for and not stated:
                made += _judged(tools, order, taken_back(order, ours, living.get(order.order_id)))
    few = comparer.too_little_filled(graces.residual_s, living)
    if few:
        fills, unexplained = comparer.fills_of([short.order_id for short in few]), Findings()
        for short in few:
            left = residual(*short, fills.get(short.order_id, []), activities.living_at_ns)
            if left is not None:
                made.append(left)
                unexplained.open(tools.account_id, "unexplained_fill", short.order_id, _evidence(short, left))
                log.warning("residual_made", account_id=tools.account_id, order_id=short.order_id)
        # Before the residual makes the sums agree: a crash between the two must not leave it unnoticed.
        tools.store.write(unexplained, run)
    topic, now_ns = tools.config.topics.adjustments, time.time_ns()
    publish(Finding(topic, one["kind"], one["order_id"], now_ns, json.dumps(one).encode()) for one in made)
    if made:
        tools.barrier.wait()
    return len(made)


def _judged(tools: Tools, order: TooMuch, taken: list[Fill]) -> list[dict[str, Any]]:
    """Reversals of what was taken back, if the broker says the same of the order when it is asked once more."""
    if not taken:
        return []
    try:
        answer = tools.client.order(order.order_id)
    except NotAskable as why:
        tell_not_askable(tools, order.order_id, why)
        return []
    if answer is None:
        return []
    try:
        (said, *_legs) = (
            Parser()
            .snapshot(answer.raw, Seen(tools.account_id, "sweep", answer.received_at_ns, "", 0, 0, 0))
            .observations
        )
    except WireError:
        return []  # the examiner has told that it can't be read
    if said.version_ns < order.version_ns or Decimal(said.filled_qty or 0) != order.filled_qty:
        return []
    keys = [fill.fill_key for fill in taken]
    log.warning("reversal_judged", account_id=tools.account_id, order_id=order.order_id, reverses=keys)
    return reversals(order, taken)


def _evidence(short: Short, missing: dict[str, Any]) -> dict[str, Any]:
    broker = {"filled_qty": str(short.filled_qty), "filled_avg_price": str(short.filled_avg_price)}
    return {"broker": broker, "ours": {name: missing[name] for name in ("key", "qty", "price", "as_of")}}
