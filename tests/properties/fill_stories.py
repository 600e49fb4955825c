"""Generated evidence of one order's fills, of two kinds.

*Wild* evidence is anything that the types allow, from small sets of values so that ids, times and prices collide: it
decides the properties that hold for whatever comes. A *story* has a truth (what was really executed, busted, corrected)
and the evidence that a broker would give of it: it decides whether the sums are right.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from hypothesis import strategies as st

from stream_reconcile.core.evidence import (
    Activity,
    Bust,
    Coordinates,
    Evidence,
    Execution,
    ExecutionAdjustment,
    Residual,
    ReversalAdjustment,
)

ACCOUNT, ORDER, SYMBOL = "account-1", "order-1", "BTC/USD"
SECOND = 1_000_000_000
MILLISECOND = 1_000_000
EPOCH = 1_790_000_000 * SECOND
NOWHERE = Coordinates("", 0, 0)

# Equal as decimals and written differently, on purpose.
quantities = st.sampled_from([Decimal("1"), Decimal("1.00"), Decimal("2"), Decimal("0.5")])
prices = st.sampled_from([Decimal("10"), Decimal("10.0"), Decimal("10.000000001")])
moments = st.sampled_from(
    [0, 1, MILLISECOND, SECOND, 3 * SECOND, 5 * SECOND, 5 * SECOND + 1, 7 * SECOND, 10 * SECOND, 60 * SECOND]
).map(lambda ns: EPOCH + ns)
cumulatives = st.sampled_from([None, Decimal(1), Decimal("1.0"), Decimal(2), Decimal(3)])
execution_ids = st.sampled_from(["e1", "e2", "e3", "e4", "e5", "e6"])
sides = st.sampled_from(["buy", "buy", ""])
symbols = st.sampled_from([SYMBOL, "BTCUSD", ""])


@st.composite
def executions(draw: st.DrawFn) -> Execution:
    previous = draw(st.one_of(st.none(), st.none(), execution_ids, st.just("")))
    return Execution(
        ACCOUNT, ORDER, draw(execution_ids), draw(quantities), draw(prices), draw(moments),
        draw(cumulatives) if previous is None else None, draw(symbols), draw(sides), NOWHERE, previous,
    )  # fmt: skip


@st.composite
def busts(draw: st.DrawFn) -> Bust:
    qty = draw(st.one_of(st.none(), quantities, quantities.map(lambda q: -q)))
    return Bust(ACCOUNT, ORDER, draw(execution_ids), draw(moments), NOWHERE, qty)


@st.composite
def activities(draw: st.DrawFn) -> Activity:
    activity_id = draw(st.sampled_from(["a1", "a2", "a3", "a4", "a5", "a6"]))
    return Activity(
        ACCOUNT, ORDER, activity_id, draw(quantities), draw(prices), draw(moments), draw(cumulatives), SYMBOL, "buy",
        NOWHERE,
    )  # fmt: skip


@st.composite
def residuals(draw: st.DrawFn) -> Residual:
    explained_from = Decimal(draw(st.integers(1, 8)))
    return Residual(
        ACCOUNT, ORDER, draw(st.sampled_from(["k1", "k2"])), draw(quantities), draw(prices), draw(moments),
        explained_from, SYMBOL, "buy", NOWHERE,
    )  # fmt: skip


@st.composite
def execution_adjustments(draw: st.DrawFn) -> ExecutionAdjustment:
    return ExecutionAdjustment(
        ACCOUNT, ORDER, draw(execution_ids), draw(quantities), draw(prices), draw(moments), SYMBOL, "buy", NOWHERE
    )


@st.composite
def reversal_adjustments(draw: st.DrawFn) -> ReversalAdjustment:
    target = draw(st.one_of(execution_ids.map("x:{}".format), st.sampled_from(["a:a1", "a:a2", "a:a3"])))
    return ReversalAdjustment(ACCOUNT, ORDER, target, draw(quantities), draw(prices), draw(moments), "", "buy", NOWHERE)


_anything: st.SearchStrategy[Evidence] = st.one_of(
    executions(),
    executions(),
    activities(),
    activities(),
    busts(),
    residuals(),
    execution_adjustments(),
    reversal_adjustments(),
)


def placed(evidence: list[Evidence]) -> list[Evidence]:
    """The same evidence, each in a place of its own: over two topics, in the order given within each."""
    topics: dict[type, str] = dict.fromkeys((Residual, ExecutionAdjustment, ReversalAdjustment), "adjustments")
    topics[Activity] = "fill-activities"
    return [
        replace(item, coordinates=Coordinates(topics.get(type(item), "trade-updates"), 0, offset))
        for offset, item in enumerate(evidence)
    ]


wild_evidence = st.lists(_anything, max_size=16).map(placed)
"""Anything, one id with two contents included."""


def identity(item: Evidence) -> tuple[str, str]:
    """Kind and id of a statement."""
    match item:
        case Execution():
            return "execution", item.execution_id
        case Bust():
            return "bust", item.previous_execution_id
        case Activity():
            return "activity", item.activity_id
        case Residual():
            return "residual", item.key
        case ExecutionAdjustment():
            return "adjustment", item.execution_id
        case ReversalAdjustment():
            return "reversal", item.reverses


consistent_evidence = st.lists(_anything, max_size=20, unique_by=identity).map(placed)
"""Anything, but each id has one content."""


near_moments = st.sampled_from([EPOCH, EPOCH + 4 * SECOND, EPOCH + 8 * SECOND])
"""Neighbours fit, the first and the last do not."""


@st.composite
def crowds(draw: st.DrawFn) -> list[Evidence]:
    """Consistent evidence of executions that all look alike, so that as much as possible fits and shifts."""
    one, price = Decimal(1), Decimal(10)
    spots = st.lists(st.tuples(near_moments, st.sampled_from([None, Decimal(1), Decimal(2)])), min_size=2, max_size=4)
    frames = [
        Execution(ACCOUNT, ORDER, f"e{n}", one, price, at, cumulative, SYMBOL, "buy", NOWHERE)
        for n, (at, cumulative) in enumerate(draw(spots))
    ]
    told = [
        Activity(ACCOUNT, ORDER, f"a{n}", one, price, at, cumulative, SYMBOL, "buy", NOWHERE)
        for n, (at, cumulative) in enumerate(draw(spots))
    ]
    adjusted = draw(st.sets(st.sampled_from([*(f.execution_id for f in frames), "lost"]), min_size=1, max_size=2))
    stand_ins = [
        ExecutionAdjustment(ACCOUNT, ORDER, name, one, price, EPOCH, SYMBOL, "buy", NOWHERE)
        for name in sorted(adjusted)
    ]
    explained_from = st.integers(1, 6).map(Decimal)
    residual = Residual(
        ACCOUNT, ORDER, "k", one, price, draw(near_moments), draw(explained_from), SYMBOL, "buy", NOWHERE
    )  # fmt: skip
    return placed([*stand_ins, *frames, *told, residual])


@dataclass(frozen=True)
class Happening:
    """One thing that really happened, and what the broker can say of it."""

    frame: Execution | Bust
    activity: Activity | None
    """None for a bust."""
    net: Decimal
    """The order's `filled_qty` afterwards."""
    lost: bool
    """The frame never arrives."""


