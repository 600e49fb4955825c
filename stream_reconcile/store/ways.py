"""The ways of a batch into the tables, inside the transaction that the caller has opened. Each takes the schema's lock,
passes the fence (I4), writes rows, history, evidence and fills, and looks at what needs more (I9).

    few      some lines, as parameters of one call: a lone event is committed in two round trips
    staged   through temporary tables and ON CONFLICT, whatever stands there already
    copied   straight into history and fills: for what is expected to be new

What a batch is expected to be is a guess, and only costs time where it is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, LiteralString, NamedTuple

import psycopg

from stream_reconcile.core.fold import Fold
from stream_reconcile.core.timestamps import ms_text
from stream_reconcile.store.batch import Batch, CursorMove
from stream_reconcile.store.evidence import evidence_json
from stream_reconcile.store.lines import event_lines, fill_lines, named_lines, observed_lines
from stream_reconcile.store.queries import load
from stream_reconcile.store.rows import parents_json


class Looked(NamedTuple):
    """What the statements found out. Orders are (order id, account id)."""

    events: int
    """Observations that were not in the history yet."""
    curious: list[tuple[str, str]]
    """Orders whose row went a step that deserves a look."""
    evidence: list[tuple[Any, ...]]
    """Account, order, kind, id, id before, whether it is new."""
    disputed: list[tuple[str, str]]
    """Orders of which an execution stands there already with another content, or by another statement."""
    inspected: list[tuple[str, str, bool, bool]]
    """Orders to look at; whether they are to be merged from all that was said; whether there is other evidence."""
    decided: list[tuple[str]]
    """Accounts that have decisions."""


class Fence(NamedTuple):
    """Who moves the cursors."""

    group: str
    owner: str

    def values(self, moves: Iterable[CursorMove]) -> dict[str, Any]:
        """Parameters of `advance_cursors`."""
        moves = list(moves)
        return {
            "group": self.group,
            "owner": self.owner,
            "topics": [move.topic for move in moves],
            "partitions": [move.partition for move in moves],
            "expected": [move.expected for move in moves],
            "epochs": [move.epoch for move in moves],
            "topic_ids": [move.topic_id for move in moves],
            "next_offsets": [move.next_offset for move in moves],
            "leader_epochs": [move.leader_epoch for move in moves],
            "record_times": [None if move.last_record_ms is None else ms_text(move.last_record_ms) for move in moves],
        }


class Ways:
    """The staged and the copied way of one connection (the other: `store.few`)."""

    def __init__(self, connection: psycopg.Connection, fence: Fence) -> None:
        self._connection, self._fence = connection, fence
        self._sql = load("apply.sql")
        self._decided: LiteralString = load("binding.sql")["decided_accounts"]
        self._copied: Mapping[str, LiteralString] = {
            "upsert_executions": reading(self._sql["upsert_executions"], "observed", self._sql["named_observed"]),
            "inspect": reading(self._sql["inspect"], "observed", self._sql["named_briefly"]),
        }
        connection.execute(self._sql["create_observed"])

    def pass_fence(self, moves: list[CursorMove], *, exclusive: bool) -> None:
        """The schema's lock, then the cursors."""
        self._connection.execute(self._sql["lock_exclusive" if exclusive else "lock_shared"], prepare=True)
        if moves:
            self._connection.execute(self._sql["advance_cursors"], self._fence.values(moves), prepare=True)

    def staged(self, batch: Batch, *, exclusive: bool) -> Looked:
        """By temporary tables: the bulk of the bytes goes before any lock."""
        self._stage(batch.fold)
        with self._connection.pipeline():
            self.pass_fence(batch.moves, exclusive=exclusive)
            statements = self._send(batch.fold)
        return statements.results()

    def staged_within(self, fold: Fold) -> Looked:
        """The same for a part of a batch, past the fence."""
        self._connection.execute(self._sql["empty_observed"])
        self._stage(fold)
        with self._connection.pipeline():
            statements = self._send(fold)
        return statements.results()

    def copied(self, batch: Batch, *, exclusive: bool) -> Looked | None:
        """Straight to where it belongs, and read from there; None if a row stands there already.

        The copies are taken back then, the fence stays passed: go on by `staged_within`.
        """
        fold = batch.fold
        self._copy("copy_named", named_lines(fold))
        with self._connection.pipeline():
            self.pass_fence(batch.moves, exclusive=exclusive)
        try:
            with self._connection.transaction():
                self._copy("copy_events", event_lines(fold))
                self._copy("copy_fills", fill_lines(fold))
        except psycopg.errors.UniqueViolation:
            return None
        with self._connection.pipeline():
            curious = self._upsert(fold, self._copied)
            evidence = self._insert_evidence(fold)
            statements = _Sent(None, len(fold.events), curious, evidence, None, *self._look(fold, self._copied))
        return statements.results()

    def _send(self, fold: Fold) -> _Sent:
        """Statements that read the temporary tables."""
        curious = self._upsert(fold, self._sql)
        events = self._execute(self._sql["insert_events"]) if fold.events else None
        evidence = self._insert_evidence(fold)
        fills = self._execute(self._sql["insert_fills"]) if fold.fills else None
        return _Sent(events, 0, curious, evidence, fills, *self._look(fold, self._sql))

    def _upsert(self, fold: Fold, texts: Mapping[str, LiteralString]) -> psycopg.Cursor[Any] | None:
        curious = self._execute(texts["upsert_executions"]) if fold.winners else None
        if fold.parents:
            self._execute(self._sql["state_parents"], {"parents": parents_json(fold.parents)})
        return curious

    def _insert_evidence(self, fold: Fold) -> psycopg.Cursor[Any] | None:
        if not fold.evidence:
            return None
        return self._execute(self._sql["insert_evidence"], {"evidence": evidence_json(fold)})

    def _look(
        self, fold: Fold, texts: Mapping[str, LiteralString]
    ) -> tuple[psycopg.Cursor[Any] | None, psycopg.Cursor[Any] | None]:
        if not fold.winners:
            return None, None
        accounts = sorted({account for _order, account in fold.winners})
        return self._execute(texts["inspect"]), self._execute(self._decided, {"accounts": accounts})

    def _stage(self, fold: Fold) -> None:
        self._copy("copy_observed", observed_lines(fold))
        self._copy("copy_observed_fills", fill_lines(fold))

    def _copy(self, name: str, lines: list[str]) -> None:
        if lines:
            with self._connection.cursor().copy(self._sql[name]) as copy:
                copy.write("\n".join(lines) + "\n")

    def _execute(self, text: LiteralString, values: dict[str, Any] | None = None) -> psycopg.Cursor[Any]:
        return self._connection.execute(text, values, prepare=True)


class _Sent(NamedTuple):
    """Statements under way; None what there was no need for."""

    inserted: psycopg.Cursor[Any] | None
    copied: int
    """Observations that were copied instead of inserted."""
    curious: psycopg.Cursor[Any] | None
    evidence: psycopg.Cursor[Any] | None
    fills: psycopg.Cursor[Any] | None
    inspect: psycopg.Cursor[Any] | None
    decided: psycopg.Cursor[Any] | None

    def results(self) -> Looked:
        """Their results, once the round trip is over."""
        return Looked(
            self.copied if self.inserted is None else self.inserted.rowcount,
            *[[] if cursor is None else cursor.fetchall() for cursor in self[2:]],
        )


def reading(statement: LiteralString, name: LiteralString, rows: LiteralString) -> LiteralString:
    """The statement, with a subquery in the place of the temporary table `name`."""
    head, _, rest = statement.partition("\nWITH ")
    return f"{head}\nWITH {name} AS ({rows}), {rest}" if rest else f"WITH {name} AS ({rows})\n{statement}"
