"""A fold → the bytes of one COPY, and evidence → the values of its row."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import blake2b
from typing import Any

from stream_reconcile.core.evidence import (
    Activity,
    Bust,
    Coordinates,
    Evidence,
    Execution,
    ExecutionAdjustment,
    Residual,
)
from stream_reconcile.core.fills import FillRow
from stream_reconcile.core.fold import Fold, OrderKey
from stream_reconcile.core.merge import ParentStatement
from stream_reconcile.core.observation import CONTENT_COLUMNS, NULL, Observation
from stream_reconcile.core.wire.orders import escape

LAST_MS = 253_402_300_799_999
_EXECUTION = slice(CONTENT_COLUMNS.index("event_at"), CONTENT_COLUMNS.index("event_price") + 1)
_SYMBOL, _SIDE = CONTENT_COLUMNS.index("symbol"), CONTENT_COLUMNS.index("side")


def plausible_ms(milliseconds: int) -> int:
    """A Kafka timestamp within what a calendar has, for producers may write any 64 bits: 1970 to 9999."""
    return min(max(milliseconds, 0), LAST_MS)


def moment(nanoseconds: int) -> datetime:
    """Nanoseconds since the epoch as a time in UTC, rounded to microseconds as Postgres does."""
    second, rest = divmod(nanoseconds, 1_000_000_000)
    return datetime.fromtimestamp(second, UTC) + timedelta(microseconds=round(rest / 1000))


def event_lines(fold: Fold) -> list[str]:
    """Lines of COPY text (without their ends) for `order_events`, one per distinct observation."""
    return [o.line for o in fold.events.values()]


def observed_lines(fold: Fold) -> list[str]:
    """Lines for the table `observed`: all observations, winners marked."""
    winners = {o.event_key for o in fold.winners.values()}
    return [f"{o.line}\t{'t' if key in winners else 'f'}" for key, o in fold.events.items()]


def named_lines(fold: Fold) -> list[str]:
    """Lines for the table `named`: the winners, in key order."""
    winners = fold.winners
    return [
        f"{escape(order[0])}\t{order[1]}\t{o.event_key}\t{o.source}\t{o.snapshot_ns}\t{o.stated}\t{o.topic}\t{o.partition}"
        f"\t{o.offset}"
        for order in sorted(winners)
        for o in (winners[order],)
    ]


def fill_lines(fold: Fold) -> list[str]:
    """Lines of COPY text for `fills`: each fill frame and leg that counts (columns: `copy_fills` in apply.sql)."""
    return [_frame_line(fill) if isinstance(fill, Observation) else _leg_line(fill) for fill in fold.fills.values()]


def _frame_line(o: Observation) -> str:
    fields = o.line.split("\t", _SIDE + 1)
    at, qty, price = fields[_EXECUTION]
    symbol, side = (fields[_SYMBOL], fields[_SIDE])
    return (
        f"{o.account_id}\t{fields[1]}\tx:{fields[4]}\t{fields[4]}\t{'' if symbol == NULL else symbol}"
        f"\t{'' if side == NULL else side}\t{qty.lstrip('-')}\t{price}\t{at}\ttrade\tstream"
        f"\t{o.topic}\t{o.partition}\t{o.offset}"
    )


def _leg_line(leg: Execution) -> str:
    order_id, execution_id, symbol, side = map(escape, (leg.order_id, leg.execution_id, leg.symbol, leg.side))
    place = leg.coordinates
    return (
        f"{leg.account_id}\t{order_id}\tx:{execution_id}\t{execution_id}\t{symbol}\t{side}\t{leg.qty:f}\t{leg.price:f}"
        f"\t{moment(leg.transacted_at_ns).isoformat()}\ttrade\tstream\t{place.topic}\t{place.partition}\t{place.offset}"
    )


def evidence_json(fold: Fold) -> str:
    """Rows for `fill_evidence` as JSON, each distinct statement at its first place."""
    distinct: dict[str, dict[str, Any]] = {}
    for evidence, known_at_ms in fold.evidence:
        values = evidence_values(evidence, known_at_ms)
        standing = distinct.setdefault(values["evidence_key"], values)
        if _place(values) < _place(standing):
            distinct[values["evidence_key"]] = values
    return json.dumps(list(distinct.values()), default=str)


def _place(values: dict[str, Any]) -> tuple[str, int, int, int]:
    return (values["topic"], values["partition"], values["offset"], values["position"])


def evidence_values(evidence: Evidence, known_at_ms: int) -> dict[str, Any]:
    """The row of `fill_evidence` for one statement."""
    values: dict[str, Any] = {
        "account_id": evidence.account_id,
        "order_id": evidence.order_id,
        "previous_execution_id": None,
        "symbol": None,
        "side": None,
        "qty": evidence.qty,
        "price": None,
        "cum_qty": None,
        "explained_from": None,
    }
    if not isinstance(evidence, Bust):
        values |= {"symbol": evidence.symbol, "side": evidence.side, "price": evidence.price}
    match evidence:
        case Execution(previous_execution_id=None):
            kind, values["evidence_id"], time = "leg", evidence.execution_id, evidence.transacted_at_ns
            values["cum_qty"] = evidence.cum_qty
        case Execution():
            kind, values["evidence_id"], time = "correction", evidence.execution_id, evidence.transacted_at_ns
            values["previous_execution_id"] = evidence.previous_execution_id
        case Bust():
            kind, values["evidence_id"], time = "bust", evidence.previous_execution_id, evidence.busted_at_ns
            values["previous_execution_id"] = evidence.previous_execution_id
        case Activity():
            kind, values["evidence_id"], time = "activity", evidence.activity_id, evidence.transacted_at_ns
            values["cum_qty"] = evidence.cum_qty
        case Residual():
            kind, values["evidence_id"], time = "residual", evidence.key, evidence.as_of_ns
            values["explained_from"] = evidence.explained_from
        case ExecutionAdjustment():
            kind, values["evidence_id"], time = "execution", evidence.execution_id, evidence.transacted_at_ns
    values |= {"kind": kind, "transacted_at_ns": time}
    content = "\t".join(str(values[name]) for name in sorted(values))
    values["evidence_key"] = blake2b(content.encode(), digest_size=16).hexdigest()
    place = evidence.coordinates
    values |= {"topic": place.topic, "partition": place.partition, "offset": place.offset}
    return values | {"position": place.position, "known_at_ms": known_at_ms}


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
        case _:
            return ExecutionAdjustment(**common, execution_id=row["evidence_id"], transacted_at_ns=time)


def execution_from_frame(row: dict[str, Any]) -> Execution:
    """The statement that a fill frame in `order_events` makes."""
    return Execution(
        account_id=row["account_id"],
        order_id=row["alpaca_order_id"],
        execution_id=row["execution_id"],
        qty=abs(row["event_qty"]),
        price=row["event_price"],
        transacted_at_ns=row["transacted_at_ns"],
        cum_qty=row["filled_qty"],
        symbol=row["symbol"] or "",
        side=row["side"] or "",
        coordinates=Coordinates(row["topic"], row["partition"], row["offset"]),
    )


def order_arrays(orders: Iterable[OrderKey]) -> dict[str, list[str]]:
    """Orders as the two parallel arrays that statements take, in key order."""
    ordered = sorted(orders)
    return {"orders": [order for order, _account in ordered], "accounts": [account for _order, account in ordered]}


def parent_arrays(parents: Mapping[OrderKey, ParentStatement]) -> dict[str, list[Any]]:
    """Statements of parents as the parallel arrays that `state_parents` takes, in key order."""
    ordered = sorted(parents)
    return order_arrays(ordered) | {
        "versions": [parents[order].version_ns for order in ordered],
        "parents": [parents[order].parent_order_id for order in ordered],
        "ratios": [parents[order].ratio_qty for order in ordered],
    }


FILL_COLUMNS = (
    "account_id", "alpaca_order_id", "fill_key", "execution_id", "activity_id", "symbol", "side", "qty", "price",
    "transacted_at", "entry", "reverses", "source", "topic", "partition", "offset",
)  # fmt: skip


def fill_values(row: FillRow) -> tuple[Any, ...]:
    """The values of `FILL_COLUMNS` for one row of `fills`."""
    place = row.coordinates
    return (
        *row[:9],
        moment(row.transacted_at_ns),
        *(row.entry, row.reverses, row.source),
        *(place.topic, place.partition, place.offset),
    )
