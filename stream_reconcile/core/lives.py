"""What the life of an order tells people about, beyond its row (DISCREPANCIES C3, C6, D2, D3). Pure.

All of it follows from what was said, in whatever order it arrived: evidence holds nothing that later words change, so
that a replay of the log finds it recorded already.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from stream_reconcile.core.lifecycle import STATUSES, UNKNOWN_RANK, Flag, is_open
from stream_reconcile.core.observation import NULL, Observation

REPLACE_REFUSED: Final = "order_replace_rejected"
FILLED_AFTER_REPLACE: Final = "fill_on_predecessor"
_FILLED: Final = STATUSES["filled"].rank
_CANCELING: Final = STATUSES["pending_cancel"].rank
_TERMINAL: Final = min(status.rank for status in STATUSES.values() if status.terminal)
FIRST_CURIOUS_RANK: Final = _CANCELING
"""No step from a lower rank is curious."""

How: TypeAlias = Literal["open", "record", "record_once"]
"""`open`: until something closes it; `record`: over as it is found; `record_once`: and there can be but one."""


def is_curious(earlier: int, later: int) -> bool:
    """Whether an order deserves a look (`told`) for two of its observations, by their ranks, the lesser first.

    The look decides; this only has to miss none. The statement `upsert_executions` asks the same of a row.
    """
    return (later == _FILLED and earlier == _CANCELING) or (earlier >= _TERMINAL and later < UNKNOWN_RANK)


class Life(NamedTuple):
    """An order's row, with what was said of it before."""

    account_id: str
    order_id: str
    status: str | None
    cancel_requested_at: str | None
    replaced_by: str | None
    replaced_at: str | None
    ended_status: str | None
    """Of the greatest observation that said it is over, with no more filled than the row says and nothing taken back
    since; None where there is none."""
    ended_ns: int | None
    """Version of that observation."""
    filled_while_canceling: bool
    filled_after_replace: bool
    """An execution of it is dated after `replaced_at`."""


class Told(NamedTuple):
    """What people are to be told."""

    type: str
    subject: str
    evidence: dict[str, Any]
    how: How


def told(life: Life) -> Iterator[Told]:
    """What there is to tell of one order."""
    if life.filled_while_canceling:
        broker = {"status": "filled", "cancel_requested_at": life.cancel_requested_at}
        yield Told(Flag.CANCEL_FILL_RACE, life.order_id, {"broker": broker, "ours": None}, "record_once")
    if life.ended_status is not None and is_open(life.status or ""):
        # Without the status of now: it goes on while this is open, and is no news.
        ended = {"status": life.ended_status, "updated_at_ns": life.ended_ns}
        evidence = {"broker": {"open_again": True}, "ours": ended}
        yield Told(Flag.IMPOSSIBLE_REGRESSION, life.order_id, evidence, "open")
    if life.filled_after_replace:
        broker = {"replaced_at": life.replaced_at, "replaced_by": life.replaced_by}
        yield Told(FILLED_AFTER_REPLACE, life.order_id, {"broker": broker, "ours": None}, "open")


def refusal(o: Observation) -> Told:
    """A frame that says that a replace was refused; a cancel that was refused is none, its order just lives on."""
    at = o.execution[0]
    evidence = {"broker": {"event": o.event, "event_at": None if at == NULL else at}, "ours": None}
    return Told(Flag.REPLACE_REJECTED, o.order_id, evidence, "record")
