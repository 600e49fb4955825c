"""Positions against fills (DISCREPANCIES E1, E3): a baseline for each symbol, and whether what is read follows from it.

The broker's positions are up to a window of seconds behind its orders, so a reading shows what was held at some moment
of its last window, and never says which. Counted back to one time by the fills since, it leaves a few quantities that
may have been held then. Two readings, a window apart, agree where they leave one and the same: that is the baseline,
which moves on with each reading that fits.
Only changes from it are judged, since what was held before we came is nobody's fill here.

Fills may be behind a reading as well: one whose frame was lost is known when its activity was read. So a reading waits
until activities were read a window later, and is judged by what is known then.

Pure. Times are nanoseconds since the epoch; quantities are signed, negative when short; symbols are `normal` ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from itertools import product
from typing import Final, NamedTuple

from stream_reconcile.core.sums import EXACT, total

WINDOW_S: Final = 15.0
AHEAD_S: Final = 2.0
"""Fills dated so much later than a reading may be in it: dates are the broker's clock, readings ours."""
FEE_SHARE: Final = Decimal("0.005")
"""Of what was traded, the most that fees in coins can have taken."""
UNSEEN: Final = ""
"""Stands for all symbols of which nothing is known: they were in no reading, so nothing was held of them."""

_MOST_POSSIBLE: Final = 1_000
_MOST_MOVEMENTS: Final = 200
_MOST_PENDING: Final = 4
_NANO: Final = 1_000_000_000
_NONE: Final = Decimal(0)


def normal(symbol: str) -> str:
    """`BTC/USD` → `BTCUSD`: orders name coins with a slash, positions without (alpaca-py#490)."""
    return symbol.replace("/", "").upper()


class Move(NamedTuple):
    """Fills of one symbol at one moment: their signed sum, and the sum of their sizes."""

    at_ns: int
    qty: Decimal
    traded: Decimal


class Reading(NamedTuple):
    """What the broker said was held."""

    qty: Decimal
    at_ns: int


class Movement(NamedTuple):
    """An activity that is no fill and states a quantity of a symbol."""

    activity_id: str
    activity_type: str
    symbol: str
    qty: Decimal

    @property
    def is_fee(self) -> bool:
        return self.activity_type == "CFEE"


@dataclass(frozen=True, slots=True)
class Known:
    """Of one symbol. `since_ns`: time from which fills count, None before the first reading; `possible`: what may have
    been held then, one quantity once `agreed`. `misfit`: the first reading in a row that does not follow. `adjusted`:
    sum of the movements counted since. `traded` (before `since_ns`) and `fees` (positive): sums since the first
    reading. `pending`: readings that are not judged yet, oldest first. `order_symbol`: as orders name it, once one was
    filled."""

    symbol: str
    since_ns: int | None = None
    possible: tuple[Decimal, ...] = ()
    agreed: bool = False
    misfit: Reading | None = None
    adjusted: Decimal = _NONE
    traded: Decimal = _NONE
    fees: Decimal = _NONE
    crypto: bool = False
    pending: tuple[Reading, ...] = ()
    order_symbol: str = ""

    @property
    def baseline(self) -> Decimal | None:
        """What was held at `since_ns`, once two readings agree on it."""
        return self.possible[0] if self.agreed else None


class Verdict(StrEnum):
    """waits: no baseline yet; fits; fee: fits but for what a fee in coins may have taken; misfit: once; drift: twice, a
    window apart, by the same quantity."""

    WAITS = "waits"
    FITS = "fits"
    FEE = "fee"
    MISFIT = "misfit"
    DRIFT = "drift"


class Judged(NamedTuple):
    """Of one reading. `beyond`: by how much it exceeds what the baseline lets expect, by the moment it may show, the
    latest moment first; empty without a baseline. `allowed`: what fees may have taken."""

    known: Known
    verdict: Verdict
    beyond: tuple[Decimal, ...]
    allowed: Decimal
    reading: Reading


def nets(moves: Iterable[Move], since_ns: int, begin_ns: int, end_ns: int) -> Iterator[Decimal]:
    """Net of the moves between `since_ns` and each moment from `begin_ns` to `end_ns`, where it changes; in order of
    time. Negative nets of moves where the moment is before `since_ns`."""
    ordered = sorted(moves)
    before = [move.qty for move in ordered if since_ns < move.at_ns <= begin_ns]
    back = [move.qty for move in ordered if begin_ns < move.at_ns <= since_ns]
    net = EXACT.subtract(total(before), total(back))
    yield net
    within = [move for move in ordered if begin_ns < move.at_ns <= end_ns]
    for place, move in enumerate(within):
        net = EXACT.add(net, move.qty)
        if place + 1 == len(within) or within[place + 1].at_ns != move.at_ns:
            yield net


