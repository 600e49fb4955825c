"""The tables as plain values: what a copy of the database is, and what can be restored from one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

from stream_reconcile.core.cursors import Cursor
from stream_reconcile.core.evidence import Coordinates, Evidence, Execution
from stream_reconcile.core.fills import FillRow
from stream_reconcile.core.fold import OrderKey
from stream_reconcile.core.merge import ParentStatement
from stream_reconcile.core.observation import NULL, ORDER_COLUMNS, Observation
from stream_reconcile.core.timestamps import parse_ns

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
COLUMN: Final = {name: place for place, name in enumerate(ORDER_COLUMNS)}
NOWHERE: Final = Coordinates("", 0, 0)
Place = tuple[str, int]


def moment(ns: int) -> datetime:
    """Nanoseconds since the epoch as Postgres keeps them."""
    return EPOCH + timedelta(microseconds=ns // 1000)


def nanoseconds(at: datetime) -> int:
    """The other way."""
    return (at - EPOCH) // timedelta(microseconds=1) * 1000


@dataclass(frozen=True, slots=True)
class Standing:
    """A row of `executions`: the observation that made it, its columns in canonical text."""

    winner: Observation
    columns: tuple[str, ...]
    stated: int
    parent: ParentStatement | None
    mixed: bool
    has_evidence: bool
    recorded_ns: int

    def text(self, name: str) -> str | None:
        value = self.columns[COLUMN[name]]
        return None if value == NULL else value

    def number(self, name: str) -> Decimal | None:
        value = self.columns[COLUMN[name]]
        return None if value == NULL else Decimal(value)

    def time_ns(self, name: str) -> int | None:
        value = self.columns[COLUMN[name]]
        return None if value == NULL else parse_ns(value)


class CursorRow(NamedTuple):
    """A row of `stream_cursors`."""

    cursor: Cursor
    max_offset: int
    last_record_ms: int | None


class LeaseRow(NamedTuple):
    owner: str
    epoch: int
    expires_ns: int
    reconnect_asked_ns: int | None = None


class SessionRow(NamedTuple):
    session_id: str
    owner: str
    epoch: int
    good_until_ns: int | None
    opened_ns: int
    listening_ns: int | None
    closed_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    gap_id: int
    session_id: str | None
    start_ns: int
    end_ns: int | None
    closed_ns: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SweepRow:
    sweep_id: int
    kind: str
    started_ns: int
    window_start_ns: int
    complete: bool = False
    finished: bool = False
    unchecked: int = 0
    error: str | None = None
    proven_ns: int | None = None
    resume_before_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """`state`: open, resolved or accepted."""

    number: int
    account_id: str
    type: str
    subject: str
    evidence: dict[str, Any]
    first_seen_ns: int
    last_seen_ns: int
    state: str = "open"
    attempts: int = 0


class Letter(NamedTuple):
    place: tuple[str, int, int]
    topic_id: str
    known_ms: int
    account_id: str
    order_id: str | None
    recorded_ns: int


class Check(NamedTuple):
    checked_ns: int
    absent_since_ns: int | None = None
    absences: int = 0


@dataclass(slots=True)
class Tables:
    """All of the database. Values are immutable: a copy is a copy of the dictionaries."""

    executions: dict[OrderKey, Standing] = field(default_factory=dict)
    events: dict[OrderKey, dict[str, Observation]] = field(default_factory=dict)
    evidence: dict[OrderKey, dict[Evidence, Evidence]] = field(default_factory=dict)
    """By content, which is the statement without its place."""
    fills: dict[OrderKey, dict[str, FillRow]] = field(default_factory=dict)
    fill_owner: dict[str, OrderKey] = field(default_factory=dict)
    letters: dict[tuple[str, int, int], Letter] = field(default_factory=dict)
    cursors: dict[Place, CursorRow] = field(default_factory=dict)
    leases: dict[str, LeaseRow] = field(default_factory=dict)
    sessions: list[SessionRow] = field(default_factory=list)
    gaps: dict[int, Gap] = field(default_factory=dict)
    sweeps: dict[int, SweepRow] = field(default_factory=dict)
    discrepancies: dict[int, Discrepancy] = field(default_factory=dict)
    open: dict[tuple[str, str], int] = field(default_factory=dict)
    """Type and subject of what is open."""
    checks: dict[tuple[str, str], Check] = field(default_factory=dict)
    actions: list[dict[str, Any]] = field(default_factory=list)
    applied: dict[tuple[str, str, int], set[int]] = field(default_factory=dict)
    """Not of the database: offsets whose records are in the rows, by topic id, topic and partition."""
    next_id: int = 1

    def copy(self) -> Tables:
        """As a backup has them."""
        copied = replace(self)
        for name in self.__slots__:
            value = getattr(self, name)
            if name in ("events", "evidence", "fills"):
                setattr(copied, name, {key: dict(inner) for key, inner in value.items()})
            elif name == "applied":
                setattr(copied, name, {key: set(inner) for key, inner in value.items()})
            elif isinstance(value, (dict, list)):
                setattr(copied, name, type(value)(value))
        return copied

    def new_id(self) -> int:
        self.next_id += 1
        return self.next_id

    def net(self, order: OrderKey) -> Decimal:
        return sum((fill.qty for fill in self.fills.get(order, {}).values()), Decimal(0))

    # -- discrepancies: open_discrepancies, close_discrepancies and record_discrepancies of apply.sql ------------------

    def find(self, account_id: str, kind: str, subject: str, evidence: dict[str, Any], now_ns: int) -> None:
        """Open one, touch the one that is open, or nothing, where this evidence stands in a row already."""
        standing = self.open.get((kind, subject))
        before = [
            d for d in self.discrepancies.values() if d.type == kind and d.subject == subject and d.state != "open"
        ]
        same = next((d for d in before if d.evidence == evidence), None)
        if standing is not None:
            if same is None:
                self.discrepancies[standing] = replace(
                    self.discrepancies[standing], last_seen_ns=now_ns, evidence=evidence
                )
        elif same is None:
            number = self.new_id()
            self.discrepancies[number] = Discrepancy(number, account_id, kind, subject, evidence, now_ns, now_ns)
            self.open[kind, subject] = number
        elif same.state == "resolved" and kind in ("missing_fill", "excess_fill"):
            self.discrepancies[same.number] = replace(same, state="open", last_seen_ns=now_ns)
            self.open[kind, subject] = same.number

    def settle(self, kind: str, subject: str, now_ns: int, state: str = "resolved") -> None:
        """Close the one that is open."""
        number = self.open.pop((kind, subject), None)
        if number is not None:
            self.discrepancies[number] = replace(self.discrepancies[number], state=state, last_seen_ns=now_ns)

    def record(
        self, account_id: str, kind: str, subject: str, evidence: dict[str, Any], once: bool, now_ns: int
    ) -> None:
        """One that is over as it is found."""
        for known in self.discrepancies.values():
            if known.type == kind and known.subject == subject and (once or known.evidence == evidence):
                return
        number = self.new_id()
        self.discrepancies[number] = Discrepancy(
            number, account_id, kind, subject, evidence, now_ns, now_ns, "resolved"
        )


def execution_of(o: Observation) -> Execution:
    """A fill frame as evidence: `frames_of` of apply.sql, with store.rows.execution_from_frame."""
    at, qty, price, _position = o.execution
    columns = o.columns
    symbol, side = (columns[COLUMN[name]] for name in ("symbol", "side"))
    return Execution(
        o.account_id,
        o.order_id,
        o.execution_id or "",
        abs(Decimal(qty)),
        Decimal(price),
        parse_ns(at),
        None if o.filled_qty is None else Decimal(o.filled_qty),
        "" if symbol == NULL else symbol,
        "" if side == NULL else side,
        Coordinates(o.topic, o.partition, o.offset),
    )
