"""Merging what was said of an order (I2): the row is the greatest observation under one total order.

`greatest` and `merge` are a join: associative, commutative, idempotent. So any order, duplication or split into batches
gives the same row. The SQL of the writer is the same order again, and a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from stream_reconcile.core.observation import NULL, ORDER_COLUMNS, Observation

_ZERO = Decimal(0)


def beats(a: Observation, b: Observation) -> bool:
    """True when `a` is greater than `b`: version; filled quantity; status rank; a snapshot above a frame and of
    snapshots the one received later; of what is still equal, the lowest topic, partition, offset."""
    if a.version_ns != b.version_ns:
        return a.version_ns > b.version_ns
    return _tie_break(a) > _tie_break(b) or (_tie_break(a) == _tie_break(b) and _place(a) < _place(b))


def _tie_break(o: Observation) -> tuple[Decimal, int, int]:
    return (Decimal(o.filled_qty) if o.filled_qty else _ZERO, o.status_rank, o.snapshot_ns)


def _place(o: Observation) -> tuple[str, int, int, str]:
    # The event key comes last: two observations of one order in one record (a record that names a leg twice).
    return (o.topic, o.partition, o.offset, o.event_key)


def sighted_again(a: Observation, b: Observation) -> Observation:
    """Two sights of one observation (the same event key) as one: it is named by its first place in the log, and a
    snapshot counts as received when it was received last, for it may be the broker's last word again."""
    first, other = (a, b) if _place(a) <= _place(b) else (b, a)
    return first if other.snapshot_ns <= first.snapshot_ns else first.received_again(other.snapshot_ns)


def distinct(observations: Iterable[Observation]) -> dict[str, Observation]:
    """Each observation once, by event key, as all its sights together make it."""
    known: dict[str, Observation] = {}
    for o in observations:
        known[o.event_key] = sighted_again(known[o.event_key], o) if o.event_key in known else o
    return known


def greatest(observations: Iterable[Observation]) -> Observation:
    """The greatest of at least one observation."""
    iterator = iter(observations)
    best = next(iterator)
    for observation in iterator:
        if beats(observation, best):
            best = observation
    return best


class ParentStatement(NamedTuple):
    """A parent as a nested read states it."""

    version_ns: int
    parent_order_id: str
    ratio_qty: str | None


def newest_parent(observations: Iterable[Observation]) -> ParentStatement | None:
    """The newest statement of a parent; None when nothing states one."""
    best: ParentStatement | None = None
    for o in observations:
        if o.parent_order_id is not None:
            statement = ParentStatement(o.version_ns, o.parent_order_id, o.ratio_qty)
            best = statement if best is None else newer_parent(best, statement)
    return best


def newer_parent(a: ParentStatement, b: ParentStatement) -> ParentStatement:
    """The newer of two, of equally new ones that of the greater id, then of the greater ratio."""
    return b if _newness(b) > _newness(a) else a


def _newness(statement: ParentStatement) -> tuple[int, str, bool, Decimal]:
    ratio = statement.ratio_qty
    return (statement.version_ns, statement.parent_order_id, ratio is not None, Decimal(ratio or 0))


class Merged(NamedTuple):
    """The row of an order."""

    winner: Observation
    columns: tuple[str, ...]
    """Canonical text of each of `ORDER_COLUMNS`: the winner's, and of a field that it does not state, the newest
    statement (absent is not null)."""
    parent: ParentStatement | None


def merge(observations: Iterable[Observation]) -> Merged:
    """The row of an order from all its observations: a function of their set."""
    ranked: list[Observation] = []
    for observation in distinct(observations).values():
        index = len(ranked)
        while index and beats(observation, ranked[index - 1]):
            index -= 1
        ranked.insert(index, observation)
    winner = ranked[0]
    columns = winner.columns
    for field in range(len(ORDER_COLUMNS)):
        if not winner.stated >> field & 1:
            stating = next((o for o in ranked if o.stated >> field & 1), None)
            columns[field] = NULL if stating is None else stating.columns[field]
    return Merged(winner, tuple(columns), newest_parent(ranked))
