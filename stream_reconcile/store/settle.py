"""The closer look inside apply's transaction, at the few orders that need one: evidence beyond frames, observations
that state different fields, legs, and sums that do not add up (I9)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import dict_row

from stream_reconcile.core.evidence import Evidence
from stream_reconcile.core.fills import FillRow, fill_rows
from stream_reconcile.core.fold import Fold, OrderKey
from stream_reconcile.core.lives import FILLED_AFTER_REPLACE, Life, refusal, told
from stream_reconcile.core.statements import Conflict
from stream_reconcile.core.sums import Finding, LegSum, findings
from stream_reconcile.store.batch import DeadLetter
from stream_reconcile.store.discrepancies import Findings, write_findings
from stream_reconcile.store.evidence import evidence_from_row
from stream_reconcile.store.queries import load
from stream_reconcile.store.rows import FILL_ROW_COLUMNS, execution_from_frame, fill_values, order_arrays

_OPENED_BY_EVIDENCE = {"bust": "trade_bust", "correction": "trade_correct"}
# Findings that close themselves when the sums agree again (DISCREPANCIES B1, B7, B9, B10); B8 stays until accepted, B4
# until the broker has been asked.
# D2 is over when what was executed is booked.
_CLOSED_BY_AGREEMENT = frozenset((*_OPENED_BY_EVIDENCE.values(), FILLED_AFTER_REPLACE))
_CLOSED_BY_SUMS = _CLOSED_BY_AGREEMENT | {Finding.MISSING_FILL, Finding.EXCESS_FILL}


class NewEvidence(NamedTuple):
    """A row of `fill_evidence` that was added."""

    account_id: str
    order_id: str
    kind: str
    evidence_id: str
    previous_execution_id: str | None


class Suspects(NamedTuple):
    """What the statements of the writer found out about the orders of a batch."""

    disputed: set[OrderKey]
    """An execution stands there already with another content."""
    mixed: set[OrderKey]
    with_evidence: set[OrderKey]
    all: set[OrderKey]
    evidence: list[NewEvidence]


class Settler:
    """Works inside the transaction that its caller has opened on the connection."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        self._sql = load("apply.sql")

    def needs_exclusive_lock(self, fold: Fold) -> bool:
        """True when the fold brings evidence for an order that has no row and gets none: no row lock can guard it."""
        without = fold.without_observation()
        return bool(without) and bool(self._rows("orders_without_row", without))

    def settle(self, fold: Fold, suspects: Suspects) -> tuple[str, ...]:
        """Bring the orders to look at to what all that is known of them says; types of the discrepancies opened."""
        about = fold.evidence_orders()
        mixed = suspects.mixed | fold.mixed
        rebuilt = suspects.with_evidence | suspects.disputed | fold.disputed | about | fold.without_observation()
        everything = suspects.all | mixed | rebuilt | fold.curious
        if not everything and not fold.refusals:
            return ()
        noted = Findings()
        for new in suspects.evidence:
            kind = _OPENED_BY_EVIDENCE.get(new.kind)
            if kind is not None:
                said = {"previous_execution_id": new.previous_execution_id, "evidence_id": new.evidence_id}
                noted.open(new.account_id, kind, new.order_id, {"broker": said, "ours": None})
        if about:
            self._execute("mark_evidence", about)
        if mixed:
            self._execute("merge_again", mixed)
        if rebuilt:
            # The batch's own rows are locked by their upsert, those that evidence came for by the mark.
            others = rebuilt - fold.winners.keys() - about
            if others:
                self._execute("lock_orders", others)
            self._rebuild_fills(rebuilt, noted)
        parents = {(row["alpaca_order_id"], row["account_id"]) for row in self._rows("lock_parents", everything)}
        self._tell_lives(everything, fold, noted)
        self._check_sums(everything | parents, noted)
        write_findings(self._connection, noted)
        return noted.types

    def put_aside(self, letters: Sequence[DeadLetter]) -> None:
        """Write dead letters and their discrepancies F2."""
        if not letters:
            return
        noted = Findings()
        with self._connection.cursor() as cursor:
            cursor.executemany(
                self._sql["insert_dead_letter"],
                [(letter.topic_id, *letter.place, *letter[2:]) for letter in letters],
            )
        for letter in letters:
            place = letter.place
            evidence = {"broker": None, "ours": {"reason": letter.reason, "topic_id": letter.topic_id}}
            noted.open(letter.account_id, "undecodable", f"{place.topic}:{place.partition}:{place.offset}", evidence)
        write_findings(self._connection, noted)

    def _rebuild_fills(self, orders: set[OrderKey], noted: Findings) -> None:
        known: dict[OrderKey, list[Evidence]] = defaultdict(list)
        with self._connection.pipeline():
            frames, evidence, fills = (self._ask(name, orders) for name in ("frames_of", "evidence_of", "fills_of"))
        for row in frames.fetchall():
            known[row["alpaca_order_id"], row["account_id"]].append(execution_from_frame(row))
        for row in evidence.fetchall():
            known[row["alpaca_order_id"], row["account_id"]].append(evidence_from_row(row))
        standing: dict[OrderKey, dict[str, dict[str, Any]]] = defaultdict(dict)
        for row in fills.fetchall():
            standing[row["alpaca_order_id"], row["account_id"]][row["fill_key"]] = row
        gone: list[tuple[str, str, str]] = []
        changed: list[FillRow] = []
        for order in sorted(known):
            book = fill_rows(known[order])
            wanted = {row.fill_key: row for row in book.rows}
            there = standing[order]
            gone += [(key, order[1], order[0]) for key in sorted(there.keys() - wanted.keys())]
            changed += [row for key, row in wanted.items() if key not in there or not _same(row, there[key])]
            for conflict in book.conflicts:
                noted.open(order[1], "conflicting_fill", order[0], _conflict_evidence(conflict))
        if gone:
            with self._connection.cursor() as cursor:
                cursor.executemany(self._sql["drop_fill"], gone)
        # An execution id that two orders claim is one row: the first in the log has it, here as in the statement.
        rows: dict[tuple[str, str], FillRow] = {}
        for fill in changed:
            rival = rows.setdefault((fill.fill_key, fill.account_id), fill)
            if fill.coordinates < rival.coordinates:
                rows[fill.fill_key, fill.account_id] = fill
        if rows:
            columns = zip(*(fill_values(fill) for fill in rows.values()), strict=True)
            arrays = {name: list(column) for name, column in zip(FILL_ROW_COLUMNS, columns, strict=True)}
            self._connection.execute(self._sql["put_fills"], arrays)

    def _tell_lives(self, orders: set[OrderKey], fold: Fold, noted: Findings) -> None:
        """What the lives of these orders tell people, and the refusals of the batch (C3, C6, D2, D3)."""
        lives = [Life(**row) for row in self._rows("lives_of", orders)] if orders else []
        found = [(o.account_id, refusal(o)) for o in fold.refusals]
        found += [(life.account_id, one) for life in lives for one in told(life)]
        for account_id, one in found:
            if one.how == "open":
                noted.open(account_id, one.type, one.subject, one.evidence)
            else:
                noted.record(account_id, one.type, one.subject, one.evidence, once=one.how == "record_once")

    def _check_sums(self, orders: set[OrderKey], noted: Findings) -> None:
        rows = self._rows("sums_of", orders)
        legs: dict[OrderKey, list[dict[str, Any]]] = defaultdict(list)
        for row in rows:
            if row["parent_order_id"] is not None:
                legs[row["parent_order_id"], row["account_id"]].append(row)
        for row in rows:
            order = (row["alpaca_order_id"], row["account_id"])
            multi_leg = legs[order] if row["order_class"] == "mleg" else []
            sums = [LegSum(leg["net"], leg["ratio_qty"]) for leg in multi_leg]
            found = findings(row["net"], row["filled_qty"], row["qty"], sums)
            # A snapshot runs ahead of the stream: what it alone says is judged by the sweep, past its grace.
            for finding in found if row["last_source"] == "stream" else ():
                noted.open(order[1], finding, order[0], _sum_evidence(row, multi_leg))
            agree = Finding.MISSING_FILL not in found and Finding.EXCESS_FILL not in found
            standing = {
                *row["open_types"],
                *(kind for kind in _CLOSED_BY_AGREEMENT if (order[1], kind, order[0]) in noted.opened),
            }
            for kind in sorted(standing & _CLOSED_BY_SUMS):
                if kind not in found and (agree or kind not in _CLOSED_BY_AGREEMENT):
                    noted.close(order[1], kind, order[0])

    def _execute(self, name: str, orders: set[OrderKey]) -> None:
        self._connection.execute(self._sql[name], order_arrays(orders), prepare=True)

    def _rows(self, name: str, orders: set[OrderKey]) -> list[dict[str, Any]]:
        return self._ask(name, orders).fetchall()

    def _ask(self, name: str, orders: set[OrderKey]) -> psycopg.Cursor[dict[str, Any]]:
        cursor = self._connection.cursor(row_factory=dict_row)
        return cursor.execute(self._sql[name], order_arrays(orders), prepare=True)


