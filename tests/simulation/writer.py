"""The transaction of apply: `store.writer.Writer` as a model, with the program's own fold, merge, fills and settling.

The statements of apply.sql that write a batch are methods here; those of the closer look (`store.settle`) are below, and
the Settler that sends them is the program's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final, Protocol

import psycopg

from stream_reconcile.core.errors import FencedError
from stream_reconcile.core.evidence import Activity, Bust, Evidence, Execution, ReversalAdjustment, is_leg
from stream_reconcile.core.fills import FillRow, execution_row, fill_rows
from stream_reconcile.core.fold import Fold, OrderKey
from stream_reconcile.core.lives import is_curious
from stream_reconcile.core.merge import beats, merge, newer_parent, sighted_again
from stream_reconcile.core.observation import Observation
from stream_reconcile.jobs.apply import decode
from stream_reconcile.store.batch import Batch, CursorMove, DeadLetter, Written
from stream_reconcile.store.discrepancies import Findings
from stream_reconcile.store.settle import NewEvidence, Settler, Suspects

from .database import Connection, Database, statement
from .tables import NOWHERE, CursorRow, Letter, Standing, execution_of

_FILLED, _CANCELING, _UNKNOWN, _TERMINAL = 940, 320, 600, 900  # ranks, as apply.sql has them
Row = dict[str, Any]


class Decoder(decode.Decoder):
    """The program's own, which notes in the fold which records it was made of."""

    def decode_run(self, topic: str, partition: int, topic_id: str, messages: list[Any], into: decode.Decoded) -> None:
        super().decode_run(topic, partition, topic_id, messages, into)
        noted = into.fold.__dict__.setdefault("records", [])
        noted += [(message.topic_id, topic, partition, message.offset()) for message in messages]


def records_of(batch: Batch) -> list[tuple[str, str, int, int]]:
    """Topic id, topic, partition and offset of each record of a batch."""
    found: list[tuple[str, str, int, int]] = batch.fold.__dict__.get("records", [])
    return found


class Witness(Protocol):
    """Sees each commit, before and after it."""

    def about_to_commit(self, owner: str, batch: Batch, touched: set[OrderKey]) -> None: ...

    def committed(self, batch: Batch, touched: set[OrderKey]) -> None: ...


def fence_allows(row: CursorRow | None, move: CursorMove, owner: str) -> bool:
    """The compare of `advance_cursors` (0002_derived.sql): offset, owner, epoch and topic id."""
    if row is None:
        return False
    cursor = row.cursor
    compared = (cursor.next_offset, cursor.owner, cursor.epoch, cursor.topic_id)
    return compared == (move.expected, owner, move.epoch, move.topic_id)


def is_newer(observation: Observation, row: Observation) -> bool:
    """The guard of `upsert_executions`: the row is the greatest observation."""
    return beats(observation, row)


