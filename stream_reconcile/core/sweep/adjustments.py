"""Facts made by judgement, where the broker has none left to give (DESIGN §4, rules 4 and 5 of `fills`). Pure.

An `execution` stands for a frame that was lost for good; a `residual` for executions that nothing explains; a
`reversal` (core.sweep.reversals) for a bust or correction of which nothing tells. All go through the log as records of
the adjustments topic, with ids that follow from what they are about, so that making one twice is making it once, and
the real ones, when they come after all, take their place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from stream_reconcile.core.sums import EXACT, total
from stream_reconcile.core.timestamps import ns_text

_PRICE_DIGITS = Decimal("1e-12")


class Fill(NamedTuple):
    """A row of `fills`. `transacted_at_ns`: nanoseconds since the epoch."""

    fill_key: str
    execution_id: str | None
    activity_id: str | None
    entry: str
    qty: Decimal
    price: Decimal
    transacted_at_ns: int
    symbol: str
    side: str
    reverses: str | None = None

    @property
    def is_unpaired_activity(self) -> bool:
        return self.fill_key.startswith("a:")


class Reversal(NamedTuple):
    """A bust or correction whose original has no row. `qty`: what a bust says was taken back, None if nothing."""

    previous_execution_id: str
    qty: Decimal | None


def stand_ins(
    order_id: str, filled_qty: Decimal, fills: Sequence[Fill], reversals: Iterable[Reversal]
) -> list[dict[str, Any]]:
    """`execution` adjustments that bring down an order whose fills are more than its `filled_qty`.

    For a bust or a correction of an execution of which only the activity is known: the activity's trade under the
    execution's id, so that it can be reversed. For a frame and an activity of one quantity and price that did not pair:
    the activity's trade under the frame's id. None where the fills do not exceed.
    """
    excess = total([fill.qty for fill in fills]) - filled_qty
    if excess <= 0:
        return []
    reversed_keys = {fill.reverses for fill in fills if fill.entry == "reversal"}
    free = sorted(
        (fill for fill in fills if fill.is_unpaired_activity and fill.fill_key not in reversed_keys),
        key=lambda fill: (fill.transacted_at_ns, fill.fill_key),
    )
    made: list[dict[str, Any]] = []
    for reversal in sorted(reversals):
        wanted = [fill for fill in free if reversal.qty is None or fill.qty == reversal.qty.copy_abs()]
        wanted = [fill for fill in wanted if fill.qty == excess] or wanted
        if wanted:
            free.remove(wanted[0])
            made.append(_execution(order_id, reversal.previous_execution_id, wanted[0]))
    for frame in fills:
        if frame.entry != "trade" or frame.execution_id is None or frame.activity_id is not None:
            continue
        twin = next((fill for fill in free if fill.qty == frame.qty and fill.price == frame.price), None)
        if twin is not None and twin.qty <= excess:
            free.remove(twin)
            made.append(_execution(order_id, frame.execution_id, twin))
    return made


def residual(
    order_id: str,
    symbol: str,
    side: str,
    filled_qty: Decimal,
    filled_avg_price: Decimal | None,
    fills: Sequence[Fill],
    as_of_ns: int,
) -> dict[str, Any] | None:
    """The quantity that nothing explains, at the price that the order's average implies; None where none is missing,
    or no average price is stated.

    `as_of_ns`: broker's time up to which all activities were read. `explained_from`: gross quantity known then, with
    standing residuals and this one: once broker evidence alone reaches it, the residual is reversed.
    """
    missing = filled_qty - total([fill.qty for fill in fills])
    if missing <= 0 or filled_avg_price is None:
        return None
    paid = total([EXACT.multiply(fill.qty, fill.price) for fill in fills])
    price = (EXACT.multiply(filled_qty, filled_avg_price) - paid) / missing
    standing = [fill.qty for fill in fills if fill.entry in ("trade", "correction", "residual")]
    explained_from = total([*standing, missing])
    return {
        "kind": "residual",
        "order_id": order_id,
        "key": f"{order_id}:{text(explained_from)}",
        "qty": text(missing),
        "price": text(max(price.quantize(_PRICE_DIGITS), Decimal(0))),
        "as_of": ns_text(as_of_ns),
        "explained_from": text(explained_from),
        "symbol": symbol,
        "side": side,
    }


def _execution(order_id: str, execution_id: str, activity: Fill) -> dict[str, Any]:
    return {
        "kind": "execution",
        "order_id": order_id,
        "execution_id": execution_id,
        "qty": text(activity.qty),
        "price": text(activity.price),
        "transacted_at": ns_text(activity.transacted_at_ns),
        "symbol": activity.symbol,
        "side": activity.side,
    }


def text(number: Decimal) -> str:
    """As an adjustment writes it."""
    return format(number.normalize(), "f")
