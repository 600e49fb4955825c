"""An order's fills as a pure function of all evidence of it (DESIGN §4, `fills`, rules 1-6).

Rows by key:

    x:execution id   an execution that a frame states, or an `execution` adjustment in its place   trade, correction
    a:activity id    a FILL activity that no frame tells of                                        trade
    s:key            a residual                                                                    residual
    r:execution id   the execution is busted or corrected, by a frame or by judgement              reversal of its x:
    r:a:activity id  the same by judgement, where only an activity is known                        reversal of its row
    r:s:key          the real executions have come                                                 reversal of its s:

As evidence grows, rows x:, s: and r: stay; an a: row goes only into an x: row of its quantity and price (rule 6), and
an r:a: row only into the r: of the execution that its activity turned out to tell of.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NamedTuple, TypeAlias

from stream_reconcile.core.evidence import (
    Activity,
    Bust,
    Coordinates,
    Evidence,
    Execution,
    ExecutionAdjustment,
    Residual,
)
from stream_reconcile.core.pairing import Frame, pair
from stream_reconcile.core.statements import Conflict, Statements, keep_once
from stream_reconcile.core.sums import EXACT, total

Entry: TypeAlias = Literal["trade", "reversal", "correction", "residual"]
Source: TypeAlias = Literal["stream", "activity", "adjustment"]


class FillRow(NamedTuple):
    """One row of `fills`."""

    account_id: str
    order_id: str
    fill_key: str
    execution_id: str | None
    """Of a reversal: the execution taken back. None for rows a:, s: and r:s:."""
    activity_id: str | None
    """Of an x: row, the activity that tells of it: the only value that later evidence moves."""
    symbol: str
    side: str
    """"" where the statement does not say."""
    qty: Decimal
    """Unsigned; negative in a reversal, so that the sum is the net."""
    price: Decimal
    transacted_at_ns: int
    """Broker time; of a reversal that of the first bust or correction, of a residual and its reversal `as_of`."""
    entry: Entry
    reverses: str | None
    """Fill key that a reversal takes back, or that a correction stands in place of; None for all else."""
    source: Source
    """Where the values come from; an x: row of a frame stays `stream` when an activity joins it."""
    coordinates: Coordinates
    """Of the first record in the log that states it."""


@dataclass(frozen=True, slots=True)
class FillBook:
    """All that an order's evidence comes to."""

    rows: tuple[FillRow, ...]
    """By (time, key)."""
    net: Decimal
    """Sum of the rows' quantities: what I9 compares with `filled_qty`."""
    conflicts: tuple[Conflict, ...]
    """B4."""
    waiting: tuple[str, ...]
    """Execution ids that a bust or correction takes back and that no frame or `execution` adjustment has stated."""


def fill_rows(evidence: Iterable[Evidence]) -> FillBook:
    """The rows of one order's fills: a function of the set of `evidence`; order, duplicates and splits are nothing.

    Where DESIGN leaves a choice:

    - An `execution` adjustment makes its id fit any activity of equal quantity and price *for good*, also once the real
      frame has come and its values count: else the pair that the adjustment was made for would fall apart again.
    - A reversal needs the row x: and nothing else: a bust of what is known by an activity alone waits for the frame or
      the adjustment. Bust and correction of one execution are one reversal. It always takes back the whole quantity.
    - A `reversal` adjustment stands for a bust whose frame was lost: with the real one it is one reversal, and the real
      one's values replace it. One of an activity follows it into the row x: that it is paired with.
    - A correction is booked at its own time and reverses its original at that time.
    - r:s: exists once `gross_qty` up to `as_of` reaches `explained_from`.

    With more than a hundred executions and no residual it is enough to give the statements of the (quantity, price)
    touched with the busts and corrections of these executions: the rows of one group depend on no other.

    Raises ValueError for evidence of several orders, decimal.Inexact for numbers beyond 200 digits.
    """
    known = keep_once(evidence)
    rows = _execution_rows(known)
    taken_back = _taken_back(known)
    judged = _judged(known, rows, taken_back)
    rows += [_reversal(row, taken_back[i]) for row in rows if (i := row.execution_id) is not None and i in taken_back]
    rows += judged
    for residual in known.residuals.values():
        standing = _residual_row(residual)
        rows.append(standing)
        if _gross(known, residual.as_of_ns) >= residual.explained_from:
            rows.append(
                standing._replace(
                    fill_key=f"r:{standing.fill_key}",
                    qty=EXACT.minus(standing.qty),
                    entry="reversal",
                    reverses=standing.fill_key,
                )
            )
    rows.sort(key=lambda row: (row.transacted_at_ns, row.fill_key))
    return FillBook(
        rows=tuple(rows),
        net=total(row.qty for row in rows),
        conflicts=known.conflicts,
        waiting=tuple(sorted(taken_back.keys() - known.executions.keys() - known.adjustments.keys())),
    )


