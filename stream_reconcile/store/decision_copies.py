"""Decisions as copies: those that changed, to be written to the log; and back from the log, those a database lacks."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice
from typing import Final, NamedTuple
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from stream_reconcile.core.decision_copy import DecisionCopy, fuller, to_bytes
from stream_reconcile.store.queries import load

_FILE = "decision_copies.sql"
_BATCH = 1_000


class Watermark(NamedTuple):
    """How far decisions have been read: database time of the last change, and that decision's id."""

    changed_at: datetime
    decision_id: UUID


BEGINNING: Final = Watermark(datetime(1970, 1, 1, tzinfo=UTC), UUID(int=0))


class Page(NamedTuple):
    """Decisions that changed, oldest change first, and the watermark after the last of them."""

    copies: list[DecisionCopy]
    watermark: Watermark


def changed_since(connection: psycopg.Connection, watermark: Watermark, *, limit: int = _BATCH) -> Page:
    """Decisions inserted, submitted or bound after `watermark`, at most `limit`; an empty page has the same watermark.

    A transaction that took long commits a decision *behind* a watermark that others have moved, and a program's clock
    may write a submission there. So begin each round an overlap before (longer than a transaction may take), and let
    those that come again be copied again, or compare them: restoring them twice is harmless. `not_placed` and
    `unknown` are no change: the sweep finds them again.
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(load(_FILE)["changed_since"], {**watermark._asdict(), "limit": limit}).fetchall()
    times = [row.pop("changed_at") for row in rows]
    copies = [DecisionCopy(**row) for row in rows]
    return Page(copies, Watermark(times[-1], copies[-1].decision_id) if copies else watermark)


class Progress(NamedTuple):
    """How far decisions were copied to a topic, and up to which offset of each partition its records are known here."""

    topic_id: str
    next_offsets: list[int]
    watermark: Watermark


def lead(connection: psycopg.Connection, *, silent_s: float) -> bool:
    """Become the one that copies, until this connection ends; False where another session is.

    Who says nothing for `silent_s` while it leads is taken for gone: Postgres ends its session then.
    """
    row = connection.execute(load(_FILE)["lead"]).fetchone()
    if row is None or not row[0]:
        return False
    connection.execute(load(_FILE)["end_if_silent"], {"limit": str(round(silent_s * 1000))})
    return True


def progress(connection: psycopg.Connection, topic: str) -> Progress | None:
    """What `note_progress` noted last; None for nothing yet."""
    row = connection.execute(load(_FILE)["progress"], {"topic": topic}).fetchone()
    return None if row is None else Progress(row[0], list(row[1]), Watermark(row[2], row[3]))


def note_progress(connection: psycopg.Connection, topic: str, made: Progress) -> None:
    """Records up to these offsets are known here, changes up to this watermark are in them."""
    values = {"topic": topic, "topic_id": made.topic_id, "next_offsets": made.next_offsets}
    connection.execute(load(_FILE)["note_progress"], values | made.watermark._asdict())


def restore(connection: psycopg.Connection, copies: Iterable[DecisionCopy]) -> int:
    """Insert the decisions that the database does not have; how many. One that is there is never touched.

    Of several copies of a decision the one that knows most counts, of equals the last one given. One copy of each
    decision is held meanwhile: give a long log in parts, the newest part first. Runs in the caller's transaction (in
    autocommit: a thousand decisions in each), and can be run again. A decision comes back under the login that had
    inserted it, which goes on with it.
    """
    fullest: dict[UUID, DecisionCopy] = {}
    for copy in copies:
        known = fullest.get(copy.decision_id)
        fullest[copy.decision_id] = copy if known is None else fuller(known, copy)
    restored, remaining = 0, iter(fullest.values())
    while batch := list(islice(remaining, _BATCH)):
        decisions = b"[" + b",".join(map(to_bytes, batch)) + b"]"
        restored += connection.execute(load(_FILE)["restore"], {"decisions": decisions.decode()}).rowcount
    return restored
