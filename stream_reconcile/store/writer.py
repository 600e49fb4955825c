"""The transaction of apply: rows, history, fills, dead letters and cursor commit together, or not at all (I3).

    1. COPY the folded batch into a temporary table: the bulk of the bytes, before any lock.
    2. In one round trip: the schema's advisory lock, the fence (I4), rows, history, fills, and a look at which orders
       need more (I9).
    3. For those few: evidence, merging by field, fills from all evidence, findings (`store.settle`).
    4. COMMIT.

A record that Postgres refuses is found by halving inside the same transaction, and put aside there (I8).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, LiteralString, NamedTuple

import psycopg

from stream_reconcile.core.errors import FencedError
from stream_reconcile.core.fold import Fold, OrderKey
from stream_reconcile.core.timestamps import ms_text
from stream_reconcile.store.batch import Batch, CursorMove, DeadLetter, Record, Written, fold_records
from stream_reconcile.store.binding import Binder
from stream_reconcile.store.failures import is_transient
from stream_reconcile.store.queries import load
from stream_reconcile.store.rows import (
    event_lines,
    evidence_json,
    fill_lines,
    named_lines,
    observed_lines,
    parent_arrays,
)
from stream_reconcile.store.settle import NewEvidence, Settler, Suspects

FENCED_SQLSTATE = "SR001"
_FROM_OBSERVED = ("upsert_executions", "insert_events", "inspect")
FEW_LINES = 32
"""Up to so many observations go without COPY: a lone event is committed in two round trips."""
MOST_CLEAN_BATCHES = 16
"""So many batches without a known row, at most, before the next one is taken for new again."""
# Data exceptions, integrity violations, program limits: the record is to blame.
_POISON_CLASSES = ("22", "23", "54")


class Writer:
    """Writes batches through one connection (autocommit). Not shared between threads."""

    def __init__(
        self,
        connection: psycopg.Connection,
        *,
        group: str,
        owner: str,
        few_lines: int = FEW_LINES,
        most_clean_batches: int = MOST_CLEAN_BATCHES,
    ) -> None:
        self._connection = connection
        self._group = group
        self._owner = owner
        self._few_lines = few_lines
        self._most_clean_batches = most_clean_batches
        self._clean_batches_wanted = self._scepticism = min(1, most_clean_batches)
        self._sql = load("apply.sql")
        self._few = {name: _with(self._sql[name], "observed", self._sql["few_observed"]) for name in _FROM_OBSERVED}
        self._few["insert_fills"] = _with(self._sql["insert_fills"], "observed_fills", self._sql["few_fills"])
        self._staged = _Source(self._sql, None)
        self._copied = _Source(
            {
                "upsert_executions": _with(self._sql["upsert_executions"], "observed", self._sql["named_observed"]),
                "inspect": _with(self._sql["inspect"], "observed", self._sql["named_briefly"]),
            },
            None,
        )
        self._settler = Settler(connection)
        self._binder = Binder(connection)
        # Batches touch few rows of large tables: with these off, no stale statistic can turn an index look-up into a
        # read of the whole table.
        connection.execute("SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off")
        connection.execute("SET jit = off")
        connection.execute(self._sql["create_observed"])

    def write(self, batch: Batch) -> Written:
        """Commit a batch. Raises FencedError when a cursor is not where the batch expects it; nothing is written then.

        Raises psycopg.Error as it comes where the transaction failed for reasons of Postgres's own (`is_transient`).
        """
        try:
            try:
                written, unbound = self._write_whole(batch)
            except psycopg.Error as error:
                if not _is_poison(error):
                    raise
                written, unbound = self._write_halving(batch)
            if unbound:
                self._bind_again(unbound)
        except psycopg.Error as error:
            if error.sqlstate == FENCED_SQLSTATE:
                raise FencedError(f"{error.diag.message_primary}: another member owns it, or it was moved") from None
            raise
        return written

    def bind_left_over(self) -> None:
        """Bind the families that a crash left half bound: at start."""
        unbound = self._binder.left_unbound()
        if unbound:
            self._bind_again(unbound)

    def _bind_again(self, orders: set[OrderKey]) -> None:
        with self._connection.transaction():
            self._lock(exclusive=False)
            self._binder.bind(orders)

    def _write_whole(self, batch: Batch) -> tuple[Written, set[OrderKey]]:
        fold = batch.fold
        lines, fills = event_lines(fold), fill_lines(fold)
        if len(lines) <= self._few_lines and not any(_has_escape(line) for line in (*lines, *fills)):
            with self._connection.pipeline(), self._connection.transaction():
                exclusive = self._settler.needs_exclusive_lock(fold)
                values = {"lines": "\n".join(observed_lines(fold)), "fills": "\n".join(fills)}
                return self._write_staged(batch, _Source(self._few, values), exclusive=exclusive)
        with self._connection.transaction():
            exclusive = self._settler.needs_exclusive_lock(fold)
            if self._clean_batches_wanted == 0:
                return self._write_new(batch, lines, fills, exclusive=exclusive)
            self._stage(fold)
            written = self._write_staged(batch, self._staged, exclusive=exclusive)
        self._expect(clean=written[0].events == len(lines))
        return written

    def _write_staged(self, batch: Batch, source: _Source, *, exclusive: bool) -> tuple[Written, set[OrderKey]]:
        """Everything after the batch stands in the temporary tables; a few lines come with the statements instead."""
        with self._connection.pipeline():
            self._lock(exclusive=exclusive)
            self._advance(batch.moves)
            self._upsert(batch.fold, source)
            statements = self._rows(batch.fold, source)
        return self._finish(batch, statements)

    def _write_new(
        self, batch: Batch, events: list[str], fills: list[str], *, exclusive: bool
    ) -> tuple[Written, set[OrderKey]]:
        """The same where all of the batch is expected to be new: it is copied to where it belongs, and read from there.

        If a row stands there already, the copies are taken back, and the batch goes the way of `_write_staged`.
        """
        fold = batch.fold
        self._copy("copy_named", named_lines(fold))
        with self._connection.pipeline():
            self._lock(exclusive=exclusive)
            self._advance(batch.moves)
        try:
            with self._connection.transaction():
                self._copy("copy_events", events)
                self._copy("copy_fills", fills)
        except psycopg.errors.UniqueViolation:
            self._expect(clean=False)
            self._stage(fold)
            with self._connection.pipeline():
                self._upsert(fold, self._staged)
                statements = self._rows(fold, self._staged)
            return self._finish(batch, statements)
        with self._connection.pipeline():
            self._upsert(fold, self._copied)
            evidence = self._insert_evidence(fold)
            statements = self._look(fold, evidence, None, self._copied, copied=len(events))
        return self._finish(batch, statements)

    def _finish(self, batch: Batch, statements: _Statements) -> tuple[Written, set[OrderKey]]:
        fold = batch.fold
        events, opened, unbound = self._settle(fold, statements)
        self._settler.put_aside(batch.dead_letters)
        duplicates = len(fold.events) + fold.duplicates - events
        return Written(events, duplicates, tuple(batch.dead_letters), opened), unbound

    def _expect(self, *, clean: bool) -> None:
        """Whether the next batch may be taken for new: after one that was, not after one that was not."""
        if clean:
            self._clean_batches_wanted -= 1
        else:
            self._scepticism = min(2 * self._scepticism, self._most_clean_batches)
            self._clean_batches_wanted = self._scepticism

    def _write_halving(self, batch: Batch) -> tuple[Written, set[OrderKey]]:
        """The same, each half under a savepoint, down to the single record that Postgres refuses."""
        with self._connection.transaction():
            self._lock(exclusive=True)
            self._advance(batch.moves)
            events = duplicates = 0
            opened: list[str] = []
            refused: list[DeadLetter] = []
            unbound: set[OrderKey] = set()
            pending = [batch.records()]
            while pending:
                records = pending.pop()
                try:
                    with self._connection.transaction():
                        self._connection.execute(self._sql["empty_observed"])
                        fold = fold_records(records)
                        self._stage(fold)
                        with self._connection.pipeline():
                            self._upsert(fold, self._staged)
                            statements = self._rows(fold, self._staged)
                        written, found, half_bound = self._settle(fold, statements)
                except psycopg.Error as error:
                    if not _is_poison(error):
                        raise
                    if len(records) > 1:
                        middle = len(records) // 2
                        pending += [records[middle:], records[:middle]]
                    else:
                        refused.append(_refused(records[0], error))
                else:
                    events += written
                    opened += found
                    unbound |= half_bound
                    duplicates += len(fold.events) + fold.duplicates - written
            put_aside = [*batch.dead_letters, *refused]
            self._settler.put_aside(put_aside)
        return Written(events, duplicates, tuple(put_aside), tuple(opened)), unbound

    def _lock(self, *, exclusive: bool) -> None:
        self._connection.execute(self._sql["lock_exclusive" if exclusive else "lock_shared"], prepare=True)

    def _stage(self, fold: Fold) -> None:
        """Copy a batch into the temporary tables."""
        self._copy("copy_observed", observed_lines(fold))
        self._copy("copy_observed_fills", fill_lines(fold))

    def _copy(self, name: str, lines: list[str]) -> None:
        if lines:
            with self._connection.cursor().copy(self._sql[name]) as copy:
                copy.write("\n".join(lines) + "\n")

    def _execute(self, name: str, source: _Source) -> psycopg.Cursor[Any]:
        return self._connection.execute(source.statements[name], source.values, prepare=True)

    def _advance(self, moves: list[CursorMove]) -> None:
        if moves:
            self._connection.execute(
                self._sql["advance_cursors"],
                {
                    "group": self._group,
                    "owner": self._owner,
                    "topics": [move.topic for move in moves],
                    "partitions": [move.partition for move in moves],
                    "expected": [move.expected for move in moves],
                    "epochs": [move.epoch for move in moves],
                    "topic_ids": [move.topic_id for move in moves],
                    "next_offsets": [move.next_offset for move in moves],
                    "leader_epochs": [move.leader_epoch for move in moves],
                    "record_times": [
                        None if move.last_record_ms is None else ms_text(move.last_record_ms) for move in moves
                    ],
                },
                prepare=True,
            )

    def _upsert(self, fold: Fold, source: _Source) -> None:
        if fold.winners:
            self._execute("upsert_executions", source)
        if fold.parents:
            self._connection.execute(self._sql["state_parents"], parent_arrays(fold.parents), prepare=True)

    def _insert_evidence(self, fold: Fold) -> psycopg.Cursor[Any] | None:
        if not fold.evidence:
            return None
        return self._connection.execute(self._sql["insert_evidence"], {"evidence": evidence_json(fold)}, prepare=True)

    def _rows(self, fold: Fold, source: _Source) -> _Statements:
        """Send history, evidence, fills and the look at what needs more; results can be read after the round trip."""
        events = self._execute("insert_events", source) if fold.events else None
        evidence = self._insert_evidence(fold)
        fills = self._execute("insert_fills", source) if fold.fills else None
        return self._look(fold, evidence, fills, source, inserted=events)

    def _look(
        self,
        fold: Fold,
        evidence: psycopg.Cursor[Any] | None,
        fills: psycopg.Cursor[Any] | None,
        source: _Source,
        *,
        inserted: psycopg.Cursor[Any] | None = None,
        copied: int = 0,
    ) -> _Statements:
        looked = self._execute("inspect", source) if fold.winners else None
        decided = self._binder.decided(account for _, account in fold.winners) if fold.winners else None
        return _Statements(inserted, copied, evidence, fills, looked, decided)

    def _settle(self, fold: Fold, statements: _Statements) -> tuple[int, tuple[str, ...], set[OrderKey]]:
        """Number of new events, types of the discrepancies opened, orders to bind again after the commit."""
        disputed = set(_all(statements.fills))
        looked = _all(statements.inspect)
        suspects = Suspects(
            disputed=disputed,
            mixed={(order, account) for order, account, mixed, _ in looked if mixed},
            with_evidence={(order, account) for order, account, _, evidence in looked if evidence},
            all={(order, account) for order, account, _, _ in looked} | disputed,
            evidence=[NewEvidence(*row) for *row, added in _all(statements.evidence) if added],
        )
        opened = self._settler.settle(fold, suspects)
        decided = {account for (account,) in _all(statements.decided)}
        named = {order for order in fold.winners if order[1] in decided} if decided else set()
        events = statements.copied if statements.inserted is None else statements.inserted.rowcount
        return events, opened, self._binder.bind(named) if named else set()


class _Source(NamedTuple):
    """Where a batch stands while its rows are made: statements that read it there, and their parameters."""

    statements: Mapping[str, LiteralString]
    values: dict[str, str] | None


class _Statements(NamedTuple):
    """What was sent; None what there was no need for."""

    inserted: psycopg.Cursor[Any] | None
    copied: int
    """Observations that were copied instead of inserted."""
    evidence: psycopg.Cursor[Any] | None
    fills: psycopg.Cursor[Any] | None
    inspect: psycopg.Cursor[Any] | None
    decided: psycopg.Cursor[Any] | None


def _all(cursor: psycopg.Cursor[Any] | None) -> list[Any]:
    return [] if cursor is None else cursor.fetchall()


def _with(statement: LiteralString, name: LiteralString, rows: LiteralString) -> LiteralString:
    """The statement, with the temporary table `name` replaced by a subquery."""
    head, _, rest = statement.partition("\nWITH ")
    return f"{head}\nWITH {name} AS ({rows}), {rest}" if rest else f"WITH {name} AS ({rows})\n{statement}"


def _has_escape(line: str) -> bool:
    """True when a line of COPY text holds more than the nulls that `insert_observed` understands."""
    return line.count("\\") != line.count("\t\\N")


def _is_poison(error: psycopg.Error) -> bool:
    """True when a record is to blame, not Postgres or the fence."""
    return not is_transient(error) and (error.sqlstate or "")[:2] in _POISON_CLASSES


def _refused(record: Record, error: psycopg.Error) -> DeadLetter:
    """The dead letter of a record that Postgres refused. Its own message may quote values: it is not kept."""
    column = f" (column {error.diag.column_name})" if error.diag.column_name else ""
    constraint = f" (constraint {error.diag.constraint_name})" if error.diag.constraint_name else ""
    return DeadLetter(
        record.place,
        record.topic_id,
        record.key,
        record.payload,
        record.known_at_ms,
        record.account_id,
        record.order_id or None,
        f"sqlstate_{error.sqlstate}",
        f"Postgres refused the record: {type(error).__name__}{column}{constraint}; it can be retried after a repair",
    )