def _same(row: FillRow, standing: dict[str, Any]) -> bool:
    return fill_values(row) == tuple(standing[name] for name in FILL_ROW_COLUMNS)


def _conflict_evidence(conflict: Conflict) -> dict[str, Any]:
    said = [
        {"qty": str(getattr(s, "qty", None)), "price": str(getattr(s, "price", None)), "place": list(s.coordinates)}
        for s in conflict.statements
    ]
    return {"broker": said, "ours": {"fill_key": conflict.fill_key}}


def _sum_evidence(row: dict[str, Any], legs: list[dict[str, Any]]) -> dict[str, Any]:
    """Both sides, and from what they come: an order that falls short a second time by the same numbers (after a bust,
    say) has another row or more fills by then, and its finding is a new one."""
    ours = _booked(row)
    if legs:
        ours["legs"] = [{"order_id": leg["alpaca_order_id"], **_booked(leg)} for leg in sorted(legs, key=_order_id)]
    broker = {name: _text(row[name]) for name in ("filled_qty", "qty")}
    broker["said_at"] = f"{row['last_topic']}:{row['last_partition']}:{row['last_offset']}"
    return {"broker": broker, "ours": ours}


def _order_id(row: dict[str, Any]) -> str:
    return str(row["alpaca_order_id"])


def _booked(row: dict[str, Any]) -> dict[str, Any]:
    return {"net_fills": str(row["net"]), "fills": row["fills"], "ratio_qty": _text(row["ratio_qty"])}


def _text(number: Decimal | None) -> str | None:
    return None if number is None else str(number)
