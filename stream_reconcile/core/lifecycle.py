"""The life of an order as tables: what each status and each event means, and which steps deserve a flag.

The tables rank and flag. They never block, delay or keep a status: what the broker said last is the row (I2, C6).
A status or event that is not listed is data too: it has a rank or effect of its own, and the caller counts it (I8).

Sources: docs.alpaca.markets "Orders at Alpaca" (order lifecycle) and "WebSocket streaming" (events); the status and
event enumerations of the official Python and C# clients; the broker's event feed for held, restated and trade_*.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple


class Status(NamedTuple):
    """One order status."""

    rank: int
    """Breaks ties in I2's order between observations of equal version and `filled_qty`: the greater is the later."""
    terminal: bool
    """True: nothing more will be executed under this order id, busts and corrections excepted."""


# Ranks leave room, so that a status learnt later finds its place without moving the others: a moved rank could change
# the winner of a tie when the log is replayed.
STATUSES: Final[Mapping[str, Status]] = MappingProxyType(
    {
        "pending_review": Status(100, terminal=False),
        "pending_new": Status(110, terminal=False),
        "accepted": Status(120, terminal=False),
        "accepted_for_bidding": Status(130, terminal=False),
        "held": Status(140, terminal=False),
        "new": Status(200, terminal=False),
        "suspended": Status(210, terminal=False),
        "stopped": Status(220, terminal=False),  # a trade is guaranteed, and has not yet happened
        "partially_filled": Status(300, terminal=False),
        "pending_replace": Status(310, terminal=False),
        "pending_cancel": Status(320, terminal=False),
        "done_for_day": Status(400, terminal=False),  # a GTC order wakes up on the next day
        "calculated": Status(410, terminal=False),  # done for the day, settlement still being calculated
        "rejected": Status(900, terminal=True),
        "expired": Status(910, terminal=True),
        "canceled": Status(920, terminal=True),
        "replaced": Status(930, terminal=True),
        "filled": Status(940, terminal=True),
    }
)

UNKNOWN_RANK: Final = 600
"""Rank of a status that is not listed: above the open ones, since a new name tells more than an old one, and below the
terminal ones, so that a tie never reopens an order that is known to have ended."""

_ABSENT_RANK: Final = 0  # no status at all: any stated one tells more

_RANKS: Final = {"": _ABSENT_RANK} | {name: status.rank for name, status in STATUSES.items()}


def status_rank(status: str) -> int:
    """Rank of a status in I2's order; `UNKNOWN_RANK` for one that is not listed, the lowest for "" (none stated)."""
    return _RANKS.get(status, UNKNOWN_RANK)


def is_terminal(status: str) -> bool:
    """True for a listed terminal status. An unknown one is not known to have ended."""
    known = STATUSES.get(status)
    return known is not None and known.terminal


def is_open(status: str) -> bool:
    """True for a listed open status. An unknown one is neither open nor terminal: nothing is inferred from it."""
    known = STATUSES.get(status)
    return known is not None and not known.terminal


class EventKind(StrEnum):
    """What an event does beyond stating its order."""

    FILL = "fill"
    """An execution: execution id, quantity and price of its own (a multi-leg parent's are in its legs)."""
    CORRECTION = "correction"
    """A new execution in place of `previous_execution_id` (B10)."""
    BUST = "bust"
    """`previous_execution_id` did not happen (B9)."""
    REFUSAL = "refusal"
    """A replace or cancel request was refused; the order lives on."""
    INFORMATIVE = "informative"
    """States the order, nothing else. An execution id in it is no fill: `new` carries one (sample 04)."""
    UNKNOWN = "unknown"
    """Not listed: kept as an observation of its order, counted by the caller."""


class Flag(StrEnum):
    """`type` of the discrepancy that an event or step opens (DISCREPANCIES)."""

    CANCEL_FILL_RACE = "cancel_fill_race"
    IMPOSSIBLE_REGRESSION = "impossible_regression"
    REPLACE_REJECTED = "replace_rejected"
    TRADE_BUST = "trade_bust"
    TRADE_CORRECT = "trade_correct"


class Effect(NamedTuple):
    """What an event calls for."""

    kind: EventKind
    flag: Flag | None = None


_INFORMATIVE: Final = Effect(EventKind.INFORMATIVE)
_UNKNOWN: Final = Effect(EventKind.UNKNOWN)

EVENTS: Final[Mapping[str, Effect]] = MappingProxyType(
    {
        "fill": Effect(EventKind.FILL),
        "partial_fill": Effect(EventKind.FILL),
        "trade_correct": Effect(EventKind.CORRECTION, Flag.TRADE_CORRECT),
        "trade_bust": Effect(EventKind.BUST, Flag.TRADE_BUST),
        "order_replace_rejected": Effect(EventKind.REFUSAL, Flag.REPLACE_REJECTED),
        "order_cancel_rejected": Effect(EventKind.REFUSAL),
        "accepted": _INFORMATIVE,
        "calculated": _INFORMATIVE,
        "canceled": _INFORMATIVE,
        "done_for_day": _INFORMATIVE,
        "expired": _INFORMATIVE,
        "held": _INFORMATIVE,
        "new": _INFORMATIVE,
        # A status that one client also knows as an event. Were it to stand for an execution, taking it for none is
        # repaired by that order's FILL activities; the other mistake would invent an execution.
        "partially_filled": _INFORMATIVE,
        "pending_cancel": _INFORMATIVE,
        "pending_new": _INFORMATIVE,
        "pending_replace": _INFORMATIVE,
        "pending_review": _INFORMATIVE,
        "rejected": _INFORMATIVE,
        "replaced": _INFORMATIVE,
        "restated": _INFORMATIVE,
        "stopped": _INFORMATIVE,
        "suspended": _INFORMATIVE,
    }
)

FILL_EVENTS: Final = frozenset(name for name, effect in EVENTS.items() if effect.kind is EventKind.FILL)
REVERSAL_EVENTS: Final = frozenset(
    name for name, effect in EVENTS.items() if effect.kind in (EventKind.BUST, EventKind.CORRECTION)
)


def event_effect(event: str) -> Effect:
    """What an event calls for; kind UNKNOWN for one that is not listed."""
    return EVENTS.get(event, _UNKNOWN)


def step_flags(earlier: str, later: str, *, cancel_requested: bool = False) -> tuple[Flag, ...]:
    """Flags of two observations of one order, `earlier` less than `later` in I2's order, by their statuses.

    `cancel_requested`: one of the two states a `cancel_requested_at`.

    Compare each observation with the row that stands after its batch, the older of the two first. Then, whatever the
    arrival and the batches, an order whose row is open although an observation below it was terminal has been flagged.
    """
    flags: list[Flag] = []
    if later == "filled" and (cancel_requested or earlier == "pending_cancel"):
        flags.append(Flag.CANCEL_FILL_RACE)
    if is_terminal(earlier) and is_open(later):
        flags.append(Flag.IMPOSSIBLE_REGRESSION)
    return tuple(flags)
