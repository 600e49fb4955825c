"""Moving cursors by hand: one transaction for all of them, under compare and set, recorded in `operator_actions` (I4).

A member that owns such a cursor has its next commit refused, or finds the row moved when it looks (each second): it
drops what it had, takes up the new position and goes on. Nothing has to be stopped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import psycopg
from psycopg.types.json import Jsonb

from stream_reconcile.core.errors import FencedError
from stream_reconcile.core.rewind import Step, Undoable
from stream_reconcile.store.blockers import ending_blockers
from stream_reconcile.store.queries import load

_FILE: Final = "rewinds.sql"


class Moved(NamedTuple):
    """A cursor that was moved: next offset before and after, both of that transaction."""

    topic: str
    partition: int
    before: int
    after: int
    epoch: int
    topic_id: str


class Done(NamedTuple):
    """What was done, and under which action it is recorded."""

    action_id: int
    moved: tuple[Moved, ...]


class RewindStore:
    """Rewinds of one consumer group, through one connection (autocommit)."""

    def __init__(self, connection: psycopg.Connection, *, dsn: str, schema: str, group: str) -> None:
        self._connection = connection
        self._dsn, self._schema, self._group = dsn, schema, group
        self._sql = load(_FILE)

    def set_back(self, steps: Sequence[Step], *, asked: str, who: str, why: str) -> Done:
        """Set the cursors back as planned. Raises FencedError, and moves none, where one is not as the plan saw it."""
        return self._move("set_back", "rewind", steps, {"asked": asked}, who=who, why=why)

    def take_back(self, steps: Sequence[Step], *, undoes: int, who: str, why: str) -> Done:
        """Take a rewind back as planned. Raises as `set_back`."""
        return self._move("take_back", "rewind_undo", steps, {"undoes": undoes}, who=who, why=why)

    def rewinds(self, action_id: int | None = None) -> list[Undoable]:
        """Cursors of the newest rewinds, or of `action_id` and all rewinds after it; newest first."""
        rows = self._connection.execute(self._sql["rewinds"], {"group": self._group, "action_id": action_id}).fetchall()
        return [Undoable(*row) for row in rows]

    def measured(self) -> tuple[int, float] | None:
        """Records and seconds of the newest rewind that was waited for."""
        row = self._connection.execute(self._sql["measured"], {"group": self._group}).fetchone()
        return None if row is None else (int(row[0]), float(row[1]))

    def passed(self, action_id: int, *, records: int, seconds: float) -> None:
        """Note how long it took until all was read again."""
        values = {"action_id": action_id, "records": records, "seconds": seconds}
        self._connection.execute(self._sql["passed"], values)

    def _move(
        self, query: str, action: str, steps: Sequence[Step], details: Mapping[str, Any], *, who: str, why: str
    ) -> Done:
        places = {"topics": [step.topic for step in steps], "partitions": [step.partition for step in steps]}
        compared = {"epochs": [step.epoch for step in steps], "topic_ids": [step.topic_id for step in steps]}
        values = {"group": self._group, **places, **compared, "wanted": [step.new for step in steps]}
        with (
            ending_blockers(self._connection, dsn=self._dsn, schema=self._schema, what="rewind"),
            self._connection.transaction(),
        ):
            found = {(row[0], row[1]): row[2:] for row in self._connection.execute(self._sql["lock"], values)}
            _compare(steps, found)
            rows = self._connection.execute(self._sql[query], values).fetchall()
            moved = tuple(
                Moved(topic, partition, found[topic, partition][0], after, epoch, topic_id)
                for topic, partition, after, epoch, topic_id in sorted(rows)
            )
            before = [_cursor(one, one.before, found[one.topic, one.partition][2]) for one in moved]
            after = [_cursor(one, one.after, one.epoch) for one in moved]
            states = {"before": Jsonb({"cursors": before}), "after": Jsonb({"cursors": after, **details})}
            record = {"action": action, "group": self._group, "who": who, "why": why, **states}
            row = self._connection.execute(self._sql["record"], record).fetchone()
        assert row is not None  # noqa: S101 - INSERT … RETURNING always gives its row
        return Done(int(row[0]), moved)


def _compare(steps: Sequence[Step], found: Mapping[tuple[str, int], tuple[Any, ...]]) -> None:
    """Raise FencedError for cursors that are not as the plan saw them."""
    moved, anew = [], []
    for step in steps:
        row = found.get((step.topic, step.partition))
        if row is None or row[3] != step.topic_id:
            anew.append(f"{step.topic}:{step.partition}")
        elif row[2] != step.epoch:
            moved.append(f"{step.topic}:{step.partition}")
    if anew:
        raise FencedError(f"the topic was made anew since the plan: {', '.join(anew)}. Nothing was moved; plan again")
    if moved:
        raise FencedError(
            f"claimed by another member, or moved by hand, since the plan: {', '.join(moved)}. Nothing was moved; plan "
            "again"
        )


def _cursor(one: Moved, offset: int, epoch: int) -> dict[str, Any]:
    place = {"topic": one.topic, "partition": one.partition}
    return {**place, "next_offset": offset, "epoch": epoch, "topic_id": one.topic_id}
