"""A whole history as a pure function of its seed: frames in broker order, and the truth they add up to.

    history = generate_history(7, orders=1000)
    for raw in history:            # bytes, as the websocket would have carried them
        ...
    history.truth                  # complete once the last frame has been drawn

Nothing is kept but the orders that are still alive, and the truth where its sink keeps it: a million frames are drawn
in the memory of a thousand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, overload

from stream_reconcile.simulator.activities import fill_activity
from stream_reconcile.simulator.brokerage import Brokerage
from stream_reconcile.simulator.flow import Stage
from stream_reconcile.simulator.flow_groups import draw
from stream_reconcile.simulator.frames import Frame
from stream_reconcile.simulator.groups import Flow
from stream_reconcile.simulator.orders import Execution
from stream_reconcile.simulator.schedule import Schedule
from stream_reconcile.simulator.tickets import Family, Market, TicketDesk
from stream_reconcile.simulator.truth import MemoryTruth, TruthSink, truth_of
from stream_reconcile.simulator.values import SECOND, decimal_text, parse_time, seeded

DEFAULT_START = parse_time("2026-11-02T14:30:00Z")
"""A Monday, 9:30 in New York."""

EVENTS_PER_FAMILY = 4.36
"""About so many frames for each order with its legs and replacements, all kinds mixed (measured)."""


@dataclass(frozen=True, slots=True)
class HistoryCounts:
    """What has been drawn so far."""

    orders: int
    frames: int
    executions: int


SinkT = TypeVar("SinkT", bound=TruthSink)
FrameT = TypeVar("FrameT")


class History(Generic[SinkT]):
    """One run of the generator; iterate it once. Frames come as bytes, or by `frames()` with what is in them."""

    def __init__(self, seed: int | str, orders: int, start: int, rate: float, truth: SinkT) -> None:
        self.truth: SinkT = truth
        self.activities: list[dict[str, object]] | None = None
        self._wanted = orders
        self._frames_drawn = 0
        self._executions = 0
        self._outbox: list[Frame] = []
        self._interval = round(EVENTS_PER_FAMILY * SECOND / rate)
        self._start = start
        rng = seeded(seed)
        self._brokerage = Brokerage(rng, self._outbox.append)
        self._brokerage.on_execution = self._executed
        market = Market()
        desk = TicketDesk(rng, self._brokerage.positions, market, self._brokerage.ids)
        self._stage = Stage(self._brokerage, desk, market, rng)

    def __iter__(self) -> Iterator[bytes]:
        return (frame.raw for frame in self.frames())

    @property
    def counts(self) -> HistoryCounts:
        return HistoryCounts(self._brokerage.orders_opened, self._frames_drawn, self._executions)

    def positions(self) -> dict[str, str]:
        """Signed quantity by symbol, flat ones left out, as far as drawn."""
        held = self._brokerage.positions.held()
        return {symbol: decimal_text(position.qty) for symbol, position in held.items()}

    def frames(self) -> Iterator[Frame]:
        """The frames in the order in which the broker sent them."""
        schedule = Schedule()
        schedule.add(self._start, self._arrivals(schedule))
        outbox, brokerage = self._outbox, self._brokerage
        while (due := schedule.next_due) is not None:
            brokerage.at(due)
            schedule.step()
            if outbox:
                self._frames_drawn += len(outbox)
                yield from outbox
                outbox.clear()

    def _arrivals(self, schedule: Schedule) -> Flow:
        """Families come until there are orders enough (the last one may bring a few more)."""
        while self._brokerage.orders_opened < self._wanted:
            family = Family()
            script = draw(self._stage)(self._stage, family)
            schedule.add(self._brokerage.now, script, lambda family=family: self._retire(family))  # type: ignore[misc]
            yield int(self._interval * 2 * self._stage.rng.random())

    def _retire(self, family: Family) -> None:
        self._stage.desk.release(family)
        for order in family.orders:
            self.truth.add(truth_of(order))

    def _executed(self, execution: Execution) -> None:
        self._executions += 1
        if self.activities is not None:
            self.activities.append(fill_activity(execution))


@overload
def generate_history(
    seed: int | str, orders: int, *, start: int = ..., rate: float = ..., activities: bool = ...
) -> History[MemoryTruth]: ...


@overload
def generate_history(
    seed: int | str, orders: int, *, start: int = ..., rate: float = ..., truth: SinkT, activities: bool = ...
) -> History[SinkT]: ...


def generate_history(
    seed: int | str,
    orders: int,
    *,
    start: int = DEFAULT_START,
    rate: float = 100.0,
    truth: TruthSink | None = None,
    activities: bool = False,
) -> History[Any]:
    """A history of about `orders` orders (a group or a chain at the end may add a few), the same for the same seed.

    `start` is its first nanosecond since the epoch, `rate` its mean events a second in its own time: the higher, the
    more orders are alive at once and the more their frames interleave. `truth` takes the end of each order as it is
    reached (default: in memory, as `history.truth`). With `activities`, `history.activities` collects the FILL
    activity of each execution in REST's shape.
    """
    history: History[Any] = History(seed, orders, start, rate, MemoryTruth() if truth is None else truth)
    if activities:
        history.activities = []
    return history


def disturbed(
    frames: Iterable[FrameT],
    seed: int | str,
    *,
    duplicates: float = 0.05,
    reordered: float = 0.1,
    window: int = 20,
) -> Iterator[FrameT]:
    """The same frames, in whatever form, as a bad network brings them: a share of them twice, a share of them late.

    A frame that is late or repeated comes at most `window` frames after its place. Nothing is lost.
    """
    rng = seeded(seed)
    later: dict[int, list[FrameT]] = {}
    place = 0
    for place, frame in enumerate(frames):
        if rng.random() < reordered:
            later.setdefault(place + 1 + int(rng.random() * window), []).append(frame)
        else:
            yield frame
        if rng.random() < duplicates:
            later.setdefault(place + 1 + int(rng.random() * window), []).append(frame)
        yield from later.pop(place, ())
    for due in sorted(later):
        yield from later[due]