def execution_row(execution: Execution, activity_id: str | None = None) -> FillRow:
    """The row x: of a frame. An order with fill frames and no other evidence has these rows and no others."""
    corrects = execution.previous_execution_id
    return FillRow(
        account_id=execution.account_id,
        order_id=execution.order_id,
        fill_key=f"x:{execution.execution_id}",
        execution_id=execution.execution_id,
        activity_id=activity_id,
        symbol=execution.symbol,
        side=execution.side,
        qty=execution.qty,
        price=execution.price,
        transacted_at_ns=execution.transacted_at_ns,
        entry="trade" if corrects is None else "correction",
        reverses=f"x:{corrects}" if corrects and corrects != execution.execution_id else None,
        source="stream",
        coordinates=execution.coordinates,
    )


def gross_qty(evidence: Iterable[Evidence], until_ns: int) -> Decimal:
    """Quantity of all trade and correction rows that the broker's evidence dated up to `until_ns` makes by itself;
    reversals are not deducted (rule 4). The sweep adds it up for `explained_from`, `fill_rows` for r:s:.

    Frames and activities dated later take no part, not even as partners, and adjustments none at all, not even by what
    they let fit: each further statement then adds a row or joins one, so that the gross never falls, and a reversed
    residual never comes back. Were a pair dated by its frame alone, a late frame would take back what its activity had
    explained. Count with a margin: `as_of` lies more than the tolerance of pairing after the last execution counted.
    """
    return _gross(keep_once(evidence), until_ns)


def _gross(known: Statements, until_ns: int) -> Decimal:
    executions = {i: e for i, e in known.executions.items() if e.transacted_at_ns <= until_ns}
    activities = [a for a in known.activities.values() if a.transacted_at_ns <= until_ns]
    pairs = pair([_frame(execution, fits_any=False) for execution in executions.values()], activities)
    once = total(execution.qty for execution in executions.values())
    paired = set(pairs.values())
    return EXACT.add(once, total(a.qty for a in activities if a.activity_id not in paired))


def _frame(execution: Execution | ExecutionAdjustment, *, fits_any: bool) -> Frame:
    cum_qty = execution.cum_qty if isinstance(execution, Execution) else None
    return Frame(execution.execution_id, execution.qty, execution.price, execution.transacted_at_ns, cum_qty, fits_any)


def _execution_rows(known: Statements) -> list[FillRow]:
    """Rows x: and a: (rules 2 and 5)."""
    lost = {i: adjustment for i, adjustment in known.adjustments.items() if i not in known.executions}
    frames = [_frame(e, fits_any=i in known.adjustments) for i, e in known.executions.items()]
    frames += [_frame(adjustment, fits_any=True) for adjustment in lost.values()]
    pairs = pair(frames, known.activities.values())
    rows = [execution_row(execution, pairs.get(i)) for i, execution in known.executions.items()]
    rows += [_adjusted_row(adjustment, pairs.get(i)) for i, adjustment in lost.items()]
    paired = set(pairs.values())
    rows += [_activity_row(activity) for i, activity in known.activities.items() if i not in paired]
    return rows