@st.composite
def stories(draw: st.DrawFn, *, rounds: int = 1, most: int = 9, far: bool = False) -> list[list[Happening]]:
    """`rounds` stretches of what happened to one order, a minute apart.

    Executions collide in quantity, price and millisecond; after a bust or correction the same cumulative quantity comes
    again. Frames of executions can be lost, those of busts and corrections not. Each execution and each correction has
    its activity, up to five seconds off, or with `far` now and then a minute.
    """
    jitters = [0, 0, 1, -MILLISECOND, SECOND, -2 * SECOND, 5 * SECOND, -5 * SECOND, *([60 * SECOND] * 3 * far)]
    told: list[list[Happening]] = []
    live: dict[str, Decimal] = {}
    now, number, net = EPOCH, 0, Decimal(0)
    for _ in range(rounds):
        stretch: list[Happening] = []
        for _ in range(draw(st.integers(0 if rounds > 1 else 1, most))):
            now += draw(st.sampled_from([0, 1, MILLISECOND, SECOND, 4 * SECOND, 6 * SECOND]))
            number += 1
            kind = draw(st.sampled_from(["trade", "trade", "trade", "bust", "correction"])) if live else "trade"
            previous = draw(st.sampled_from(sorted(live))) if kind != "trade" else None
            if previous is not None:
                net -= live.pop(previous)
            if kind == "bust":
                frame: Execution | Bust = Bust(ACCOUNT, ORDER, previous or "", now, NOWHERE, Decimal(-1))
                stretch.append(Happening(frame, None, net, lost=False))
                continue
            qty, price = draw(quantities), draw(prices)
            net += qty
            name = f"x{draw(st.integers(0, 9))}-{number}"
            live[name] = qty
            cumulative = net if kind == "trade" and draw(st.integers(0, 4)) else None  # None: a leg not nested
            frame = Execution(
                ACCOUNT, ORDER, name, qty, price, now, cumulative, SYMBOL, "buy", NOWHERE, previous
            )  # fmt: skip
            jitter = draw(st.sampled_from(jitters))
            activity = Activity(
                ACCOUNT, ORDER, f"a{draw(st.integers(0, 9))}-{number}", qty, price, now + jitter, net, SYMBOL, "buy",
                NOWHERE,
            )  # fmt: skip
            stretch.append(Happening(frame, activity, net, lost=kind == "trade" and draw(st.booleans())))
        told.append(stretch)
        now += 60 * SECOND
    return told


def broker_evidence(story: list[Happening]) -> list[Evidence]:
    """All that the broker says of a story: the frames that were not lost, and each activity."""
    frames: list[Evidence] = [happening.frame for happening in story if not happening.lost]
    return placed([*frames, *(happening.activity for happening in story if happening.activity is not None)])


def stand_ins(story: list[Happening], waiting: tuple[str, ...]) -> list[Evidence]:
    """The `execution` adjustments of a sweep for originals whose frame is lost; their time is only a guess."""
    lost = [h.frame for h in story if h.lost and isinstance(h.frame, Execution) and h.frame.execution_id in waiting]
    return [
        ExecutionAdjustment(
            ACCOUNT, ORDER, e.execution_id, e.qty, e.price, e.transacted_at_ns + 40 * SECOND, SYMBOL, "buy",
            Coordinates("adjustments", 0, 1000 + number),
        )
        for number, e in enumerate(lost)
    ]  # fmt: skip