def held_at(reading: Reading, moves: Iterable[Move], since_ns: int, *, window_s: float = WINDOW_S) -> list[Decimal]:
    """What may have been held at `since_ns`, by this reading; of the latest moment that it may show first."""
    begin_ns = reading.at_ns - round(window_s * _NANO)
    end_ns = reading.at_ns + round(min(AHEAD_S, window_s) * _NANO)
    found = [EXACT.subtract(reading.qty, net) for net in nets(moves, since_ns, begin_ns, end_ns)]
    return list(dict.fromkeys(reversed(found)))


def fits(reading: Reading, baseline: Reading, moves: Iterable[Move], *, window_s: float = WINDOW_S) -> bool:
    """Whether the reading is the baseline and the net of the moves since, at any moment of its last window."""
    return baseline.qty in held_at(reading, moves, baseline.at_ns, window_s=window_s)


def taken(known: Known, reading: Reading) -> Known:
    """With one more reading to judge."""
    return replace(known, pending=(*known.pending, reading)[-_MOST_PENDING:])


def settled(
    known: Known, until_ns: int, moves: Sequence[Move], *, window_s: float = WINDOW_S, apart_s: float = WINDOW_S
) -> Judged | None:
    """What the pending readings up to `until_ns` say, one after the other; None if there are none. `moves`: all since
    `known.since_ns`, and of the windows of the pending readings and of the misfit."""
    last: Judged | None = None
    for place, reading in enumerate(known.pending, 1):
        if reading.at_ns > until_ns:
            break
        before = replace(last.known if last else known, pending=known.pending[place:])
        last = judged(before, reading, moves, window_s=window_s, apart_s=apart_s)
    return last


def judged(
    known: Known, reading: Reading, moves: Sequence[Move], *, window_s: float = WINDOW_S, apart_s: float = WINDOW_S
) -> Judged:
    """What a reading says, and what is known after it."""
    since_ns = reading.at_ns if known.since_ns is None else known.since_ns
    apart_ns = round(apart_s * _NANO)
    if known.baseline is None:
        held = _unadjusted(known, reading, moves, since_ns, window_s)
        return _without_baseline(known, reading, moves, held, reading.at_ns - since_ns >= apart_ns, window_s)
    known = _misfit_again(known, moves, since_ns, window_s)
    since_ns = known.since_ns or since_ns
    beyond, allowed = _beyond(known, reading, moves, since_ns, window_s), _fee_allowance(known, moves, since_ns)
    if _NONE in beyond:
        begin_ns = reading.at_ns - round(window_s * _NANO)
        return Judged(_moved_on(known, moves, since_ns, begin_ns), Verdict.FITS, beyond, allowed, reading)
    if _lacks_a_fee(beyond, allowed):
        return Judged(replace(known, misfit=None), Verdict.FEE, beyond, allowed, reading)
    first = known.misfit
    if first is None or reading.at_ns - first.at_ns < apart_ns:
        return Judged(replace(known, misfit=first or reading), Verdict.MISFIT, beyond, allowed, reading)
    if not _meet(beyond, _beyond(known, first, moves, since_ns, window_s), allowed):
        return Judged(replace(known, misfit=reading), Verdict.MISFIT, beyond, allowed, reading)
    return Judged(known, Verdict.DRIFT, beyond, allowed, reading)


def _misfit_again(known: Known, moves: Sequence[Move], since_ns: int, window_s: float) -> Known:
    """By what is known now, the first misfit may be none: fills that were missing then have come."""
    if known.misfit is None:
        return known
    beyond = _beyond(known, known.misfit, moves, since_ns, window_s)
    if _NONE in beyond:
        return _moved_on(known, moves, since_ns, known.misfit.at_ns - round(window_s * _NANO))
    return replace(known, misfit=None) if _lacks_a_fee(beyond, _fee_allowance(known, moves, since_ns)) else known


def _unadjusted(known: Known, reading: Reading, moves: Sequence[Move], since_ns: int, window_s: float) -> list[Decimal]:
    """What may have been held at `since_ns`, by a reading less the movements counted."""
    return held_at(
        reading._replace(qty=EXACT.subtract(reading.qty, known.adjusted)), moves, since_ns, window_s=window_s
    )


def _beyond(
    known: Known, reading: Reading, moves: Sequence[Move], since_ns: int, window_s: float
) -> tuple[Decimal, ...]:
    baseline = known.possible[0]
    return tuple(EXACT.subtract(held, baseline) for held in _unadjusted(known, reading, moves, since_ns, window_s))


