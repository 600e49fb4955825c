"""Each statement about an execution once (rule 1 of DESIGN's `fills`): the first in the log counts, another content is
a conflict (B4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from stream_reconcile.core.evidence import (
    Activity,
    Bust,
    Evidence,
    Execution,
    ExecutionAdjustment,
    Residual,
    ReversalAdjustment,
)

TOLERANCE_NS = 5_000_000_000
"""Times at most this far apart, inclusive, can be one execution's: stream and activities do not agree to the digit."""

_E = TypeVar("_E", Execution, Bust, Activity, Residual, ExecutionAdjustment, ReversalAdjustment)


@dataclass(frozen=True, slots=True)
class Conflict:
    """One id, two contents (B4)."""

    fill_key: str
    """Key of the row that the id makes: `x:`, `a:`, `s:`; `r:` for two busts of one execution."""
    statements: tuple[Evidence, ...]
    """The distinct contents, first in the log first: that one counts."""


@dataclass(frozen=True, slots=True)
class Statements:
    """What is kept of an order's evidence, each dictionary by id, in the order of the ids."""

    executions: dict[str, Execution]
    busts: dict[str, Bust]
    """By the execution they take back."""
    activities: dict[str, Activity]
    residuals: dict[str, Residual]
    adjustments: dict[str, ExecutionAdjustment]
    reversals: dict[str, ReversalAdjustment]
    """By the fill key that they take back."""
    conflicts: tuple[Conflict, ...]


def keep_once(evidence: Iterable[Evidence]) -> Statements:
    """The statements that count: a function of the set of `evidence`, whatever its order and duplicates.

    Two statements of one id conflict when they differ in what was executed: quantity, price, symbol, side, what a
    correction replaces, the cumulative quantity, or a time further apart than `TOLERANCE_NS` (a leg and its own
    order's frame may write one moment differently). What either leaves empty is no difference. Any two that differ
    conflict, not only a later one with the first, so that more evidence never ends a conflict.

    An execution's cumulative quantity is the first that is stated in the log, for a leg states none and its own order's
    frame does. An `execution` adjustment does not conflict with the frame that it stands for: the frame replaces it.

    Raises ValueError when the evidence is of more than one order.
    """
    executions: dict[str, list[Execution]] = {}
    busts: dict[str, list[Bust]] = {}
    activities: dict[str, list[Activity]] = {}
    residuals: dict[str, list[Residual]] = {}
    adjustments: dict[str, list[ExecutionAdjustment]] = {}
    reversals: dict[str, list[ReversalAdjustment]] = {}
    orders: set[tuple[str, str]] = set()
    for item in evidence:
        orders.add((item.account_id, item.order_id))
        match item:
            case Execution():
                executions.setdefault(item.execution_id, []).append(item)
            case Bust():
                busts.setdefault(item.previous_execution_id, []).append(item)
            case Activity():
                activities.setdefault(item.activity_id, []).append(item)
            case Residual():
                residuals.setdefault(item.key, []).append(item)
            case ExecutionAdjustment():
                adjustments.setdefault(item.execution_id, []).append(item)
            case ReversalAdjustment():
                reversals.setdefault(item.reverses, []).append(item)
    if len(orders) > 1:
        raise ValueError(f"fill accounting is per order; it was given evidence of {len(orders)}: group it by order")
    conflicts: list[Conflict] = []
    return Statements(
        executions={i: _state_cumulative(s) for i, s in _distinct(executions, "x:", _execution_differs, conflicts)},
        busts={i: s[0] for i, s in _distinct(busts, "r:", _bust_differs, conflicts)},
        activities={i: s[0] for i, s in _distinct(activities, "a:", _trade_differs, conflicts)},
        residuals={i: s[0] for i, s in _distinct(residuals, "s:", _residual_differs, conflicts)},
        adjustments={i: s[0] for i, s in _distinct(adjustments, "x:", _adjustment_differs, conflicts)},
        # Judged again by a later word of the broker it is the same judgement.
        reversals={i: s[0] for i, s in _distinct(reversals, "r:", lambda _a, _b: False, conflicts)},
        conflicts=tuple(conflicts),
    )


def _distinct(
    stated: dict[str, list[_E]], prefix: str, differs: Callable[[_E, _E], bool], conflicts: list[Conflict]
) -> list[tuple[str, list[_E]]]:
    """Each id with its distinct statements, first in the log first; adds to `conflicts`."""
    kept: list[tuple[str, list[_E]]] = []
    for name in sorted(stated):
        statements = stated[name]
        if len(statements) > 1:
            # repr decides where a recreated topic has given one place to two records.
            statements.sort(key=lambda statement: (statement.coordinates, repr(statement)))
            distinct: list[_E] = []
            for statement in statements:
                if not any(_same(statement, other) for other in distinct):
                    distinct.append(statement)
            statements = distinct
            if any(differs(a, b) for n, a in enumerate(statements) for b in statements[:n]):
                conflicts.append(Conflict(prefix + name, tuple(statements)))
        kept.append((name, statements))
    return kept


def _same(a: _E, b: _E) -> bool:
    return replace(a, coordinates=b.coordinates) == b


def _state_cumulative(statements: list[Execution]) -> Execution:
    first = statements[0]
    if first.cum_qty is None:
        for statement in statements:
            if statement.cum_qty is not None:
                return replace(first, cum_qty=statement.cum_qty)
    return first


def _execution_differs(a: Execution, b: Execution) -> bool:
    return (
        _trade_differs(a, b)
        or (a.previous_execution_id is None) != (b.previous_execution_id is None)
        or _differ(a.previous_execution_id, b.previous_execution_id)
    )


def _trade_differs(a: Execution | Activity, b: Execution | Activity) -> bool:
    return (
        a.qty != b.qty
        or a.price != b.price
        or abs(a.transacted_at_ns - b.transacted_at_ns) > TOLERANCE_NS
        or (a.cum_qty is not None and b.cum_qty is not None and a.cum_qty != b.cum_qty)
        or _instrument_differs(a, b)
    )


def _bust_differs(a: Bust, b: Bust) -> bool:
    return a.qty is not None and b.qty is not None and a.qty.copy_abs() != b.qty.copy_abs()


def _residual_differs(a: Residual, b: Residual) -> bool:
    return (a.qty, a.price, a.as_of_ns, a.explained_from) != (
        b.qty,
        b.price,
        b.as_of_ns,
        b.explained_from,
    ) or _instrument_differs(a, b)


def _adjustment_differs(a: ExecutionAdjustment, b: ExecutionAdjustment) -> bool:
    return (a.qty, a.price, a.transacted_at_ns) != (b.qty, b.price, b.transacted_at_ns) or _instrument_differs(a, b)


_Traded = Execution | Activity | Residual | ExecutionAdjustment


def _instrument_differs(a: _Traded, b: _Traded) -> bool:
    return _differ(a.symbol.replace("/", ""), b.symbol.replace("/", "")) or _differ(a.side, b.side)


def _differ(a: str | None, b: str | None) -> bool:
    return bool(a and b and a != b)
