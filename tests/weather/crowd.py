"""Many orders of one instant, orders months old that change now, three days of which nothing of ours saw anything."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from stream_reconcile.core.sweep.schedule import Intervals
from stream_reconcile.jobs.sweep.config import Timing
from stream_reconcile.simulator.client import Control
from stream_reconcile.simulator.instruments import SHARES
from stream_reconcile.simulator.live import Simulator
from stream_reconcile.simulator.orders import Order, Ticket
from stream_reconcile.simulator.runner import RunningSimulator, running_simulator
from stream_reconcile.simulator.server import serving
from stream_reconcile.simulator.settings import SimulatorSettings
from stream_reconcile.simulator.values import DAY, NANO
from support.waiting import wait_until
from support.whole import Whole, reconciling

from . import judge
from .outcome import FREE, Options, Outcome
from .place import Place

_MONTHS_NS: Final = 90 * DAY
_DAYS: Final = 3
_FOUND_WITHIN_S: Final = 240.0
_DEEP_ENDED: Final = "SELECT count(*) FROM sweeps WHERE kind = 'deep' AND complete"
_BY_KIND: Final = (
    "SELECT DISTINCT s.kind FROM order_events e JOIN sweeps s ON e.recorded_at >= s.started_at"
    " AND (s.finished_at IS NULL OR e.recorded_at <= s.finished_at)"
    " WHERE e.source = 'sweep' AND e.recorded_at > %(begin)s ORDER BY 1"
)


def run(place: Place, options: Options) -> Outcome:
    """Each by itself, with a broker and tables of its own."""
    outcome = Outcome()
    for part in (one_instant, months_old, three_days, while_stopped):
        options.say(part.__name__.replace("_", " "))
        part(place, options, outcome)
    return outcome


def one_instant(place: Place, options: Options, outcome: Outcome) -> None:
    """Their submission has one time to the nanosecond, they fill four pages, and no frame tells of them."""
    # No deep sweep is due meanwhile, be sweeps quick or not.
    timing = options.timing
    timing = replace(timing, intervals=replace(timing.intervals, deep_s=Intervals().deep_s))
    with _broker(options) as (simulator, on_loop), _ours(place, options, simulator, timing) as whole:
        whole.proved(timeout=120)
        # The deep sweep at the start may go on after the first proof, and would be the one to find them.
        wait_until(lambda: whole.value(_DEEP_ENDED) > 0, timeout=120, what="the deep sweep at the start to end")
        simulator.control.fault("drop", count=0)
        submitted = on_loop(lambda sim: len(_open(sim, options.orders, options.orders // 2)))
        _found(whole, outcome, "one_instant", kinds={"hot"})
        times = whole.value("SELECT count(DISTINCT submitted_at) FROM executions")
        outcome.promise(times == 1, f"{submitted} orders of one instant have {times} times of submission")


def months_old(place: Place, options: Options, outcome: Outcome) -> None:
    """They rested when we came; now some of each kind change, and no frame tells."""
    count = max(options.orders // 10, 8)
    with _broker(options) as (simulator, on_loop):
        old = on_loop(lambda sim: _open(sim, count, 0, age_ns=_MONTHS_NS))
        with _ours(place, options, simulator) as whole:
            whole.proved(timeout=120)
            judge.asked(whole, outcome, timeout=_FOUND_WITHIN_S)
            simulator.control.fault("drop", count=0)
            for number, order_id in enumerate(old[: count // 2]):
                simulator.control.operate(order_id, ("fill", "cancel", "expire", "restate")[number % 4])
            # What is open at the broker is in its list, what has ended is open here and in no list: asked for by id.
            _found(whole, outcome, "months_old", kinds={"hot"})


def three_days(place: Place, options: Options, outcome: Outcome) -> None:
    """All that was submitted and done in them is there when the first process of ours starts."""
    with (
        running_simulator(
            in_process=False,
            seed=options.seed,
            rate_limit=FREE,
            withdraw_busted=True,  # which of its FILLs were taken back, REST alone can't tell
            preload_orders=options.orders,
            preload_hours=24 * _DAYS,
        ) as simulator,
        _ours(place, options, simulator) as whole,
    ):
        _found(whole, outcome, "three_days", kinds={"deep", "hot"})
        judge.asked(whole, outcome, timeout=_FOUND_WITHIN_S)


def while_stopped(place: Place, options: Options, outcome: Outcome) -> None:
    """We ran, stopped, and start again after orders were made and changed."""
    with (
        running_simulator(in_process=False, seed=options.seed, rate_limit=FREE, withdraw_busted=True) as simulator,
        place.database() as (dsn, prefix),
    ):
        control = simulator.control
        with _running(place, options, simulator, dsn, prefix) as whole:
            whole.listening()
            _flow(control, options.orders // 10)
            whole.equal(timeout=120)
            whole.proved(timeout=120)
        _flow(control, options.orders // 4, settle=True)
        with _running(place, options, simulator, dsn, prefix) as whole:
            _found(whole, outcome, "while_stopped", kinds={"gap", "deep", "hot"})
            gap = whole.value("SELECT count(*) FROM sweeps WHERE kind = 'gap' AND complete")
            outcome.promise(gap > 0, "no gap sweep covered the time in which nothing ran")
            outcome.promise(
                whole.value("SELECT count(*) FROM stream_gaps WHERE closed_at IS NULL AND window_end IS NOT NULL") == 0,
                "a window in which nothing ran is still open",
            )


def _found(whole: Whole, outcome: Outcome, name: str, *, kinds: set[str]) -> None:
    """From now until a proof that holds; found by these kinds of sweep."""
    begin, began = whole.value("SELECT clock_timestamp()"), time.time()
    proof = judge.proof_after(whole, began, timeout=_FOUND_WITHIN_S)
    found = Outcome()
    judge.in_the_end(whole, found, judge.Truth(whole))
    outcome.figures |= {
        f"{name}_orders": found.figures["orders"],
        f"{name}_found_after_s": round(proof - began, 1),
    }
    by = {row["kind"] for row in whole.rows(_BY_KIND, begin=begin)}
    outcome.figures[f"{name}_by"] = ", ".join(sorted(by))
    outcome.promise(bool(by & kinds) or not by, f"{name}: found by {sorted(by)}, not by {sorted(kinds)}")
    outcome.broken += [f"{name}: {broken}" for broken in found.broken]


def _flow(control: Control, orders: int, *, settle: bool = True) -> None:
    before = control.counters()["orders"]
    control.flow(500, orders=orders)
    control.wait_until(lambda overview: overview["counters"]["orders"] >= before + orders, seconds=120)
    if settle:
        control.settle()


@contextmanager
def _ours(place: Place, options: Options, simulator: RunningSimulator, timing: Timing | None = None) -> Iterator[Whole]:
    with place.database() as (dsn, prefix), _running(place, options, simulator, dsn, prefix, timing) as whole:
        whole.listening()
        yield whole


@contextmanager
def _running(
    place: Place,
    options: Options,
    simulator: RunningSimulator,
    dsn: str,
    prefix: str,
    timing: Timing | None = None,
) -> Iterator[Whole]:
    with reconciling(
        simulator, dsn, place.kafka, prefix, timing=timing or options.timing, ingest_timing=options.ingest_timing
    ) as whole:
        yield whole


# -- a broker whose books can be written into --------------------------------------------------------------------------


@contextmanager
def _broker(options: Options) -> Iterator[tuple[RunningSimulator, Callable[[Callable[[Simulator], Any]], Any]]]:
    """A simulator in a thread, and a way to do something to its books between two of its own steps."""
    settings = SimulatorSettings(seed=options.seed, rate_limit=FREE)
    ready: Future[tuple[Simulator, int, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def main() -> None:
        enough = asyncio.Event()
        async with serving(settings) as (simulator, port):
            ready.set_result((simulator, port, asyncio.get_running_loop(), enough))
            await enough.wait()

    thread = threading.Thread(target=lambda: asyncio.run(main()), name="simulator", daemon=True)
    thread.start()
    simulator, port, loop, enough = ready.result(60)

    def on_loop(work: Callable[[Simulator], Any]) -> Any:
        async def body() -> Any:
            return work(simulator)

        return asyncio.run_coroutine_threadsafe(body(), loop).result(60)

    base_url = f"http://{settings.host}:{port}"
    try:
        yield RunningSimulator(base_url, settings, Control(base_url)), on_loop
    finally:
        loop.call_soon_threadsafe(enough.set)
        thread.join(30)


def _open(simulator: Simulator, count: int, filled: int, *, age_ns: int = 0) -> list[str]:
    """So many orders of one instant at the exchange; the first `filled` of them are filled later."""
    if age_ns:
        simulator.brokerage.at(time.time_ns() - age_ns)
    else:
        simulator.now()
    books = simulator.brokerage
    tickets = [
        Ticket(SHARES[number % len(SHARES)], "buy", "limit", "gtc", qty=10 * NANO, limit_price=NANO)
        for number in range(count)
    ]
    orders: list[Order] = [books.open(ticket) for ticket in tickets]
    for number, order in enumerate(orders):
        books.activate(order)
        if number < filled:
            books.fill(order, 10 * NANO, NANO)
    return [order.id for order in orders]