def _lacks_a_fee(beyond: Iterable[Decimal], allowed: Decimal) -> bool:
    return any(-allowed <= more < 0 for more in beyond)


def begun_anew(known: Known) -> Known:
    """The symbol, and nothing known of what is held."""
    return Known(known.symbol, crypto=known.crypto, order_symbol=known.order_symbol)


def _meet(one: Iterable[Decimal], other: Iterable[Decimal], allowed: Decimal) -> bool:
    """Whether both may be beyond by the same quantity, but for fees taken between them."""
    if not allowed:
        return not set(one).isdisjoint(other)
    return any(abs(EXACT.subtract(left, right)) <= allowed for left, right in product(one, other))


def _without_baseline(
    known: Known, reading: Reading, moves: Sequence[Move], held: list[Decimal], apart: bool, window_s: float
) -> Judged:
    both = [quantity for quantity in held if quantity in known.possible]
    if known.since_ns is None or not both:
        possible = held_at(reading, moves, reading.at_ns, window_s=window_s)
        begun = replace(begun_anew(known), pending=known.pending)
        if len(possible) <= _MOST_POSSIBLE:
            begun = replace(begun, since_ns=reading.at_ns, possible=tuple(possible))
        return Judged(begun, Verdict.WAITS, (), _NONE, reading)
    agreed = apart and len(both) == 1
    found = replace(known, possible=tuple(both), agreed=agreed)
    verdict = Verdict.FITS if agreed else Verdict.WAITS
    return Judged(found, verdict, (_NONE,) if agreed else (), _NONE, reading)


def _moved_on(known: Known, moves: Sequence[Move], since_ns: int, begin_ns: int) -> Known:
    """With a baseline at the beginning of the window of a reading that fits.

    It shows all fills up to there, whenever they become known; so it confirms their sum, and they need not be added up
    again each time. A fill of the window itself that is not known yet still counts when it is.
    """
    known = replace(known, misfit=None)
    if since_ns >= begin_ns:
        return known
    past = [move for move in moves if since_ns < move.at_ns <= begin_ns]
    held = total([known.possible[0], known.adjusted, *(move.qty for move in past)])
    traded = total([known.traded, *(move.traded for move in past)])
    return replace(known, since_ns=begin_ns, possible=(held,), adjusted=_NONE, traded=traded)


def _fee_allowance(known: Known, moves: Iterable[Move], since_ns: int) -> Decimal:
    if not known.crypto:
        return _NONE
    traded = total([known.traded, *(move.traded for move in moves if move.at_ns > since_ns)])
    return max(_NONE, EXACT.subtract(EXACT.multiply(traded, FEE_SHARE), known.fees))


def explaining(judgement: Judged, movements: Iterable[Movement]) -> list[Movement]:
    """Movements of the symbol, none counted yet, that account for what the reading is beyond its baseline; fees may
    account for a part. Empty where none do: an activity that is not needed may be older than the baseline.

    The shortest run, and of these the newest, that with fees, oldest first, leaves nothing but fees to come.
    """
    listed = sorted(movements)[-_MOST_MOVEMENTS:]
    others = [movement for movement in listed if not movement.is_fee]
    for more in judgement.beyond:
        for run in _runs(others):
            left = EXACT.subtract(more, total(movement.qty for movement in run))
            fees, left = _fees(left, listed) if judgement.known.crypto else ([], left)
            if (run or fees) and -judgement.allowed <= left <= 0:
                return sorted([*run, *fees])
    return []


def _runs(movements: Sequence[Movement]) -> Iterator[Sequence[Movement]]:
    yield ()
    for length in range(1, len(movements) + 1):
        for end in range(len(movements), length - 1, -1):
            yield movements[end - length : end]


def _fees(more: Decimal, movements: Iterable[Movement]) -> tuple[list[Movement], Decimal]:
    """The fees that are no more than what is missing, and what they leave."""
    taken: list[Movement] = []
    for movement in movements:
        if movement.is_fee and more <= movement.qty < 0:
            taken.append(movement)
            more = EXACT.subtract(more, movement.qty)
    return taken, more


def counted(known: Known, movements: Iterable[Movement]) -> Known:
    """With these movements in the expectation."""
    listed = list(movements)
    fees = total(-movement.qty for movement in listed if movement.is_fee)
    adjusted = EXACT.add(known.adjusted, total(movement.qty for movement in listed))
    return replace(known, adjusted=adjusted, fees=EXACT.add(known.fees, fees), misfit=None)
