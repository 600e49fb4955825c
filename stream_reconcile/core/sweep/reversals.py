"""Which executions the broker took back, where the frame that said so was lost (B7). A judgement; pure.

The stream told a fill, the frame of its bust or correction was lost, and REST only says that less is filled now. An
execution is held to be taken back where it alone explains that: its quantity is what is too much, and without it the
fills come to the broker's average price. A correction's new execution stands among the fills by its activity then.
What can be explained in two ways is left to a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import combinations
from math import comb
from typing import Any, Final, NamedTuple

from stream_reconcile.core.evidence import Activity
from stream_reconcile.core.pairing import Frame, pair
from stream_reconcile.core.sums import EXACT, total
from stream_reconcile.core.sweep.adjustments import Fill, text
from stream_reconcile.core.timestamps import ns_text

_MOST_AT_ONCE: Final = 3
_MOST_SETS: Final = 5_000
_AVERAGE_DIGITS: Final = Decimal("1e-6")  # of the average: the broker rounds it


class TooMuch(NamedTuple):
    """An order whose fills are more than the broker says."""

    order_id: str
    filled_qty: Decimal
    filled_avg_price: Decimal | None
    version_ns: int
    """Of the row that says so."""


def taken_back(order: TooMuch, fills: Sequence[Fill], living: Iterable[Activity] | None = None) -> list[Fill]:
    """The executions whose loss explains the order; empty where none do, or more than one set does.

    `living`: the order's FILL activities as they are now, None where they were not read. A broker may withdraw the
    activity of an execution that was taken back: of several executions alike, the one without an activity is meant.
    Few are taken back rather than many. With a residual standing nothing is judged: it may be what is too much.
    """
    reversed_keys = {fill.reverses for fill in fills if fill.entry == "reversal"}
    standing = [fill for fill in fills if fill.entry != "reversal" and fill.fill_key not in reversed_keys]
    excess = total([fill.qty for fill in fills]) - order.filled_qty
    if excess <= 0 or any(fill.entry == "residual" for fill in standing):
        return []
    for sets in (*_sets(standing), [tuple(standing)]):
        fitting = [chosen for chosen in sets if _explains(order, excess, standing, chosen)]
        if not fitting:
            continue
        if len(fitting) > 1 and living is not None:
            alive = _alive(standing, living)
            fitting = [chosen for chosen in fitting if not alive & {fill.fill_key for fill in chosen}]
        return list(fitting[0]) if len(fitting) == 1 else []
    return []


def reversals(order: TooMuch, taken: Iterable[Fill]) -> list[dict[str, Any]]:
    """`reversal` adjustments for them; the same whenever they are made of one row."""
    return [
        {
            "kind": "reversal",
            "order_id": order.order_id,
            "reverses": fill.fill_key,
            "qty": text(fill.qty),
            "price": text(fill.price),
            "as_of": ns_text(order.version_ns),
            "symbol": fill.symbol,
            "side": fill.side,
        }
        for fill in taken
    ]


def _sets(standing: Sequence[Fill]) -> Iterator[list[tuple[Fill, ...]]]:
    """All sets of one, of two …, as long as they are few enough to try."""
    for size in range(1, min(_MOST_AT_ONCE, len(standing)) + 1):
        if comb(len(standing), size) > _MOST_SETS:
            return
        yield list(combinations(standing, size))


def _explains(order: TooMuch, excess: Decimal, standing: Sequence[Fill], chosen: Sequence[Fill]) -> bool:
    if total([fill.qty for fill in chosen]) != excess:
        return False
    average = order.filled_avg_price
    if order.filled_qty == 0 or average is None:
        return True
    gone = {fill.fill_key for fill in chosen}
    paid = total([EXACT.multiply(fill.qty, fill.price) for fill in standing if fill.fill_key not in gone])
    said = EXACT.multiply(order.filled_qty, average)
    return abs(paid - said) <= abs(said) * _AVERAGE_DIGITS


def _alive(standing: Sequence[Fill], living: Iterable[Activity]) -> set[str]:
    """Keys of the fills that an activity tells of, each of one."""
    activities = list(living)
    ids = {activity.activity_id for activity in activities}
    alive = {fill.fill_key for fill in standing if fill.activity_id in ids}
    told = {fill.activity_id for fill in standing}
    frames = [
        Frame(fill.fill_key, fill.qty, fill.price, fill.transacted_at_ns, None, fits_any=False)
        for fill in standing
        if fill.activity_id is None
    ]
    return alive | pair(frames, [each for each in activities if each.activity_id not in told]).keys()
