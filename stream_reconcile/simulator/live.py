"""The live broker: books, market, order flow, faults and sockets of one account, on one event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterable
from typing import Any

from stream_reconcile.simulator.activities import ActivityLog
from stream_reconcile.simulator.book import Book
from stream_reconcile.simulator.brokerage import Brokerage
from stream_reconcile.simulator.by_hand import Hand, operate
from stream_reconcile.simulator.delivery import Delivery
from stream_reconcile.simulator.fault_catalogue import Place, read_fault
from stream_reconcile.simulator.faults import ArmedFault, Faults
from stream_reconcile.simulator.flow import Stage
from stream_reconcile.simulator.flow_groups import draw
from stream_reconcile.simulator.frames import Frame
from stream_reconcile.simulator.groups import Flow
from stream_reconcile.simulator.history import EVENTS_PER_FAMILY
from stream_reconcile.simulator.lists import Lists
from stream_reconcile.simulator.matching import Matcher
from stream_reconcile.simulator.orders import Order
from stream_reconcile.simulator.protocols import encode_message
from stream_reconcile.simulator.schedule import Schedule
from stream_reconcile.simulator.sessions import Sessions
from stream_reconcile.simulator.settings import SimulatorSettings
from stream_reconcile.simulator.tickets import Family, Market, TicketDesk
from stream_reconcile.simulator.values import HOUR, SECOND, seeded
from stream_reconcile.simulator.windows import RequestWindows

_STEPS_AT_ONCE = 200


class Simulator:
    """All state of the simulated broker. Everything but the constructor runs on the server's loop."""

    def __init__(self, settings: SimulatorSettings) -> None:
        self.settings = settings
        rng = seeded(settings.seed)
        self.brokerage = Brokerage(rng, self._publish)
        self.brokerage.order_groups = settings.order_groups
        self.book = Book()
        self.activities = ActivityLog(
            round(settings.activity_delay_seconds * SECOND), withdraw_busted=settings.withdraw_busted
        )
        self.market = Market()
        self.faults = Faults(seeded(f"faults {settings.seed}"), time.time_ns)
        self.lists = Lists(self.faults, self.book, self.brokerage.positions, time.time_ns)
        self.sessions = Sessions(settings, self.faults, self._spawn)
        self.delivery = Delivery(
            self.faults, self.sessions, self.book, seeded(f"delivery {settings.seed}"), self._fault_in_books
        )
        self.stopping = asyncio.Event()
        self.requests = 0
        self.windows = RequestWindows()
        self._desk = TicketDesk(rng, self.brokerage.positions, self.market, self.brokerage.ids)
        self._stage = Stage(self.brokerage, self._desk, self.market, rng, settings.reversals)
        self._schedule = Schedule()
        self.matcher = Matcher(
            self.brokerage,
            self.market,
            self.start,
            acknowledge_ns=round(settings.acknowledge_seconds * SECOND),
            fill_ns=round(settings.fill_seconds * SECOND),
            auto_fill=settings.auto_fill,
        )
        self._rate = 0.0
        self._flow_ends_at = 0
        self._flowing = False
        self._paused = False
        self._woken = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self.brokerage.on_open = self.book.add
        self.brokerage.on_change = self._changed
        self.brokerage.on_execution = self.activities.executed

    # -- time ----------------------------------------------------------------------------------------------------

    def now(self) -> int:
        """Set the books' clock to the real time and return it. To be called before anything is done to them."""
        self.brokerage.at(time.time_ns())
        return self.brokerage.now

    async def run(self) -> None:
        """Carry out scripts as they fall due, until `stopping` is set."""
        self.set_flow(self.settings.rate, self.settings.orders)
        while not self.stopping.is_set():
            self._woken.clear()
            wait = self._step_due()
            if wait == 0:
                await asyncio.sleep(0)
                continue
            try:
                await asyncio.wait_for(self._woken.wait(), wait)
            except TimeoutError:
                continue

    def stop(self) -> None:
        """End `run`, and whatever hangs on purpose."""
        self.stopping.set()
        self._woken.set()
        self.sessions.cut_all()

    def start(self, script: Flow) -> None:
        """Begin a script at once."""
        self._schedule.add(time.time_ns(), script)
        self._woken.set()

    def pause(self) -> None:
        """Let nothing happen until `resume`: no order goes on, and what faults hold back is sent first."""
        self._paused = True
        self.delivery.flush()

    def resume(self) -> None:
        """Go on; what fell due meanwhile happens at once."""
        self._paused = False
        self._woken.set()

    def settle(self) -> int:
        """Stop the own flow and let all that is under way happen now, without its pauses; the steps that took.

        Orders that rest, rest on. What faults hold back is sent. After it nothing moves until a client acts.
        """
        self._rate = 0.0
        steps = 0
        while len(self._schedule):
            self.now()
            self._schedule.step()
            steps += 1
        self.delivery.flush()
        return steps

    def forget(self, orders: int) -> int:
        """Let go of the oldest orders, up to the `orders`-th, while they are over; how many are forgotten by then.

        Positions, counters and the numbers of the others stay; what is asked of a forgotten one is not found.
        """
        forgotten = self.book.forget(orders)
        self.activities.forget(forgotten)
        return forgotten

    def _step_due(self) -> float | None:
        """Carry out some of what is due; seconds until more is (0: at once; None: not before something new)."""
        if self._paused:
            return None
        for _ in range(_STEPS_AT_ONCE):
            due = self._schedule.next_due
            if due is None:
                return None
            ahead = due - time.time_ns()
            if ahead > 0:
                return ahead / SECOND
            self.now()
            self._schedule.step()
        return 0

    # -- the own order flow --------------------------------------------------------------------------------------

    def set_flow(self, rate: float, orders: int = 0, *, reversals: bool | None = None) -> None:
        """Let own orders come at so many events a second (0: none), `orders` more of them (0: without end).

        `reversals`: whether executions are taken back or corrected from now on; None leaves that as it was.
        """
        self._rate = rate
        if reversals is not None:
            self._stage.reversals = reversals
        self._flow_ends_at = self.brokerage.orders_opened + orders if orders else 0
        if rate > 0 and not self._flowing:
            self._flowing = True
            self.start(self._arrivals())

    @property
    def under_way(self) -> int:
        """How many scripts have not ended: orders of the own flow, and what clients have asked for."""
        return len(self._schedule)

    def _arrivals(self) -> Flow:
        while self._rate > 0 and not (self._flow_ends_at and self.brokerage.orders_opened >= self._flow_ends_at):
            self._arrive(self._schedule)
            yield int(EVENTS_PER_FAMILY * SECOND / self._rate * 2 * self._stage.rng.random())
        self._flowing = False

    def _arrive(self, schedule: Schedule) -> None:
        family = Family()
        script = draw(self._stage)(self._stage, family)
        schedule.add(schedule.current, script, lambda: self._desk.release(family))

    def prepare(self) -> None:
        """What stands at the start: the orders of the past, of which nobody hears; then the faults that are set."""
        if self.settings.preload_orders:
            self._preload()
        for fault in self.settings.faults:
            self.arm(*read_fault(fault))

    def _preload(self) -> None:
        orders = self.settings.preload_orders
        span = round(self.settings.preload_hours * HOUR)
        start = time.time_ns() - span
        schedule = Schedule()

        def arrivals() -> Flow:
            while self.brokerage.orders_opened < orders:
                self._arrive(schedule)
                # A family brings more than one order, so they end well before now.
                yield int(span / orders * 2 * self._stage.rng.random())

        schedule.add(start, arrivals())
        while (due := schedule.next_due) is not None:
            self.brokerage.at(min(due, time.time_ns()))
            schedule.step()

    # -- faults --------------------------------------------------------------------------------------------------

    def arm(self, name: str, given: dict[str, object]) -> ArmedFault:
        """Arm a fault; one of the socket strikes at once if a socket is open and nothing says later."""
        fault = self.faults.arm(name, given)
        self._apply_states()
        at_once = fault.kind.place is Place.SOCKET and "after" not in given and "probability" not in given
        if at_once and self.sessions.open and self.faults.tries(fault):
            self.sessions.strike(fault)
        if fault.kind.place is Place.STATE:
            self.faults.record(name)
        return fault

    def disarm(self, fault_id: int | None = None) -> int:
        """Clear one fault or all; how many. What a cleared fault held back is sent, or listed."""
        gone = self.faults.clear(fault_id)
        self.delivery.flush()
        self._apply_states()
        return len(gone)

    def _apply_states(self) -> None:
        """What lasts as long as a fault is armed."""
        late = self.faults.state("late_activities")
        self.activities.late_ns = 0 if late is None else round(float(late.parameters["seconds"]) * SECOND)
        withholding = self.faults.state("withhold_activities") is not None
        if self.activities.withholding and not withholding:
            self.activities.release()
        self.activities.withholding = withholding
        self.lists.faults_changed()

    def _changed(self, order: Order) -> None:
        self.book.changed(order)
        self.lists.changed(order)

    def _fault_in_books(self, fault: ArmedFault, order_id: str) -> None:
        order = self.book.by_id(order_id)
        if order is not None:
            self.start(self._unknown(fault, order))

    def _unknown(self, fault: ArmedFault, order: Order) -> Flow:
        name = str(fault.parameters["name"])
        with self.delivery.sparing_the_books():
            if fault.kind.name == "unknown_event":
                self.brokerage.announce(order, name)
            else:
                self.brokerage.announce(order, "restated", status=name)
        yield from ()

    # -- sockets -------------------------------------------------------------------------------------------------

    async def play(self, messages: Iterable[bytes], rate: float) -> dict[str, float]:
        """Send messages past the books to all listening sockets: `rate` a second, 0: as fast as they are taken.

        They are all made before the first is sent, in a thread. Returns how many were sent and in how many seconds.
        For load tests: what they say is nowhere in the truth.
        """
        text = self.settings.text_frames
        encoded = await asyncio.to_thread(lambda: [encode_message(message, text=text) for message in messages])
        started = time.perf_counter()
        batch = 500 if rate <= 0 else max(round(rate / 200), 1)
        for first in range(0, len(encoded), batch):
            if rate > 0:
                await asyncio.sleep(max(started + first / rate - time.perf_counter(), 0))
            joined = b"".join(encoded[first : first + batch])
            for session in [each for each in self.sessions.open if each.listening and not each.silent]:
                session.connection.write_encoded(joined)
                await session.connection.taken()
            await asyncio.sleep(0)
        return {"messages": len(encoded), "seconds": time.perf_counter() - started}

    def _publish(self, frame: Frame) -> None:
        self.delivery.publish(frame)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- by hand -------------------------------------------------------------------------------------------------

    def operate(self, order: Order, operation: str, qty: int | None, price: int | None, execution_id: str) -> None:
        """Do something to an order by hand (`by_hand.OPERATIONS`). Raises ConfigError, OrderStateError."""
        self.now()
        operate(operation, Hand(self.brokerage, self.market, order, qty, price, execution_id))
        self.matcher.after_manual_close(order)
