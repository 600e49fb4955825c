"""Fills against `filled_qty`, as a sweep judges them: of orders whose newest word is a snapshot, past its grace. Pure.

Apply judges an order's sums when a frame of it comes: the frame brings its fill along. A snapshot runs ahead of the
fills, so what it says is judged here, once their activities were read and applied (DISCREPANCIES B1, B7, B8).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final, NamedTuple

from stream_reconcile.core.sums import Finding, LegSum, findings

# Those that close themselves when the sums agree.
CLOSED_BY_SUMS: Final = (Finding.MISSING_FILL.value, Finding.EXCESS_FILL.value)


class Sum(NamedTuple):
    """An order's row beside the sum of its fills."""

    order_id: str
    parent_order_id: str | None
    order_class: str | None
    ratio_qty: Decimal | None
    qty: Decimal | None
    filled_qty: Decimal | None
    net: Decimal
    fills: int
    said_at: str
    """Place of the record that the row is from: topic:partition:offset."""


class Off(NamedTuple):
    """An order whose fills do not add up, and how."""

    order_id: str
    types: tuple[str, ...]
    evidence: dict[str, Any]


def off(sums: Iterable[Sum]) -> list[Off]:
    """Those that do not add up, each with its evidence; of a multi-leg parent its legs are among `sums`."""
    rows = list(sums)
    legs: dict[str, list[Sum]] = defaultdict(list)
    for row in rows:
        if row.parent_order_id is not None:
            legs[row.parent_order_id].append(row)
    wrong: list[Off] = []
    for row in rows:
        ours = legs[row.order_id] if row.order_class == "mleg" else []
        found = findings(row.net, row.filled_qty, row.qty, [LegSum(leg.net, leg.ratio_qty) for leg in ours])
        if found:
            wrong.append(Off(row.order_id, tuple(map(str, found)), _evidence(row, ours)))
    return wrong


def _evidence(row: Sum, legs: Iterable[Sum]) -> dict[str, Any]:
    booked: dict[str, Any] = {"net_fills": str(row.net), "fills": row.fills}
    told = [{"order_id": leg.order_id, "net_fills": str(leg.net)} for leg in sorted(legs)]
    broker = {"filled_qty": _text(row.filled_qty), "qty": _text(row.qty), "said_at": row.said_at}
    return {"broker": broker, "ours": booked | ({"legs": told} if told else {})}


def _text(number: Decimal | None) -> str | None:
    return None if number is None else str(number)
