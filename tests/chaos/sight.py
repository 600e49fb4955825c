"""Looks at the members from outside, through Postgres: how far the cursors are, and who is where in a transaction."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from stream_reconcile.store.connect import connect

from .members import Member
from .schedule import Point

_LOOK_EVERY_S: Final = 0.001
_PREFERRED_FOR: Final = 0.3
"""Share of the time in which only the member that is meant will do."""

_SESSIONS: Final = """
SELECT client_port, state = 'active', query, xact_start FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'stream-reconcile apply'
"""
_PROGRESS: Final = """
SELECT coalesce(sum(next_offset), 0)::bigint FROM stream_cursors WHERE consumer_group = %s
"""
_OWNERS: Final = "SELECT DISTINCT owner FROM stream_cursors WHERE consumer_group = %s"
# As DESIGN §3 says of a rewind: the epoch is raised by the rule of a claim, the owner stays.
_REWIND: Final = """
UPDATE stream_cursors
SET next_offset = 0, epoch = greatest(epoch + 1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)
WHERE consumer_group = %s
"""


class Session(NamedTuple):
    """What a member's connection is doing."""

    port: int
    active: bool
    statement: str
    transaction: datetime | None


class Sight:
    """One observer's connection. A context manager."""

    def __init__(self, dsn: str, schema: str, group: str) -> None:
        self._connection = connect(dsn, schema, name="chaos")
        self._group = group

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def applied(self) -> int:
        """Records that the cursors have passed."""
        return int(self._connection.execute(_PROGRESS, [self._group]).fetchall()[0][0])

    def owners(self) -> set[str]:
        """Who owns the cursors."""
        return {owner for (owner,) in self._connection.execute(_OWNERS, [self._group])}

    def rewind(self) -> None:
        """Set all cursors back to the start."""
        self._connection.execute(_REWIND, [self._group])

    def reach(
        self, point: Point, members: Sequence[Member], meant: Member, within_s: float, *, end: int
    ) -> Member | None:
        """Wait until a member is at the point, at first only the one meant.

        None when none came there in time, or all `end` records are applied, so that none will.
        """
        begun = time.monotonic()
        ports: dict[int, Member] = {}
        before: dict[int, Session] = {}
        while (waited := time.monotonic() - begun) < within_s:
            sessions = self._sessions()
            if any(session.port not in ports for session in sessions):
                ports = {port: member for member in members for port in member.ports()}
            for session in sessions:
                member = ports.get(session.port)
                if member is None or not (member is meant or waited > _PREFERRED_FOR * within_s):
                    continue
                if point is Point.ANYWHERE:
                    there = member.owner in self.owners()
                else:
                    there = is_at(point, session, before.get(session.port))
                if there:
                    return member
            if not any(session.transaction for session in sessions) and self.applied() >= end:
                return None
            before = {session.port: session for session in sessions}
            time.sleep(_LOOK_EVERY_S)  # how often to look, not how long to wait
        return None

    def _sessions(self) -> list[Session]:
        rows: list[tuple[Any, ...]] = self._connection.execute(_SESSIONS, prepare=True).fetchall()
        return [Session(port, active, bare(query), transaction) for port, active, query, transaction in rows]


def is_at(point: Point, now: Session, before: Session | None) -> bool:
    """Whether a session is at the point now, `before` being how it was at the look before."""
    match point:
        case Point.COPYING:
            return now.active and now.statement.startswith("COPY")
        case Point.COMMITTING:
            return now.active and now.statement.startswith("COMMIT")
        case Point.WRITING:
            return now.transaction is not None and now.statement.startswith(("INSERT", "UPDATE", "WITH"))
        case Point.COMMITTED:
            return before is not None and before.transaction is not None and now.transaction != before.transaction
        case Point.ANYWHERE:
            return True


def bare(query: str) -> str:
    """A statement without the comment lines before it, which name it."""
    lines = query.splitlines()
    while lines and lines[0].lstrip().startswith("--"):
        del lines[0]
    return "\n".join(lines).lstrip().upper()
