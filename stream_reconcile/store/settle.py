"""The closer look inside apply's transaction, at the few orders that need one: evidence beyond frames, observations
that state different fields, legs, and sums that do not add up (I9)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from stream_reconcile.core.evidence import Evidence
from stream_reconcile.core.fills import FillBook, FillRow, fill_rows
from stream_reconcile.core.fold import Fold, OrderKey
from stream_reconcile.core.statements import Conflict
from stream_reconcile.core.sums import Finding, LegSum, findings
from stream_reconcile.store.batch import DeadLetter
from stream_reconcile.store.queries import load
from stream_reconcile.store.rows import (
    FILL_COLUMNS,
    evidence_from_row,
    evidence_values,
    execution_from_frame,
    fill_values,
)

WHO = "apply"
_OPENED_BY_EVIDENCE = {"bust": "trade_bust", "correction": "trade_correct"}
# Findings that close themselves when the sums agree again (DISCREPANCIES B1, B7, B9, B10); B8 stays until accepted, B4
# until the broker has been asked.
_CLOSED_BY_SUMS = frozenset((Finding.MISSING_FILL, Finding.EXCESS_FILL, "trade_bust", "trade_correct"))


class Suspects(NamedTuple):
    """What the statements of the writer found out about the orders of a batch."""

    disputed: set[OrderKey]
    """An execution stands there already with another content."""
    mixed: set[OrderKey]
    with_evidence: set[OrderKey]
    all: set[OrderKey]


class Settler:
    """Works inside the transaction that its caller has opened on the connection."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        self._sql = load("apply.sql")

    def needs_exclusive_lock(self, fold: Fold) -> bool:
        """True when the fold brings evidence for an order that has no row and gets none: no row lock can guard it."""
        without = fold.evidence_orders() - fold.winners.keys()
        return bool(without) and bool(self._rows("orders_without_row", without))

    def settle(self, fold: Fold, suspects: Suspects) -> tuple[str, ...]:
        """Bring the orders to look at to what all that is known of them says; types of the discrepancies opened."""
        about = fold.evidence_orders()
        mixed = suspects.mixed | fold.mixed
        rebuilt = suspects.with_evidence | suspects.disputed | fold.disputed | about
        everything = suspects.all | mixed | rebuilt | fold.nested
        if not everything:
            return ()
        opened = self._insert_evidence(fold)
        if about:
            self._execute("mark_evidence", about)
        if mixed:
            self._execute("merge_mixed", mixed)
        if fold.nested:
            self._execute("merge_parents", fold.nested)
        if rebuilt:
            opened += self._rebuild_fills(rebuilt)
        opened += self._check_sums(everything)
        return tuple(opened)

    def put_aside(self, letter: DeadLetter) -> None:
        """Write a dead letter and its discrepancy F2."""
        place = letter.place
        self._connection.execute(
            self._sql["insert_dead_letter"],
            (letter.topic_id, *place, *letter[2:]),
        )
        evidence = {"broker": None, "ours": {"reason": letter.reason, "topic_id": letter.topic_id}}
        self._open(letter.account_id, "undecodable", f"{place.topic}:{place.partition}:{place.offset}", evidence)

    def _insert_evidence(self, fold: Fold) -> list[str]:
        opened: list[str] = []
        for evidence, known_at_ms in fold.evidence:
            values = evidence_values(evidence, known_at_ms)
            row = self._connection.execute(self._sql["insert_evidence"], values).fetchone()
            kind = _OPENED_BY_EVIDENCE.get(values["kind"])
            if row is not None and row[1] and kind is not None:
                said = {"previous_execution_id": values["previous_execution_id"], "evidence_id": values["evidence_id"]}
                self._open(evidence.account_id, kind, evidence.order_id, {"broker": said, "ours": None})
                opened.append(kind)
        return opened

    def _rebuild_fills(self, orders: set[OrderKey]) -> list[str]:
        known: dict[OrderKey, list[Evidence]] = defaultdict(list)
        for row in self._rows("frames_of", orders):
            known[row["alpaca_order_id"], row["account_id"]].append(execution_from_frame(row))
        for row in self._rows("evidence_of", orders):
            known[row["alpaca_order_id"], row["account_id"]].append(evidence_from_row(row))
        standing: dict[OrderKey, dict[str, dict[str, Any]]] = defaultdict(dict)
        for row in self._rows("fills_of", orders):
            standing[row["alpaca_order_id"], row["account_id"]][row["fill_key"]] = row
        opened: list[str] = []
        for order in sorted(known):
            book = fill_rows(known[order])
            self._write_fills(order, book, standing[order])
            for conflict in book.conflicts:
                self._open(order[1], "conflicting_fill", order[0], _conflict_evidence(conflict))
                opened.append("conflicting_fill")
        return opened

    def _write_fills(self, order: OrderKey, book: FillBook, standing: dict[str, dict[str, Any]]) -> None:
        wanted = {row.fill_key: row for row in book.rows}
        for key in sorted(standing.keys() - wanted.keys()):
            self._connection.execute(self._sql["drop_fill"], (key, order[1], order[0]))
        for key, row in sorted(wanted.items()):
            if key not in standing or not _same(row, standing[key]):
                self._connection.execute(self._sql["put_fill"], fill_values(row))

    def _check_sums(self, orders: set[OrderKey]) -> list[str]:
        rows = self._rows("sums_of", orders)
        legs: dict[OrderKey, list[LegSum]] = defaultdict(list)
        for row in rows:
            if row["parent_order_id"] is not None:
                legs[row["parent_order_id"], row["account_id"]].append(LegSum(row["net"], row["ratio_qty"]))
        opened: list[str] = []
        for row in rows:
            order = (row["alpaca_order_id"], row["account_id"])
            multi_leg = legs[order] if row["order_class"] == "mleg" else ()
            found = findings(row["net"], row["filled_qty"], row["qty"], multi_leg)
            # A snapshot runs ahead of the stream: what it alone says is judged by the sweep, past its grace.
            for finding in found if row["last_source"] == "stream" else ():
                self._open(order[1], finding, order[0], _sum_evidence(row, multi_leg))
                opened.append(finding)
            agree = Finding.MISSING_FILL not in found and Finding.EXCESS_FILL not in found
            for kind in row["open_types"]:
                if kind in _CLOSED_BY_SUMS and kind not in found and (agree or kind in tuple(Finding)):
                    self._close(order, kind)
            if agree:  # a bust whose sums agree at once was opened above, after open_types was read
                for kind in _OPENED_BY_EVIDENCE.values():
                    self._close(order, kind)
        return opened

    def _open(self, account_id: str, kind: str, subject: str, evidence: dict[str, Any]) -> None:
        self._connection.execute(
            self._sql["open_discrepancy"],
            {"account_id": account_id, "type": kind, "subject": subject, "evidence": Jsonb(evidence)},
        )

    def _close(self, order: OrderKey, kind: str) -> None:
        self._connection.execute(
            self._sql["close_discrepancy"],
            {"account_id": order[1], "type": kind, "subject": order[0], "resolution": "the sums agree", "who": WHO},
        )

    def _execute(self, name: str, orders: set[OrderKey]) -> None:
        self._connection.execute(self._sql[name], _arrays(orders))

    def _rows(self, name: str, orders: set[OrderKey]) -> list[dict[str, Any]]:
        with self._connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(self._sql[name], _arrays(orders)).fetchall()


def _arrays(orders: Iterable[OrderKey]) -> dict[str, list[str]]:
    ordered = sorted(orders)
    return {"orders": [order for order, _account in ordered], "accounts": [account for _order, account in ordered]}


def _same(row: FillRow, standing: dict[str, Any]) -> bool:
    return fill_values(row) == tuple(standing[name] for name in FILL_COLUMNS)


def _conflict_evidence(conflict: Conflict) -> dict[str, Any]:
    said = [
        {"qty": str(getattr(s, "qty", None)), "price": str(getattr(s, "price", None)), "place": list(s.coordinates)}
        for s in conflict.statements
    ]
    return {"broker": said, "ours": {"fill_key": conflict.fill_key}}


def _sum_evidence(row: dict[str, Any], legs: Iterable[LegSum]) -> dict[str, Any]:
    ours: dict[str, Any] = {"net_fills": str(row["net"])}
    if legs:
        ours["legs"] = [{"net_fills": str(leg.net), "ratio_qty": str(leg.ratio_qty)} for leg in legs]
    broker = {name: None if row[name] is None else str(row[name]) for name in ("filled_qty", "qty")}
    return {"broker": broker, "ours": ours}
