"""The transaction of apply: `store.writer.Writer` as a model, with the program's own fold, merge, fills and settling.

The statements of apply.sql that write a batch are methods here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Protocol

import psycopg

from stream_reconcile.core.errors import FencedError
from stream_reconcile.core.evidence import Activity, Bust, Evidence, Execution, ReversalAdjustment, is_leg
from stream_reconcile.core.fills import execution_row
from stream_reconcile.core.fold import OrderKey
from stream_reconcile.core.lives import is_curious
from stream_reconcile.core.merge import beats, newer_parent, sighted_again
from stream_reconcile.core.observation import Observation
from stream_reconcile.jobs.apply import decode
from stream_reconcile.store.batch import Batch, CursorMove, Written
from stream_reconcile.store.settle import NewEvidence, Suspects

from .database import Connection
from .settling import CANCELING, FILLED, TERMINAL, UNKNOWN, ModelSettler, filled_after_replace
from .tables import NOWHERE, CursorRow, Standing, execution_of


class Decoder(decode.Decoder):
    """The program's own, which notes in the fold which records it was made of."""

    def decode_run(self, topic: str, partition: int, topic_id: str, messages: list[Any], into: decode.Decoded) -> None:
        super().decode_run(topic, partition, topic_id, messages, into)
        noted = into.fold.__dict__.setdefault("records", [])
        noted += [(topic_id, topic, partition, message.offset()) for message in messages]


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
        for order, stated in fold.parents.items():
            row = tables.executions[order]
            parent = stated if row.parent is None else newer_parent(row.parent, stated)
            tables.executions[order] = replace(row, parent=parent)
        new = sum(self._insert_event(o) for o in fold.events.values())
        evidence = [added for said, _known in fold.evidence if (added := self._insert_evidence(said)) is not None]
        disputed = {order for fill in fold.fills.values() for order in self._insert_fill(fill)}
        inspected = {
            order: found for order, o in fold.winners.items() if (found := self._inspect(order, o)) is not None
        }
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
            or (rank < UNKNOWN and o.status_rank >= TERMINAL)
            or (rank == FILLED and (row.text("cancel_requested_at") is not None or o.status_rank == CANCELING))
            or filled_after_replace(self._connection.database, order)
            or tables.net(order) != (filled or 0)
            or any(subject == order[0] for _kind, subject in tables.open)
        )
        return merging if look else None


def _kind(e: Evidence) -> str:
    if isinstance(e, Execution):
        return "leg" if is_leg(e) else "correction"
    names: dict[type, str] = {Bust: "bust", Activity: "activity", ReversalAdjustment: "reversal"}
    return names.get(type(e), "adjustment")


def _about(e: Evidence) -> str:
    if isinstance(e, Bust):
        return e.previous_execution_id
    return str(getattr(e, "execution_id", None) or getattr(e, "activity_id", None) or getattr(e, "key", None) or "")
