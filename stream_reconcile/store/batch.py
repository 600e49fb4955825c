"""What one transaction of apply is about: decoded records, dead letters, and the cursors that it moves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from stream_reconcile.core.fold import Fold
from stream_reconcile.core.holdings import Holding
from stream_reconcile.core.observation import Parsed


class Place(NamedTuple):
    """Where a record stands in the log."""

    topic: str
    partition: int
    offset: int


class Record(NamedTuple):
    """A record that could be parsed, with what is needed to put it aside if Postgres refuses it."""

    place: Place
    parsed: Parsed
    known_at_ms: int
    """Kafka timestamp, milliseconds since the epoch."""
    key: bytes | None
    payload: bytes
    account_id: str
    topic_id: str

    @property
    def order_id(self) -> str | None:
        """The order that it is about first of all."""
        said = (*self.parsed.observations, *self.parsed.evidence)
        return said[0].order_id if said else None

    def __repr__(self) -> str:
        return f"Record({self.place})"  # never the payload


class DeadLetter(NamedTuple):
    """A record that can't be applied."""

    place: Place
    topic_id: str
    key: bytes | None
    payload: bytes | None
    known_at_ms: int
    account_id: str
    """`unknown` where it can't be read."""
    order_id: str | None
    reason: str
    """Short code, fit for a metric label."""
    error: str

    def __repr__(self) -> str:
        return f"DeadLetter({self.place}, {self.reason!r})"  # never the payload


class CursorMove(NamedTuple):
    """One cursor's compare-and-set."""

    topic: str
    partition: int
    expected: int
    epoch: int
    topic_id: str
    next_offset: int
    leader_epoch: int | None
    last_record_ms: int | None
    """Kafka timestamp of the last record applied; None leaves what stands there."""


class Batch(NamedTuple):
    """One transaction."""

    fold: Fold
    dead_letters: list[DeadLetter]
    moves: list[CursorMove]
    records: Callable[[], list[Record]]
    """What was folded, record by record: asked for only when Postgres refuses one of them."""
    holdings: Sequence[Holding] = ()
    """Readings of the account and its positions."""


class Written(NamedTuple):
    """What a committed transaction did."""

    events: int
    """New observations in the history."""
    duplicates: int
    """Observations that stood there already, or twice in the batch."""
    dead_letters: tuple[DeadLetter, ...]
    """All that were put aside, those that Postgres refused included."""
    opened: tuple[str, ...]
    """Types of the discrepancies that were opened or seen again."""


def batch_of(
    records: list[Record],
    dead_letters: list[DeadLetter] | None = None,
    moves: list[CursorMove] | None = None,
    holdings: Sequence[Holding] = (),
) -> Batch:
    """A batch of records that are at hand."""
    return Batch(fold_records(records), dead_letters or [], moves or [], lambda: records, holdings)


def fold_records(records: list[Record]) -> Fold:
    """The fold of some records."""
    fold = Fold()
    for record in records:
        fold.add(record.parsed, record.known_at_ms)
    return fold
