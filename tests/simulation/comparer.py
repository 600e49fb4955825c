"""What a sweep asks of the tables: statements of compare.sql, and the comparison itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Final

from stream_reconcile.core.evidence import Activity, Bust, Execution
from stream_reconcile.core.lifecycle import is_terminal
from stream_reconcile.core.merge import beats
from stream_reconcile.core.observation import NULL, ORDER_COLUMNS, Observation
from stream_reconcile.core.sweep.compared import Compared, Verdict
from stream_reconcile.core.timestamps import parse_ns
from stream_reconcile.store.comparison import Comparer

from .broker import ACCOUNT
from .database import Connection, Database, statement
from .statements_cursors import Answer, V
from .tables import COLUMN, Standing, moment

_QTY, _FILLED, _REPLACED_BY, _SUBMITTED = (COLUMN[n] for n in ("qty", "filled_qty", "replaced_by", "submitted_at"))
_SUMS: Final = ("missing_fill", "excess_fill", "conflicting_fill", "unexplained_fill")


class ModelComparer(Comparer):
    """`store.comparison.Comparer`; only what goes through COPY or typed columns is another."""

    _connection: Connection  # type: ignore[assignment]

    @contextmanager
    def asking(self) -> Iterator[None]:
        yield

    def ask_quiet(self, orders: Iterable[str], *, with_origins: bool) -> Callable[[], dict[str, tuple[Any, ...]]]:
        """None is quiet: every order goes the long way."""
        del orders, with_origins
        return dict

    def compare(self, observations: Sequence[Observation]) -> list[Compared]:
        """compare"""
        if not observations:
            return []
        db = self._connection.database
        db.world.io("compare")
        self._connection.check()
        return [_compared(db, o) for o in observations]


def _compared(db: Database, o: Observation) -> Compared:
    order = (o.order_id, o.account_id)
    row = db.tables.executions.get(order)
    columns = o.columns
    successor = columns[_REPLACED_BY]
    missing = successor if successor != NULL and (successor, o.account_id) not in db.tables.executions else None
    submitted = columns[_SUBMITTED]
    return Compared(
        order_id=o.order_id,
        parent_order_id=o.parent_order_id,
        verdict=verdict_of(o, columns, row),
        status=o.status,
        filled_qty=None if o.filled_qty is None else Decimal(o.filled_qty),
        our_status=None if row is None else row.text("status"),
        our_filled_qty=None if row is None else row.number("filled_qty"),
        net_qty=net_of(db, o),
        origin=None,
        to_bind=False,
        missing_successor=missing,
        submitted_s=None if submitted == NULL else parse_ns(submitted) / 1e9,
        updated_s=o.version_ns / 1e9,
    )


def net_of(db: Database, o: Observation) -> Decimal:
    """net_qty of `compare`."""
    return db.tables.net((o.order_id, o.account_id))


def verdict_of(o: Observation, columns: Sequence[str], row: Standing | None) -> Verdict:
    """The CASE of `compare`."""
    if row is None:
        return "new"
    if o.parent_order_id is not None and row.parent is None:
        return "other"
    ours = row.winner
    if o.version_ns != ours.version_ns:
        return "newer" if o.version_ns > ours.version_ns else "older"
    if all(not o.stated >> place & 1 or columns[place] == row.columns[place] for place in range(len(ORDER_COLUMNS))):
        return "same"
    # By filled quantity, status rank and the time of receipt alone: it has no place in the log yet.
    here = o._replace(topic=ours.topic, partition=ours.partition, offset=ours.offset, event_key=ours.event_key)
    return "other" if beats(here, ours) else "older"


def _rows(db: Database) -> Iterator[tuple[str, Standing]]:
    for (order, _account), row in db.tables.executions.items():
        yield order, row


@statement("compare.sql", "open_rows")
def open_rows(db: Database, v: V) -> Answer:
    found = []
    for order, row in _rows(db):
        if is_terminal(row.text("status") or ""):
            continue
        at = row.time_ns("submitted_at") or row.time_ns("created_at") or row.recorded_ns
        check = db.tables.checks.get(("order", order))
        due = at + v["grace_s"] * 1e9 <= db.now_ns
        found.append((0 if check is None else check.checked_ns, order, row.text("client_order_id"), due))
    return [row[1:] for row in sorted(found, key=lambda each: each[:2])]


@statement("compare.sql", "known_orders")
def known_orders(db: Database, v: V) -> Answer:
    return [(order,) for order in v["orders"] if (order, ACCOUNT) in db.tables.executions]


@statement("compare.sql", "standing_fills")
def standing_fills(db: Database, v: V) -> Answer:
    return [
        (order, fill.fill_key, fill.activity_id, fill.qty, fill.price, fill.transacted_at_ns)
        for order in v["orders"]
        for fill in db.tables.fills.get((order, ACCOUNT), {}).values()
        if fill.entry in ("trade", "correction")
    ]


@statement("compare.sql", "known_activities")
def known_activities(db: Database, v: V) -> Answer:
    return [
        (e.activity_id,)
        for order in v["orders"]
        for e in db.tables.evidence.get((order, ACCOUNT), {})
        if isinstance(e, Activity)
    ]


@statement("compare.sql", "missing_fills")
def missing_fills(db: Database, v: V) -> Answer:
    found = sorted(number for (kind, _subject), number in db.tables.open.items() if kind in _SUMS)
    return [(db.tables.discrepancies[number].subject,) for number in found[: v["limit"]]]


@statement("compare.sql", "letters")
def letters(db: Database, v: V) -> Answer:
    found: Answer = []
    for letter in db.tables.letters.values():
        subject = f"{letter.place[0]}:{letter.place[1]}:{letter.place[2]}"
        if letter.account_id in v["accounts"] and ("undecodable", subject) in db.tables.open:
            known, recorded = moment(letter.known_ms * 1_000_000), moment(letter.recorded_ns)
            found.append((letter.account_id, subject, letter.order_id, known, recorded))
    return found[: v["limit"]]


@statement("compare.sql", "answered_decisions")
def answered_decisions(_db: Database, _v: V) -> Answer:
    return []


@statement("compare.sql", "unresolved_decisions")
def unresolved_decisions(_db: Database, _v: V) -> Answer:
    return []


def _off(db: Database, v: V, kind: str) -> Iterator[tuple[str, Standing]]:
    """Orders of which this has been open for longer than the grace."""
    for (open_kind, subject), number in db.tables.open.items():
        row = db.tables.executions.get((subject, ACCOUNT))
        first = db.tables.discrepancies[number].first_seen_ns
        if open_kind == kind and row is not None and first <= db.now_ns - v["grace_s"] * 1e9:
            yield subject, row


@statement("compare.sql", "too_much_filled")
def too_much_filled(db: Database, v: V) -> Answer:
    found = _off(db, v, "excess_fill")
    return [
        (order, row.number("filled_qty"), row.number("filled_avg_price"), row.winner.version_ns) for order, row in found
    ]


@statement("compare.sql", "too_little_filled")
def too_little_filled(db: Database, v: V) -> Answer:
    return [
        (order, row.text("symbol"), row.text("side"), row.number("filled_qty"), row.number("filled_avg_price"))
        for order, row in _off(db, v, "missing_fill")
        if order in v["orders"] and row.winner.version_ns <= db.now_ns - v["grace_s"] * 1e9
    ]


@statement("compare.sql", "fills_of")
def fills_of(db: Database, v: V) -> Answer:
    return [
        (
            *(order, fill.fill_key, fill.execution_id, fill.activity_id, fill.entry, fill.qty, fill.price),
            *(fill.transacted_at_ns, fill.symbol, fill.side, fill.reverses),
        )
        for order in v["orders"]
        for fill in db.tables.fills.get((order, ACCOUNT), {}).values()
    ]


@statement("compare.sql", "standing_residuals")
def standing_residuals(db: Database, v: V) -> Answer:
    found: Answer = []
    for order in v["orders"]:
        fills = db.tables.fills.get((order, ACCOUNT), {}).values()
        reversed_keys = {fill.reverses for fill in fills if fill.entry == "reversal"}
        if any(fill.entry == "residual" and fill.fill_key not in reversed_keys for fill in fills):
            found.append((order,))
    return found


@statement("compare.sql", "waiting_reversals")
def waiting_reversals(db: Database, v: V) -> Answer:
    found: set[tuple[Any, ...]] = set()
    for order in v["orders"]:
        for e in db.tables.evidence.get((order, ACCOUNT), {}):
            previous = e.previous_execution_id if isinstance(e, (Bust, Execution)) else None
            if previous and f"x:{previous}" not in db.tables.fill_owner:
                found.add((order, previous, e.qty if isinstance(e, Bust) else None))
    return sorted(found, key=repr)
