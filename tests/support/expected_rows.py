"""What the tables must hold for a set of records: by the pure core alone, without the writer or its SQL."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import dict_row

from stream_reconcile.core.evidence import Coordinates, Evidence, Execution, is_leg
from stream_reconcile.core.fills import FillBook, FillRow, fill_rows
from stream_reconcile.core.merge import distinct, merge
from stream_reconcile.core.observation import NULL, NUMBERS, ORDER_COLUMNS, TIMES, Observation
from stream_reconcile.core.sums import Finding, LegSum, findings
from stream_reconcile.core.timestamps import parse_ns
from stream_reconcile.store.batch import Record

Row = dict[str, Any]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Tables(NamedTuple):
    """The derived tables of one account, each row by its key, without `recorded_at`."""

    executions: dict[str, Row]
    order_events: dict[tuple[str, str], Row]
    fills: dict[str, Row]
    fill_evidence: dict[tuple[Any, ...], Row]


def microseconds(ns: int) -> datetime:
    """A time to the nearest microsecond, of two equally near ones the even, as Postgres rounds."""
    whole, rest = divmod(ns, 1000)
    return EPOCH + timedelta(microseconds=whole + (rest > 500 or (rest == 500 and whole % 2)))


def expected_tables(records: Iterable[Record]) -> Tables:
    """The derived tables after all of `records` (of one account), in whatever order and batches."""
    observations, evidence = _said(records)
    executions: dict[str, Row] = {}
    events: dict[tuple[str, str], Row] = {}
    for order_id, of_order in observations.items():
        for key, o in distinct(of_order).items():
            events[order_id, key] = _event_row(o)
        executions[order_id] = _execution_row(of_order, has_evidence=not all(map(is_leg, evidence[order_id])))
    fills = {
        row.fill_key: {
            "alpaca_order_id": row.order_id, "execution_id": row.execution_id, "activity_id": row.activity_id,
            "symbol": row.symbol, "side": row.side, "qty": _exact(row.qty), "price": _exact(row.price),
            "transacted_at": microseconds(row.transacted_at_ns), "entry": row.entry, "reverses": row.reverses,
            "source": row.source, "topic": row.coordinates.topic, "partition": row.coordinates.partition,
            "offset": row.coordinates.offset,
        }
        for row in expected_fills(records)
    }  # fmt: skip
    stated: dict[tuple[Any, ...], Row] = {}
    for statement in sorted((e for of in evidence.values() for e in of), key=lambda e: e.coordinates):
        content = (type(statement).__name__, *_said_by(statement))
        stated.setdefault(content, statement.coordinates._asdict())
    return Tables(executions, events, fills, stated)


def expected_books(records: Iterable[Record]) -> dict[str, FillBook]:
    """Fill accounting of each order with evidence of executions."""
    observations, evidence = _said(records)
    books: dict[str, FillBook] = {}
    for order_id in {*observations, *evidence}:
        frames = [_execution(o) for o in distinct(observations[order_id]).values() if o.is_fill]
        books[order_id] = fill_rows([*frames, *evidence[order_id]])
    return books


def expected_fills(records: Iterable[Record]) -> list[FillRow]:
    """All rows of fills. One key is one row: where two orders claim an execution id, the first in the log has it."""
    rows: dict[str, FillRow] = {}
    for book in expected_books(records).values():
        for row in book.rows:
            rival = rows.setdefault(row.fill_key, row)
            if row.coordinates < rival.coordinates:
                rows[row.fill_key] = row
    return list(rows.values())


def expected_findings(records: Iterable[Record]) -> dict[str, set[Finding]]:
    """What does not add up, by order with a row."""
    records = list(records)
    rows = expected_tables(records).executions
    nets: defaultdict[str, Decimal] = defaultdict(Decimal)
    for fill in expected_fills(records):
        nets[fill.order_id] += fill.qty
    legs: dict[str, list[LegSum]] = defaultdict(list)
    for order_id, row in rows.items():
        if row["parent_order_id"] is not None:
            ratio = row["ratio_qty"]
            legs[row["parent_order_id"]].append(LegSum(nets[order_id], None if ratio is None else Decimal(ratio)))
    return {
        order_id: set(
            findings(
                nets[order_id],
                None if row["filled_qty"] is None else Decimal(row["filled_qty"]),
                None if row["qty"] is None else Decimal(row["qty"]),
                legs[order_id] if row["order_class"] == "mleg" else (),
            )
        )
        for order_id, row in rows.items()
    }


def actual_tables(connection: psycopg.Connection[Any], account_id: str) -> Tables:
    """The same from Postgres."""

    def rows(query: str) -> list[Row]:
        with connection.cursor(row_factory=dict_row) as cursor:
            found = cursor.execute(query, [account_id]).fetchall()
        return [
            {name: _exact(value) if isinstance(value, Decimal) else value for name, value in row.items()}
            for row in found
        ]

    executions = rows("SELECT * FROM executions WHERE account_id = %s")
    events = rows("SELECT * FROM order_events WHERE account_id = %s")
    fills = rows("SELECT * FROM fills WHERE account_id = %s")
    evidence = rows("SELECT * FROM fill_evidence WHERE account_id = %s")
    passed_over = {"account_id", "recorded_at", "decision_id", "origin", "event_key", "fill_key", "parent_version_ns"}
    return Tables(
        {row["alpaca_order_id"]: _without(row, passed_over | {"alpaca_order_id"}) for row in executions},
        {
            (row["alpaca_order_id"], row["event_key"].hex): _without(row, passed_over | {"alpaca_order_id"})
            for row in events
        },
        {row["fill_key"]: _without(row, passed_over) for row in fills},
        {
            _content_of(row): {name: row[name] for name in ("topic", "partition", "offset", "position")}
            for row in evidence
        },
    )


def _said(records: Iterable[Record]) -> tuple[dict[str, list[Observation]], dict[str, list[Evidence]]]:
    observations: dict[str, list[Observation]] = defaultdict(list)
    evidence: dict[str, list[Evidence]] = defaultdict(list)
    for record in records:
        for o in record.parsed.observations:
            observations[o.order_id].append(o)
        for statement in record.parsed.evidence:
            evidence[statement.order_id].append(statement)
    return observations, evidence


def _execution_row(observations: list[Observation], *, has_evidence: bool) -> Row:
    merged = merge(observations)
    winner, parent = merged.winner, merged.parent
    return _order_columns(merged.columns) | {
        "parent_order_id": None if parent is None else parent.parent_order_id,
        "ratio_qty": None if parent is None or parent.ratio_qty is None else _exact(Decimal(parent.ratio_qty)),
        "status_rank": winner.status_rank,
        "updated_at_ns": winner.version_ns,
        "snapshot_ns": winner.snapshot_ns,
        "stated": winner.stated,
        "mixed": len({o.stated for o in observations}) > 1,
        "has_evidence": has_evidence,
        "last_source": winner.source,
        "last_topic": winner.topic,
        "last_partition": winner.partition,
        "last_offset": winner.offset,
    }


def _event_row(o: Observation) -> Row:
    at, qty, price, position = o.execution
    return _order_columns(o.columns) | {
        "source": o.source, "event": o.event, "event_at": _time(at), "execution_id": o.execution_id or None,
        "event_qty": _number(qty), "event_price": _number(price), "position_qty": _number(position),
        "parent_order_id": o.parent_order_id, "ratio_qty": _number(o.ratio_qty or NULL), "status_rank": o.status_rank,
        "updated_at_ns": o.version_ns, "snapshot_ns": o.snapshot_ns, "stated": o.stated, "extra": _json(o.content),
        "topic": o.topic, "partition": o.partition, "offset": o.offset,
        "known_at": EPOCH + timedelta(milliseconds=o.known_at_ms),
    }  # fmt: skip


def _execution(o: Observation) -> Execution:
    at, qty, price, _ = o.execution
    columns = dict(zip(ORDER_COLUMNS, o.columns, strict=True))
    # The history keeps times of events to the microsecond, and fills are made from it.
    ns = (microseconds(parse_ns(at)) - EPOCH) // timedelta(microseconds=1) * 1000
    return Execution(
        o.account_id, o.order_id, o.execution_id or "", abs(Decimal(qty)), Decimal(price), ns,
        None if o.filled_qty is None else Decimal(o.filled_qty), _text(columns["symbol"]) or "",
        _text(columns["side"]) or "", Coordinates(o.topic, o.partition, o.offset),
    )  # fmt: skip


def _order_columns(columns: Iterable[str]) -> Row:
    row: Row = {}
    for name, text in zip(ORDER_COLUMNS, columns, strict=True):
        if name in NUMBERS:
            row[name] = _number(text)
        elif name in TIMES:
            row[name] = _time(text)
        elif name == "extended_hours":
            row[name] = {"t": True, "f": False, NULL: None}[text]
        else:
            row[name] = _text(text)
    return row


def _said_by(statement: Evidence) -> tuple[Any, ...]:
    content = replace(statement, coordinates=Coordinates("", 0, 0), account_id="")
    fields = (getattr(content, name) for name in content.__dataclass_fields__ if name != "coordinates")
    return tuple(_exact(value) if isinstance(value, Decimal) else value for value in fields)


def _content_of(row: Row) -> tuple[Any, ...]:
    common = ("", row["alpaca_order_id"])
    id_, qty, price, cum = row["evidence_id"], row["qty"], row["price"], row["cum_qty"]
    at, symbol, side = row["transacted_at_ns"], row["symbol"], row["side"]
    match row["kind"]:
        case "leg" | "correction":
            return ("Execution", *common, id_, qty, price, at, cum, symbol, side, row["previous_execution_id"])
        case "bust":
            return ("Bust", *common, id_, at, qty)
        case "activity":
            return ("Activity", *common, id_, qty, price, at, cum, symbol, side)
        case "residual":
            return ("Residual", *common, id_, qty, price, at, row["explained_from"], symbol, side)
        case "reversal":
            return ("ReversalAdjustment", *common, id_, qty, price, at, symbol, side)
        case _:
            return ("ExecutionAdjustment", *common, id_, qty, price, at, symbol, side)


def _exact(number: Decimal) -> str:
    return format(number, "f")  # digits after the point included: 1.0 is not 1.00


def _number(text: str) -> str | None:
    return None if text == NULL else _exact(Decimal(text))


def _time(text: str) -> datetime | None:
    return None if text == NULL else microseconds(parse_ns(text))


def _json(content: str) -> object:
    extra = content.rsplit("\t", 1)[1]
    return None if extra == NULL else json.loads(extra.replace("\\\\", "\\"))


def _text(text: str) -> str | None:
    return None if text == NULL else text


def _without(row: Row, names: set[str]) -> Row:
    return {name: value for name, value in row.items() if name not in names}