class ModelWriter:
    """In place of `store.writer.Writer`."""

    apart = False
    """A bug to plant: rows are committed, and the cursors in a transaction of their own."""

    def __init__(self, connection: Connection, *, group: str, owner: str) -> None:
        del group
        self._connection, self._owner = connection, owner
        self._settler = ModelSettler(connection)

    def bind_left_over(self) -> None:
        """Decisions are not part of the model."""

    def write(self, batch: Batch) -> Written:
        connection, db = self._connection, self._connection.database
        db.world.io("commit")
        connection.check()
        process = db.world.process
        if process.name in db.unknown_next:
            db.unknown_next.discard(process.name)
            if db.world.rng.random() < 0.5:
                self._commit(batch)
            connection.close()
            raise psycopg.OperationalError("the answer to a commit was lost")
        written = self._commit(batch)
        db.world.pause(0.0, "committed")
        return written

    def _commit(self, batch: Batch) -> Written:
        db = self._connection.database
        touched = {*batch.fold.winners, *batch.fold.without_observation(), *batch.fold.evidence_orders()}
        db.witness.about_to_commit(self._owner, batch, touched)
        if self.apart:
            written = self._rows(batch)
            db.world.io("committed")
            self._advance(batch.moves)
        else:
            self._advance(batch.moves)
            written = self._rows(batch)
        db.witness.committed(batch, touched)
        db.watch(db.world.process, ["apply"])
        return written

    def _advance(self, moves: Iterable[CursorMove]) -> None:
        """advance_cursors: all of them, or none and FencedError."""
        cursors = self._connection.tables.cursors
        moves = list(moves)
        for move in moves:
            if not fence_allows(cursors.get((move.topic, move.partition)), move, self._owner):
                raise FencedError(f"cursor of {move.topic}:{move.partition} is not at {move.expected} under this owner")
        for move in moves:
            row = cursors[move.topic, move.partition]
            cursors[move.topic, move.partition] = CursorRow(
                row.cursor._replace(next_offset=move.next_offset),
                max(row.max_offset, move.next_offset),
                row.last_record_ms if move.last_record_ms is None else move.last_record_ms,
            )

    def _rows(self, batch: Batch) -> Written:
        tables, fold = self._connection.tables, batch.fold
        curious = {order for order in sorted(fold.winners) if self._upsert(order, fold.winners[order])}
        for order, statement in fold.parents.items():
            row = tables.executions[order]
            parent = statement if row.parent is None else newer_parent(row.parent, statement)
            tables.executions[order] = replace(row, parent=parent)
        new = sum(self._insert_event(o) for o in fold.events.values())
        evidence = [found for statement, _known in fold.evidence if (found := self._insert_evidence(statement)) is not None]
        disputed = {order for fill in fold.fills.values() for order in self._insert_fill(fill)}
        inspected = {order: found for order, o in fold.winners.items() if (found := self._inspect(order, o)) is not None}
        suspects = Suspects(
            disputed=disputed,
            mixed={order for order, mixed in inspected.items() if mixed},
            with_evidence={order for order in inspected if tables.executions[order].has_evidence},
            all=set(inspected) | disputed | curious,
            evidence=evidence,
        )
        opened = self._settler.settle(fold, suspects)
        self._settler.put_aside(batch.dead_letters)
        for *place, offset in records_of(batch):
            tables.applied.setdefault((*place,), set()).add(offset)  # type: ignore[arg-type]
        return Written(new, len(fold.events) + fold.duplicates - new, tuple(batch.dead_letters), opened)

    def _upsert(self, order: OrderKey, o: Observation) -> bool:
        """upsert_executions; whether the step deserves a look."""
        tables, now = self._connection.tables, self._connection.database.now_ns
        row = tables.executions.get(order)
        if row is None:
            evidence = any(not is_leg(e) for e in tables.evidence.get(order, ()))
            tables.executions[order] = Standing(o, tuple(o.columns), o.stated, None, False, evidence, now)
            return False
        if not is_newer(o, row.winner):
            return False
        mixed = row.mixed or row.stated != o.stated
        tables.executions[order] = replace(
            row, winner=o, columns=tuple(o.columns), stated=o.stated, mixed=mixed, recorded_ns=now
        )
        return is_curious(row.winner.status_rank, o.status_rank)

    def _insert_event(self, o: Observation) -> bool:
        """insert_events: once, at its first place in the log; whether it is new."""
        events = self._connection.tables.events.setdefault((o.order_id, o.account_id), {})
        known = events.get(o.event_key)
        events[o.event_key] = o if known is None else sighted_again(known, o)
        return known is None

    def _insert_evidence(self, e: Evidence) -> NewEvidence | None:
        """insert_evidence: each distinct statement once, at its first place."""
        known = self._connection.tables.evidence.setdefault((e.order_id, e.account_id), {})
        content = replace(e, coordinates=NOWHERE)
        if content in known:
            if e.coordinates < known[content].coordinates:
                known[content] = e
            return None
        known[content] = e
        kind, about = _kind(e), _about(e)
        previous = e.previous_execution_id if isinstance(e, (Execution, Bust)) else None
        return NewEvidence(e.account_id, e.order_id, kind, about, previous)

    def _insert_fill(self, fill: Observation | Execution) -> set[OrderKey]:
        """insert_fills; orders to look at with all their evidence."""
        tables = self._connection.tables
        row = execution_row(execution_of(fill) if isinstance(fill, Observation) else fill)
        order = (row.order_id, row.account_id)
        owner = tables.fill_owner.get(row.fill_key)
        if owner is None:
            tables.fill_owner[row.fill_key] = order
            tables.fills.setdefault(order, {})[row.fill_key] = row
            return set()
        known = tables.fills[owner][row.fill_key]
        same = (known.qty, known.price, known.order_id, known.entry, known.source) == (
            row.qty, row.price, row.order_id, row.entry, row.source
        )  # fmt: skip
        if same and known.coordinates == row.coordinates:
            return set()
        stated = any(
            o.execution_id == row.execution_id and (o.topic, o.partition, o.offset) == row.coordinates[:3]
            for o in tables.events.get(order, {}).values()
        )
        return {order, owner} if not same or row.coordinates < known.coordinates or stated else set()

    def _inspect(self, order: OrderKey, o: Observation) -> bool | None:
        """inspect: None where there is no need to look closer, else whether to merge from the whole history."""
        tables = self._connection.tables
        row = tables.executions[order]
        known = tables.events[order][o.event_key]
        before = o.source == "sweep" and (known.topic, known.partition, known.offset, known.snapshot_ns) != (
            o.topic, o.partition, o.offset, o.snapshot_ns
        )  # fmt: skip
        merging = row.mixed or row.stated != o.stated or before
        rank, filled, qty = row.winner.status_rank, row.number("filled_qty"), row.number("qty")
        look = (
            merging
            or row.has_evidence
            or (filled is not None and qty is not None and filled > qty)
            or (rank < _UNKNOWN and o.status_rank >= _TERMINAL)
            or (rank == _FILLED and (row.text("cancel_requested_at") is not None or o.status_rank == _CANCELING))
            or _filled_after_replace(self._connection.database, order)
            or tables.net(order) != (filled or 0)
            or any(subject == order[0] for _kind, subject in tables.open)
        )
        return merging if look else None


