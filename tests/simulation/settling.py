"""The closer look: `store.settle.Settler` is the program's own, the statements that it sends are here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from stream_reconcile.core.evidence import Evidence, ReversalAdjustment
from stream_reconcile.core.fills import FillRow, fill_rows
from stream_reconcile.core.fold import OrderKey
from stream_reconcile.core.merge import merge
from stream_reconcile.core.observation import Observation
from stream_reconcile.store.batch import DeadLetter
from stream_reconcile.store.discrepancies import Findings
from stream_reconcile.store.settle import Settler

from .database import Connection, Database, statement
from .tables import Letter, execution_of

FILLED, CANCELING, UNKNOWN, TERMINAL = 940, 320, 600, 900  # ranks, as apply.sql has them
Row = dict[str, Any]


class ModelSettler(Settler):
    """`store.settle.Settler`, whose statements are the methods of the same names here."""

    def __init__(self, connection: Connection) -> None:
        self._model = connection
        self._connection: Any = connection

    def put_aside(self, letters: Iterable[DeadLetter]) -> None:
        """insert_dead_letter, and its F2."""
        db = self._model.database
        for letter in letters:
            place, key = letter.place, (letter.topic_id, letter.place.partition, letter.place.offset)
            if key not in db.tables.letters:
                db.tables.letters[key] = Letter(
                    (*place,), letter.topic_id, letter.known_at_ms, letter.account_id, letter.order_id, db.now_ns
                )  # fmt: skip
            evidence = {"broker": None, "ours": {"reason": letter.reason, "topic_id": letter.topic_id}}
            subject = f"{place.topic}:{place.partition}:{place.offset}"
            db.tables.find(letter.account_id, "undecodable", subject, evidence, db.now_ns)

    def _execute(self, name: str, orders: set[OrderKey]) -> None:
        getattr(self, f"_model_{name}")(sorted(orders))

    def _rows(self, name: str, orders: set[OrderKey]) -> list[Row]:
        return _ASKED[name](self._model.database, sorted(orders))

    def _model_lock_orders(self, _orders: list[OrderKey]) -> None:
        """A commit is one turn."""

    def _model_mark_evidence(self, orders: list[OrderKey]) -> None:
        for order in orders:
            row = self._model.tables.executions.get(order)
            if row is not None and not row.has_evidence:
                self._model.tables.executions[order] = replace(row, has_evidence=True)

    def _model_merge_again(self, orders: list[OrderKey]) -> None:
        tables = self._model.tables
        for order in orders:
            if order not in tables.executions:
                continue
            known = tables.events[order].values()
            merged = merge(known)
            tables.executions[order] = replace(
                tables.executions[order],
                winner=merged.winner,
                columns=merged.columns,
                stated=merged.winner.stated,
                mixed=len({o.stated for o in known}) > 1,
            )

    def _rebuild_fills(self, orders: set[OrderKey], noted: Findings) -> None:
        """frames_of, evidence_of, drop_fill and put_fills."""
        tables = self._model.tables
        for order in sorted(orders):
            frames = [execution_of(o) for o in tables.events.get(order, {}).values() if o.is_fill]
            known: list[Evidence] = [*frames, *tables.evidence.get(order, {}).values()]
            if not known:
                continue
            book = fill_rows(known)
            standing = tables.fills.setdefault(order, {})
            wanted: dict[str, FillRow] = {row.fill_key: row for row in book.rows}
            for key in standing.keys() - wanted.keys():
                del standing[key], tables.fill_owner[key]
            for key, row in wanted.items():
                owner = tables.fill_owner.setdefault(key, order)
                if owner == order:
                    standing[key] = row
            for conflict in book.conflicts:
                said = [repr(each) for each in conflict.statements]
                noted.open(order[1], "conflicting_fill", order[0], {"broker": said, "ours": conflict.fill_key})


def write_findings(connection: Connection, findings: Findings, *, resolution: str = "", who: str = "") -> None:
    """In place of `store.discrepancies.write_findings`."""
    del resolution, who
    tables, now = connection.tables, connection.database.now_ns
    for account, kind, subject, evidence, once in findings.recorded:
        tables.record(account, kind, subject, evidence, once, now)
    for account, kind, subject in sorted(findings.opened):
        tables.find(account, kind, subject, findings.opened[account, kind, subject], now)
    for _account, kind, subject in sorted(findings.closed):
        tables.settle(kind, subject, now)


def orders_without_row(db: Database, orders: list[OrderKey]) -> list[Row]:
    return [{"order_id": order, "account_id": account} for order, account in orders
            if (order, account) not in db.tables.executions]  # fmt: skip


@statement("apply.sql", "sums_of")
def _sums_asked(db: Database, v: Mapping[str, Any]) -> Any:
    return sums_of(db, list(zip(v["orders"], v["accounts"], strict=True)))


def sums_of(db: Database, orders: list[OrderKey]) -> list[Row]:
    """Rows with the net of their fills. No order of the model has legs."""
    found = []
    for order in orders:
        row = db.tables.executions.get(order)
        if row is None:
            continue
        last, parent = row.winner, row.parent
        found.append({
            "alpaca_order_id": order[0], "account_id": order[1], "filled_qty": row.number("filled_qty"),
            "qty": row.number("qty"), "order_class": row.text("order_class"), "last_source": last.source,
            "last_topic": last.topic, "last_partition": last.partition, "last_offset": last.offset,
            "parent_order_id": None if parent is None else parent.parent_order_id, "ratio_qty": None,
            "net": db.tables.net(order), "fills": len(db.tables.fills.get(order, {})),
            "open_types": [kind for kind, subject in db.tables.open if subject == order[0]],
        })  # fmt: skip
    return found


def lives_of(db: Database, orders: list[OrderKey]) -> list[Row]:
    found = []
    for order in orders:
        row = db.tables.executions.get(order)
        if row is None:
            continue
        events = db.tables.events[order].values()
        filled = row.number("filled_qty") or Decimal(0)
        rank = row.winner.status_rank
        ended: Observation | None = None
        judged = any(isinstance(e, ReversalAdjustment) for e in db.tables.evidence.get(order, {}))
        if rank < UNKNOWN and not judged:
            reversals = [o.version_ns for o in events if o.event in ("trade_bust", "trade_correct")]
            over = [
                o for o in events
                if o.status_rank >= TERMINAL and Decimal(o.filled_qty or 0) <= filled
                and not any(version >= o.version_ns for version in reversals)
            ]  # fmt: skip
            ended = max(over, key=lambda o: (o.version_ns, o.status_rank), default=None)
        asked, filled_at = row.time_ns("cancel_requested_at"), row.time_ns("filled_at")
        canceling = (
            any(o.status_rank == CANCELING for o in events)
            if asked is None
            else filled_at is None or asked <= filled_at
        )
        found.append({
            "account_id": order[1], "order_id": order[0], "status": row.text("status"),
            "cancel_requested_at": row.text("cancel_requested_at"), "replaced_by": row.text("replaced_by"),
            "replaced_at": row.text("replaced_at"), "ended_status": None if ended is None else ended.status,
            "ended_ns": None if ended is None else ended.version_ns,
            "filled_while_canceling": rank == FILLED and canceling,
            "filled_after_replace": filled_after_replace(db, order),
        })  # fmt: skip
    return found


_ASKED: Final[Mapping[str, Callable[[Database, list[OrderKey]], list[Row]]]] = {
    "orders_without_row": orders_without_row,
    "lock_parents": lambda _db, _orders: [],
    "sums_of": sums_of,
    "lives_of": lives_of,
}


def filled_after_replace(db: Database, order: OrderKey) -> bool:
    at = db.tables.executions[order].time_ns("replaced_at")
    fills = db.tables.fills.get(order, {}).values()
    return at is not None and any(fill.entry == "trade" and fill.transacted_at_ns > at for fill in fills)