def _taken_back(known: Statements) -> dict[str, Bust | Execution]:
    """Execution id → the first in the log of the busts and corrections that take it back (rule 3).

    A correction under the very id that it corrects takes nothing back: it is the same execution with another content,
    a conflict, and must not cancel itself out.
    """
    first: dict[str, Bust | Execution] = {**known.busts}
    for execution in known.executions.values():
        original = execution.previous_execution_id
        if not original or original == execution.execution_id:
            continue
        if original not in first or execution.coordinates < first[original].coordinates:
            first[original] = execution
    return first


def _judged(known: Statements, rows: list[FillRow], taken_back: dict[str, Bust | Execution]) -> list[FillRow]:
    """Reversals by judgement of rows that no bust or correction takes back."""
    by_key = {row.fill_key: row for row in rows}
    by_activity = {f"a:{row.activity_id}": row for row in rows if row.activity_id is not None}
    made: dict[str, FillRow] = {}
    for target, judgement in known.reversals.items():
        row = by_activity.get(target) or by_key.get(target)
        if row is None or row.execution_id in taken_back:
            continue
        key = f"r:{row.execution_id if target == row.fill_key and row.execution_id else target}"
        # Judged by its execution and by its activity, it is taken back once: the x: of the keys counts.
        standing = made.get(row.fill_key)
        if standing is None or standing.fill_key.startswith("r:a:"):
            made[row.fill_key] = row._replace(
                fill_key=key,
                activity_id=None,
                qty=EXACT.minus(row.qty),
                transacted_at_ns=judgement.as_of_ns,
                entry="reversal",
                reverses=row.fill_key,
                source="adjustment",
                coordinates=judgement.coordinates,
            )
    return list(made.values())


def _reversal(row: FillRow, cause: Bust | Execution) -> FillRow:
    return row._replace(
        fill_key=f"r:{row.execution_id}",
        activity_id=None,
        qty=EXACT.minus(row.qty),
        transacted_at_ns=cause.busted_at_ns if isinstance(cause, Bust) else cause.transacted_at_ns,
        entry="reversal",
        reverses=row.fill_key,
        source="stream",
        coordinates=cause.coordinates,
    )


def _activity_row(activity: Activity) -> FillRow:
    return FillRow(
        account_id=activity.account_id,
        order_id=activity.order_id,
        fill_key=f"a:{activity.activity_id}",
        execution_id=None,
        activity_id=activity.activity_id,
        symbol=activity.symbol,
        side=activity.side,
        qty=activity.qty,
        price=activity.price,
        transacted_at_ns=activity.transacted_at_ns,
        entry="trade",
        reverses=None,
        source="activity",
        coordinates=activity.coordinates,
    )


def _adjusted_row(adjustment: ExecutionAdjustment, activity_id: str | None) -> FillRow:
    return FillRow(
        account_id=adjustment.account_id,
        order_id=adjustment.order_id,
        fill_key=f"x:{adjustment.execution_id}",
        execution_id=adjustment.execution_id,
        activity_id=activity_id,
        symbol=adjustment.symbol,
        side=adjustment.side,
        qty=adjustment.qty,
        price=adjustment.price,
        transacted_at_ns=adjustment.transacted_at_ns,
        entry="trade",
        reverses=None,
        source="adjustment",
        coordinates=adjustment.coordinates,
    )


def _residual_row(residual: Residual) -> FillRow:
    return FillRow(
        account_id=residual.account_id,
        order_id=residual.order_id,
        fill_key=f"s:{residual.key}",
        execution_id=None,
        activity_id=None,
        symbol=residual.symbol,
        side=residual.side,
        qty=residual.qty,
        price=residual.price,
        transacted_at_ns=residual.as_of_ns,
        entry="residual",
        reverses=None,
        source="adjustment",
        coordinates=residual.coordinates,
    )