class ModelSettler(Settler):
    """`store.settle.Settler`, whose statements are the methods of the same names here."""

    def __init__(self, connection: Connection) -> None:
        self._model = connection
        self._connection = connection  # type: ignore[assignment]

    def put_aside(self, letters: Iterable[DeadLetter]) -> None:  # type: ignore[override]
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


def write_findings(
    connection: Connection, findings: Findings, *, resolution: str = "", who: str = ""
) -> None:
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
        if rank < _UNKNOWN and not judged:
            reversals = [o.version_ns for o in events if o.event in ("trade_bust", "trade_correct")]
            over = [
                o for o in events
                if o.status_rank >= _TERMINAL and Decimal(o.filled_qty or 0) <= filled
                and not any(version >= o.version_ns for version in reversals)
            ]  # fmt: skip
            ended = max(over, key=lambda o: (o.version_ns, o.status_rank), default=None)
        asked, filled_at = row.time_ns("cancel_requested_at"), row.time_ns("filled_at")
        canceling = (
            any(o.status_rank == _CANCELING for o in events) if asked is None else filled_at is None or asked <= filled_at
        )
        found.append({
            "account_id": order[1], "order_id": order[0], "status": row.text("status"),
            "cancel_requested_at": row.text("cancel_requested_at"), "replaced_by": row.text("replaced_by"),
            "replaced_at": row.text("replaced_at"), "ended_status": None if ended is None else ended.status,
            "ended_ns": None if ended is None else ended.version_ns,
            "filled_while_canceling": rank == _FILLED and canceling,
            "filled_after_replace": _filled_after_replace(db, order),
        })  # fmt: skip
    return found


_ASKED: Final[Mapping[str, Callable[[Database, list[OrderKey]], list[Row]]]] = {
    "orders_without_row": orders_without_row,
    "lock_parents": lambda _db, _orders: [],
    "sums_of": sums_of,
    "lives_of": lives_of,
}


def _filled_after_replace(db: Database, order: OrderKey) -> bool:
    at = db.tables.executions[order].time_ns("replaced_at")
    fills = db.tables.fills.get(order, {}).values()
    return at is not None and any(fill.entry == "trade" and fill.transacted_at_ns > at for fill in fills)


def _kind(e: Evidence) -> str:
    if isinstance(e, Execution):
        return "leg" if is_leg(e) else "correction"
    names: dict[type, str] = {Bust: "bust", Activity: "activity", ReversalAdjustment: "reversal"}
    return names.get(type(e), "adjustment")


def _about(e: Evidence) -> str:
    if isinstance(e, Bust):
        return e.previous_execution_id
    return str(getattr(e, "execution_id", None) or getattr(e, "activity_id", None) or getattr(e, "key", None) or "")


