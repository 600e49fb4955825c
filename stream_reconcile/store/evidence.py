"""Statements about executions ⇄ rows of `fill_evidence`."""

from __future__ import annotations

import json
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from stream_reconcile.core.evidence import (
    Activity,
    Bust,
    Coordinates,
    Evidence,
    Execution,
    ExecutionAdjustment,
    Residual,
    ReversalAdjustment,
)
from stream_reconcile.core.fold import Fold


class _Said(NamedTuple):
    """What a statement says, as the columns of its row have it."""

    account_id: str
    order_id: str
    kind: str
    evidence_id: str
    transacted_at_ns: int
    previous_execution_id: str | None
    symbol: str | None
    side: str | None
    qty: Decimal | None
    price: Decimal | None
    cum_qty: Decimal | None = None
    explained_from: Decimal | None = None


_COLUMNS: Final = (*_Said._fields, "evidence_key", *Coordinates._fields, "known_at_ms")


def evidence_json(fold: Fold) -> str:
    """Rows for `fill_evidence` as JSON, each distinct statement at its first place."""
    distinct: dict[str, tuple[Coordinates, int, list[str | int | None]]] = {}
    for evidence, known_at_ms in fold.evidence:
        # Compared as text: a number of another scale is another statement.
        texts = [value if value is None or isinstance(value, int) else str(value) for value in _said(evidence)]
        key = blake2b("\t".join(map(str, texts)).encode(), digest_size=16).hexdigest()
        known = distinct.get(key)
        if known is None or evidence.coordinates < known[0]:
            distinct[key] = (evidence.coordinates, known_at_ms, texts)
    rows = [
        dict(zip(_COLUMNS, (*texts, key, *place, known_at_ms), strict=True))
        for key, (place, known_at_ms, texts) in distinct.items()
    ]
    return json.dumps(rows)


def _said(e: Evidence) -> _Said:
    account_id, order_id = e.account_id, e.order_id
    if isinstance(e, Bust):
        replaced = e.previous_execution_id
        return _Said(account_id, order_id, "bust", replaced, e.busted_at_ns, replaced, None, None, e.qty, None)
    cum_qty = explained_from = previous = None
    match e:
        case Execution():
            kind, name, time = (
                "leg" if e.previous_execution_id is None else "correction",
                e.execution_id,
                e.transacted_at_ns,
            )
            previous, cum_qty = e.previous_execution_id, e.cum_qty
        case Activity():
            kind, name, time, cum_qty = "activity", e.activity_id, e.transacted_at_ns, e.cum_qty
        case Residual():
            kind, name, time, explained_from = "residual", e.key, e.as_of_ns, e.explained_from
        case ExecutionAdjustment():
            kind, name, time = "execution", e.execution_id, e.transacted_at_ns
        case ReversalAdjustment():
            kind, name, time = "reversal", e.reverses, e.as_of_ns
    return _Said(
        account_id, order_id, kind, name, time, previous, e.symbol, e.side, e.qty, e.price, cum_qty, explained_from
    )


def evidence_from_row(row: dict[str, Any]) -> Evidence:
    """The statement that a row of `fill_evidence` holds."""
    common = {
        "account_id": row["account_id"],
        "order_id": row["alpaca_order_id"],
        "coordinates": Coordinates(row["topic"], row["partition"], row["offset"], row["position"]),
    }
    if row["kind"] == "bust":
        return Bust(
            **common,
            previous_execution_id=row["previous_execution_id"],
            busted_at_ns=row["transacted_at_ns"],
            qty=row["qty"],
        )
    common |= {"qty": row["qty"], "price": row["price"], "symbol": row["symbol"], "side": row["side"]}
    time: int = row["transacted_at_ns"]
    match row["kind"]:
        case "leg" | "correction":
            return Execution(
                **common,
                execution_id=row["evidence_id"],
                transacted_at_ns=time,
                cum_qty=row["cum_qty"],
                previous_execution_id=row["previous_execution_id"],
            )
        case "activity":
            return Activity(**common, activity_id=row["evidence_id"], transacted_at_ns=time, cum_qty=row["cum_qty"])
        case "residual":
            return Residual(
                **common, key=row["evidence_id"], as_of_ns=time, explained_from=row["explained_from"] or Decimal(0)
            )
        case "reversal":
            return ReversalAdjustment(**common, reverses=row["evidence_id"], as_of_ns=time)
        case _:
            return ExecutionAdjustment(**common, execution_id=row["evidence_id"], transacted_at_ns=time)
