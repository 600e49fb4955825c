"""How many rows our tables have: those that stay as they are whatever comes, those that hold what came, and history."""

from __future__ import annotations

from typing import Final

from psycopg import sql

from support.whole import Whole
from weather.outcome import Outcome

STAY: Final = ("accounts", "decision_copies", "leases", "stream_cursors")
"""By account, job and partition: no more rows after a year than after a day."""
BY_EVENT: Final = ("executions", "fills", "order_events", "dead_letters", "fill_evidence", "trade_decisions")
"""What the broker and the trading program said: the record itself."""
BY_TIME: Final = (
    "account_snapshots",
    "discrepancies",
    "known_positions",
    "operator_actions",
    "order_checks",
    "position_adjustments",
    "position_snapshots",
    "proofs",
    "stream_gaps",
    "stream_sessions",
    "sweeps",
)
"""A row for each sweep, reading, socket, finding, or symbol that was ever held, however many events there are."""
_SIZE: Final = "SELECT pg_total_relation_size(%(name)s::text::regclass)"
_MOST_BYTES: Final = 5_000_000
"""Of a table of few rows that are written all the time: more would be rows of the past that nothing clears away."""


def rows(whole: Whole, name: str) -> int:
    """All that a table has."""
    assert whole.looks is not None
    query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(name))
    ((count,),) = whole.looks.execute(query).fetchall()
    return int(count)


def told(whole: Whole, outcome: Outcome, early: dict[str, int]) -> None:
    """Figures of all; those that stay have no more rows than `early` in the run, and no more bytes than they need."""
    for name in (*STAY, *BY_TIME, *BY_EVENT):
        outcome.figures[f"rows_{name}"] = rows(whole, name)
    for name in STAY:
        size, count = int(whole.value(_SIZE, name=name)), rows(whole, name)
        outcome.figures[f"bytes_{name}"] = size
        outcome.promise(size <= _MOST_BYTES, f"{name} takes {size:,} bytes for its {count} rows")
        outcome.promise(count <= early[name], f"{name} has {count} rows, {early[name]} at the begin")
