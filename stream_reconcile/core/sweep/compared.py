"""One order of the broker's beside our row, and the rules by which a difference is a discrepancy (DISCREPANCIES.md)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple

from stream_reconcile.core.lifecycle import is_terminal

Verdict = Literal["new", "newer", "other", "same", "older"]
DOMINATED: Final = frozenset(("same", "older"))
STUCK: Final = frozenset(("pending_cancel", "pending_replace"))
_SHOWN: Final = 64

# Those that close themselves once the order was read again and the rule does not hold any more.
SELF_CLOSING: Final = (
    "missed_terminal", "broken_replace_chain", "missing_leg", "stuck_pending", "missing_at_broker",
    "impossible_regression",
)  # fmt: skip
ASKED_AGAIN: Final = frozenset(("impossible_regression",))
"""Of these, what is opened by apply: only a sweep that began after that has asked again."""


class Compared(NamedTuple):
    """An observation and the row of its order. Times are seconds since the epoch, None where not stated."""

    order_id: str
    parent_order_id: str | None
    """Stated where the order was read inside its parent."""
    verdict: Verdict
    status: str | None
    filled_qty: Decimal | None
    our_status: str | None
    """None where there is no row."""
    our_filled_qty: Decimal | None
    net_qty: Decimal
    """Sum of the fills we have of it. Of a multi-leg parent whose legs make up what the broker states: that."""
    origin: str | None
    to_bind: bool
    """A decision for its client order id is there, and the row and it do not name each other: apply binds the two when
    it sees the order again. Never where apply has found that another order stands under that id (A3)."""
    missing_successor: str | None
    """What `replaced_by` names, if that order has no row."""
    submitted_s: float | None
    updated_s: float
    drift: dict[str, list[str]] | None = None
    """Terms of our row that are not as its decision has them: name to the broker's value and ours. An order that
    stands in place of another, as a replace makes one, has none."""

    @property
    def is_dominated(self) -> bool:
        """The row says what the observation says, or what came after it (I2)."""
        return self.verdict in DOMINATED

    @property
    def is_settled(self) -> bool:
        """Nothing is to be had from publishing it."""
        return self.is_dominated and not self.to_bind


@dataclass(frozen=True, slots=True)
class Graces:
    """Seconds for which a difference is no discrepancy yet."""

    finding_s: float = 5.0
    absence_s: float = 30.0
    stuck_s: float = 120.0
    residual_s: float = 600.0
    apart_s: float = 15.0
    second_writer_s: float = 60.0


class Found(NamedTuple):
    """A discrepancy; its subject is the order."""

    type: str
    subject: str
    evidence: dict[str, Any]


def found_in(
    one: Compared, now_s: float, graces: Graces, *, read_s: float | None = None, parent_is_new: bool = False
) -> list[Found]:
    """What is wrong with an order, after apply has passed all that was in the log at `now_s`.

    `read_s`: when the broker said it, where that was before. A sweep that reads for minutes, or waits for apply, says
    nothing of what the order has become meanwhile. `parent_is_new`: it was read inside an order of which we knew
    nothing either.

    A difference of version alone is none: the broker is a moment ahead. The sums of fills are apply's to check.
    """
    found: list[Found] = []

    def add(kind: str, **ours: Any) -> None:
        # With its version: what is found a second time by the same words is another finding.
        broker = {"status": one.status, "filled_qty": _text(one.filled_qty), "updated_s": one.updated_s}
        mine = {"status": one.our_status, "filled_qty": _text(one.our_filled_qty), **ours}
        found.append(Found(kind, one.order_id, {"broker": broker, "ours": mine}))

    settled = now_s - one.updated_s >= graces.finding_s
    status = one.status or ""
    behind = one.verdict in ("newer", "other")
    if settled and behind and is_terminal(status) and one.our_status is not None and not is_terminal(one.our_status):
        add("missed_terminal")
    # Of an order that is new here, the successor may be just as new: it is looked at when both are published.
    if settled and one.missing_successor is not None and one.verdict != "new":
        add("broken_replace_chain", missing=one.missing_successor)
    if settled and one.parent_order_id is not None and one.verdict == "new" and not parent_is_new:
        add("missing_leg", parent_order_id=one.parent_order_id)
    if status in STUCK and (now_s if read_s is None else read_s) - one.updated_s >= graces.stuck_s:
        add("stuck_pending")
    return found


def origin_of(one: Compared, now_s: float, graces: Graces) -> Found | None:
    """A4 or A5: where an order comes from that nobody here recorded; the root of a family speaks for it."""
    kind = {"external": "external_order", "recovered": "unrecorded_order"}.get(one.origin or "")
    submitted = one.submitted_s if one.submitted_s is not None else one.updated_s
    # What was not bound when it was read is republished, and judged as it stands then.
    if kind is None or one.to_bind or one.parent_order_id is not None or now_s - submitted < graces.finding_s:
        return None
    return Found(kind, one.order_id, {"broker": {"order_id": one.order_id}, "ours": {"origin": one.origin}})


def drift_of(one: Compared) -> Found | None:
    """A6: limit, time in force or quantity are not as decided, and no replace says why."""
    if not one.drift or not one.is_dominated:
        return None
    broker = {name: theirs for name, (theirs, _ours) in one.drift.items()}
    ours = {name: decided for name, (_theirs, decided) in one.drift.items()}
    return Found("parameter_drift", one.order_id, {"broker": broker, "ours": ours})


def wants_a_look(one: Compared) -> bool:
    """Whether apply has to be waited for before anything can be said of this order."""
    return not one.is_settled or one.missing_successor is not None or not adds_up(one)


def adds_up(one: Compared) -> bool:
    """Whether the fills that we have of the order, or of its legs, are as many as the broker says."""
    return one.filled_qty is None or one.net_qty == one.filled_qty


def is_news(one: Compared) -> bool:
    """The broker has changed the order and the stream did not tell."""
    return one.verdict in ("new", "newer")


def still_open(status: str | None) -> bool:
    """Whether the broker may yet change the order; a status that we don't know may."""
    return status is None or not is_terminal(status)


def shown_id(text: str) -> str:
    """An id of whatever characters, fit for a line of a log or an evidence: escaped, its beginning."""
    escaped = text.encode("unicode_escape").decode()
    return escaped if len(escaped) <= _SHOWN else f"{escaped[:_SHOWN]}…"


def _text(number: Decimal | None) -> str | None:
    return None if number is None else format(number.normalize(), "f")
