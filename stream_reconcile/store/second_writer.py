"""F7: a process that wrote with a stale epoch or lease, and was refused. It says so itself: nobody else knows.

Not fenced, as it is written by one that has lost the fence; it tells of nothing else. How often it happened stands in
`attempts`. The sweep closes it when none was refused for a while.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import psycopg
from psycopg.types.json import Jsonb

from stream_reconcile.core.cursors import Cursor
from stream_reconcile.store.leases import Lease
from stream_reconcile.store.queries import load

_SQL: Final = load("second_writer.sql")


def note_lease(connection: psycopg.Connection[Any], lease: Lease) -> None:
    """The lease was taken by another process while its holder thought that it was its own."""
    _note(connection, {lease.job: {"owner": lease.owner, "epoch": lease.epoch}}, account_id=lease.account_id)


def note_cursors(connection: psycopg.Connection[Any], lost: Mapping[tuple[str, int], Cursor]) -> None:
    """Cursors (by topic and partition) that another member owns, though they were believed to be ours as given."""
    refused = {f"{topic}:{at}": {"owner": cursor.owner, "epoch": cursor.epoch} for (topic, at), cursor in lost.items()}
    if refused:
        _note(connection, refused)


def _note(
    connection: psycopg.Connection[Any], refused: Mapping[str, dict[str, Any]], *, account_id: str | None = None
) -> None:
    """What was refused: subject (job, or topic:partition) → owner and epoch that were stale.

    Without an account it concerns all that are pinned here: a partition holds records of each.
    """
    evidence = [Jsonb({"broker": None, "ours": {"refused": said}}) for said in refused.values()]
    connection.execute(_SQL["note"], {"account_id": account_id, "subjects": list(refused), "evidence": evidence})


def close_quiet(connection: psycopg.Connection[Any], account_id: str, *, quiet_s: float, who: str) -> None:
    """Close those of which none was refused for so long."""
    connection.execute(_SQL["close_quiet"], {"account_id": account_id, "quiet_s": quiet_s, "who": who})
