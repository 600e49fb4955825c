"""The transaction of apply: rows, history, fills, dead letters and cursor commit together, or not at all (I3).

    1. One of the ways (`store.ways`, `store.few`): the schema's lock, the fence (I4), rows, history, evidence, fills,
       and a look at which orders need more.
    2. For those few: merging by field, fills from all evidence, findings (`store.settle`); binding (`store.binding`).
    3. COMMIT.

A record that Postgres refuses is found by halving inside the same transaction, and put aside there (I8).
"""

from __future__ import annotations

import contextlib

import psycopg

from stream_reconcile.core.errors import FencedError
from stream_reconcile.core.fold import Fold, OrderKey
from stream_reconcile.store.batch import Batch, DeadLetter, Record, Written, fold_records
from stream_reconcile.store.binding import Binder
from stream_reconcile.store.failures import is_transient
from stream_reconcile.store.few import FEW_LINES, FewWay
from stream_reconcile.store.holdings import insert_holdings
from stream_reconcile.store.lock_conflicts import waited_out
from stream_reconcile.store.settle import NewEvidence, Settler, Suspects
from stream_reconcile.store.ways import Fence, Looked, Ways

FENCED_SQLSTATE = "SR001"
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
        self._few_lines = few_lines
        self._most_clean_batches = most_clean_batches
        self._clean_batches_wanted = self._scepticism = min(1, most_clean_batches)
        self._refused_before = False
        """Postgres refused records of the last batch; the fold of the next one may count on them all the same."""
        # Batches touch few rows of large tables: with these off, no stale statistic can turn an index look-up into a
        # read of the whole table.
        connection.execute("SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off")
        connection.execute("SET jit = off")
        # One plan for each statement: to plan anew for a few rows takes longer than to write them.
        connection.execute("SET plan_cache_mode = force_generic_plan")
        fence = Fence(group, owner)
        self._ways = Ways(connection, fence)
        self._few = FewWay(connection, fence)
        self._settler = Settler(connection)
        self._binder = Binder(connection)

    def write(self, batch: Batch) -> Written:
        """Commit a batch. Raises FencedError when a cursor is not where the batch expects it; nothing is written then.

        Raises psycopg.Error as it comes where the transaction failed for reasons of Postgres's own (`is_transient`).
        """
        if self._refused_before:
            batch = batch._replace(fold=fold_records(batch.records()))
        try:
            try:
                written, unbound = self._write_whole(batch)
            except psycopg.Error as error:
                if not _is_poison(error):
                    raise
                written, unbound = self._write_halving(batch)
            self._refused_before = len(written.dead_letters) > len(batch.dead_letters)
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
        """The second look. The batch is committed by now: who gave up here would come back to a cursor that has moved,
        and the family would stay half bound until the next start."""

        def bind() -> None:
            with self._connection.transaction():
                self._ways.pass_fence([], exclusive=False)
                self._binder.bind(orders)

        waited_out(bind)

    def _write_whole(self, batch: Batch) -> tuple[Written, set[OrderKey]]:
        few = FewWay.takes(batch, self._few_lines)
        events = self._few.write_alone(batch) if few else None
        if events is not None:
            return Written(events, len(batch.fold.events) + batch.fold.duplicates - events, (), ()), set()
        # In a pipeline the first statement goes with BEGIN.
        with self._connection.pipeline() if few else contextlib.nullcontext(), self._connection.transaction():
            looked = self._few.write(batch) if few else self._write_many(batch)
            opened, unbound = self._settle(batch.fold, looked)
            self._settler.put_aside(batch.dead_letters)
            insert_holdings(self._connection, batch.holdings)
        duplicates = len(batch.fold.events) + batch.fold.duplicates - looked.events
        return Written(looked.events, duplicates, tuple(batch.dead_letters), opened), unbound

    def _write_many(self, batch: Batch) -> Looked:
        """Copied where the batch is expected to be new: after one that was, not after one that was not."""
        exclusive = self._settler.needs_exclusive_lock(batch.fold)
        if self._clean_batches_wanted == 0:
            looked = self._ways.copied(batch, exclusive=exclusive)
            if looked is not None:
                return looked
            self._scepticism = min(2 * self._scepticism, self._most_clean_batches)
            self._clean_batches_wanted = self._scepticism
            return self._ways.staged_within(batch.fold)
        looked = self._ways.staged(batch, exclusive=exclusive)
        clean = looked.events == len(batch.fold.events)
        self._clean_batches_wanted = self._clean_batches_wanted - 1 if clean else self._scepticism
        return looked

    def _write_halving(self, batch: Batch) -> tuple[Written, set[OrderKey]]:
        """The same, each half under a savepoint, down to the single record that Postgres refuses."""
        with self._connection.transaction():
            self._ways.pass_fence(batch.moves, exclusive=True)
            events = duplicates = 0
            opened: list[str] = []
            refused: list[DeadLetter] = []
            unbound: set[OrderKey] = set()
            pending = [batch.records()]
            while pending:
                records = pending.pop()
                fold = fold_records(records)
                try:
                    with self._connection.transaction():
                        looked = self._ways.staged_within(fold)
                        found, half_bound = self._settle(fold, looked)
                except psycopg.Error as error:
                    if not _is_poison(error):
                        raise
                    if len(records) > 1:
                        middle = len(records) // 2
                        pending += [records[middle:], records[:middle]]
                    else:
                        refused.append(_refused(records[0], error))
                else:
                    events += looked.events
                    opened += found
                    unbound |= half_bound
                    duplicates += len(fold.events) + fold.duplicates - looked.events
            put_aside = [*batch.dead_letters, *refused]
            self._settler.put_aside(put_aside)
            insert_holdings(self._connection, batch.holdings)
        return Written(events, duplicates, tuple(put_aside), tuple(opened)), unbound

    def _settle(self, fold: Fold, looked: Looked) -> tuple[tuple[str, ...], set[OrderKey]]:
        """Types of the discrepancies opened, orders to bind again after the commit."""
        disputed = set(looked.disputed)
        suspects = Suspects(
            disputed=disputed,
            mixed={(order, account) for order, account, mixed, _ in looked.inspected if mixed},
            with_evidence={(order, account) for order, account, _, evidence in looked.inspected if evidence},
            all={(order, account) for order, account, _, _ in looked.inspected} | disputed | set(looked.curious),
            evidence=[NewEvidence(*row) for *row, added in looked.evidence if added],
        )
        opened = self._settler.settle(fold, suspects)
        decided = {account for (account,) in looked.decided}
        named = {order for order in fold.winners if order[1] in decided} if decided else set()
        return opened, self._binder.bind(named) if named else set()


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
        record.order_id,
        f"sqlstate_{error.sqlstate}",
        f"Postgres refused the record: {type(error).__name__}{column}{constraint}; it can be retried after a repair",
    )
