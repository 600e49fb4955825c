"""I9: an order's fills add up to its `filled_qty`, and a multi-leg parent's legs to its units."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Context, Decimal, Inexact, InvalidOperation
from enum import StrEnum
from typing import Final, NamedTuple

# Refuses to round rather than be wrong by a little (I7), whatever the caller's thread has set as its context. Parsed
# numbers have at most 80 characters, so the product of two fits.
EXACT: Final = Context(prec=200, traps=[InvalidOperation, Inexact])


def total(quantities: Iterable[Decimal]) -> Decimal:
    """Exact sum; 0 of none. Raises decimal.Inexact where more than 200 digits would be needed."""
    result = Decimal(0)
    for quantity in quantities:
        result = EXACT.add(result, quantity)
    return result


class Finding(StrEnum):
    """`type` of the discrepancy that a sum opens (DISCREPANCIES B1, B7, B8)."""

    MISSING_FILL = "missing_fill"
    EXCESS_FILL = "excess_fill"
    OVERFILL = "overfill"


class LegSum(NamedTuple):
    """One leg of a multi-leg order."""

    net: Decimal
    """Net quantity of the leg's fills."""
    ratio_qty: Decimal | None
    """Contracts of this leg in one unit of the parent; None where no nested read has said it yet."""


def findings(
    net: Decimal, filled_qty: Decimal | None, qty: Decimal | None, legs: Iterable[LegSum] = ()
) -> tuple[Finding, ...]:
    """What does not add up, in the order of `Finding`; empty when all does.

    `net`: net quantity of the order's own fills. `filled_qty`, `qty`: of the order's row; None (an update that does not
    state it; an order by notional) compares with nothing. `legs`: of a multi-leg parent, as far as they are known; not
    those of a bracket, which are orders of their own.

    A parent's `filled_qty` counts units, and the contracts are booked under its legs: with legs known, each leg's net
    must be `filled_qty` × its `ratio_qty`, and the parent has no fills of its own, so that nothing counts twice. Legs
    can differ in both directions at once, and an overfill is a matter apart, so there can be several findings.
    """
    found: set[Finding] = set()
    if filled_qty is not None:
        legs = tuple(legs)
        expected = [(net, Decimal(0) if legs else filled_qty)]
        expected += [(leg.net, EXACT.multiply(filled_qty, leg.ratio_qty)) for leg in legs if leg.ratio_qty is not None]
        for booked, due in expected:
            if booked < due:
                found.add(Finding.MISSING_FILL)
            elif booked > due:
                found.add(Finding.EXCESS_FILL)
        if qty is not None and filled_qty > qty:
            found.add(Finding.OVERFILL)
    return tuple(finding for finding in Finding if finding in found)
