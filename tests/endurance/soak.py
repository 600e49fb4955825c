"""`make soak`: millions of events as fast as they go through, and what a day has; nothing grows that should not.

New sockets, connections that are cut, a second copy that comes and goes; memory, descriptors, threads, connections and
small tables stay as they are.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stream_reconcile.demo.programs import Program
from support.waiting import wait_until
from weather import judge
from weather.outcome import Outcome
from weather.place import Place

from .figures import leak
from .ledger import Ledger
from .pace import Pace
from .place import ROLES, SIMULATOR, Scene, scene
from .promises import keeps_its_size, peak_memory, slopes
from .samples import Sampler, column, taken
from .tables import STAY, rows, told

_PROVED_WITHIN_S: Final = 1_800.0
_LISTENS_WITHIN_S: Final = 120.0
_LOOK_EVERY_S: Final = 1.0
_MORE_CONNECTIONS = 3
_BACKLOG: Final = 30_000  # records: several batches of 5,000
_WARM_UP_RATE, _WARM_UP_S = 2_000.0, 40.0


@dataclass(frozen=True, slots=True)
class Options:
    """What the user has a say in."""

    seed: int
    say: Callable[[str], None]
    events: int = 5_000_000
    between: int = 100_000
    """Events from one disturbance to the next."""
    every_s: float = 2.0
    rests_s: float = 20.0
    """An order is compared with its row when nothing has happened to it for so long."""
    settle_every_s: float = 10.0
    quick: bool = False
    """Too short for memory to come to rest: what it grows by is a figure and no promise."""
    stop: threading.Event | None = None
    """Set: end in order, with the figures of what there was until then."""


def run(place: Place, options: Options, output: Path | None = None) -> tuple[Outcome, Sampler]:
    """All of it, with processes, topics and tables of its own."""
    # A bust whose frame was lost can't always be told from REST (docs/weather.md), and a new socket loses frames.
    with scene(place, options.seed, reversals=False) as made:
        return measure(made, options, output)


def measure(made: Scene, options: Options, output: Path | None = None) -> tuple[Outcome, Sampler]:
    """So many events, or as many as there were when it was stopped."""
    outcome = Outcome()
    judge.proof_after(made.whole, 0.0, timeout=_PROVED_WITHIN_S)
    ledger = Ledger(made.whole, options.rests_s)
    with Sampler(made, options.every_s, output) as sampler:
        early, struck = _soak(made, sampler, ledger, options)
        sampler.phase = "end"
        _in_the_end(made, ledger, outcome)
    seen = sampler.of("soak")
    seconds = max(seen[-1].at_s - seen[0].at_s, 1e-9)
    outcome.figures |= {
        "events": seen[-1].committed - seen[0].committed,
        "seconds": round(seconds),
        "events_per_s": round((seen[-1].committed - seen[0].committed) / seconds),
        "disturbances": struck,
        "most_lag_s": max(column(seen, lambda one: one.lag_s)),
        "sockets": made.whole.simulator.control.counters()["connections_accepted"],
        "frames_unheard": made.whole.simulator.control.counters()["frames_unheard"],
        "frames_lost": seen[-1].lost,
        "simulator_rss_mb": round(max(one.rss_mb for one in taken(seen, SIMULATOR))),
    }
    for role in ROLES:
        keeps_its_size(seen, role, outcome, promised=not options.quick)
        peak_memory(made, role, outcome)
    slopes(seen, outcome)
    more = leak(column(seen, lambda one: one.connections))
    outcome.figures["connections"] = int(max(column(seen, lambda one: one.connections)))
    outcome.promise(more <= _MORE_CONNECTIONS, f"{more:.0f} more connections to Postgres than before")
    told(made.whole, outcome, early)
    outcome.figures |= judge.swept(made.whole) | judge.count_types(made.whole)
    return outcome, sampler


def _soak(made: Scene, sampler: Sampler, ledger: Ledger, options: Options) -> tuple[dict[str, int], int]:
    """The flow and what disturbs it; rows of the tables that stay, after a tenth of it; how many disturbances."""
    control = made.whole.simulator.control
    early: dict[str, int] = {}
    struck, disturbances = 0, _disturbances(made, options)
    settled, told_at, before = time.monotonic(), 0, control.counters()["frames_published"]
    if not options.quick:
        _largest_batches_first(made, sampler, options)
    sampler.phase = "soak"
    pace = Pace(time.monotonic(), control.counters()["frames_published"])
    control.flow(pace.rate)
    while (published := control.counters()["frames_published"] - before) < options.events:
        if options.stop is not None and options.stop.is_set():
            options.say(f"stopped after {published:,} events")
            break
        made.alive()
        sampler.check()
        if published >= (struck + 1) * options.between:
            options.say(f"{published:,} events: {next(disturbances)}")
            struck += 1
        if not early and published * 10 >= options.events:
            early = {name: rows(made.whole, name) for name in STAY}
        if time.monotonic() - settled > options.settle_every_s:
            ledger.settle(options.settle_every_s)
            settled = time.monotonic()
            if published - told_at >= options.events / 20:
                told_at = published
                options.say(f"{published:,} events, {ledger.orders:,} orders compared; {pace.rate:,.0f}/s asked for")
        time.sleep(_LOOK_EVERY_S)
        control.flow(pace.look(time.monotonic(), control.counters()["frames_published"], made.lag()))
    disturbances.close()
    wait_until(lambda: made.alive() and sampler.enough(), timeout=_LISTENS_WITHIN_S, what="samples of the soak")
    return early or {name: rows(made.whole, name) for name in STAY}, struck


def _largest_batches_first(made: Scene, sampler: Sampler, options: Options) -> None:
    """Apply stands still: it keeps the memory of the largest batch that it ever had, and shall have that now."""
    sampler.phase = "warm-up"
    options.say("apply stands still, so that its largest batches come first")
    made.whole.simulator.control.flow(_WARM_UP_RATE)
    made.roles["apply"].freeze()
    ends = time.monotonic() + _WARM_UP_S
    while time.monotonic() < ends and made.lag() < _BACKLOG:
        time.sleep(_LOOK_EVERY_S)
    made.roles["apply"].thaw()


def _disturbances(made: Scene, options: Options) -> Generator[str]:
    """One after the other, in an order that the seed says: what a day has."""
    rng, second = random.Random(options.seed), None
    control = made.whole.simulator.control
    try:
        while True:
            for name in rng.sample(_NAMES, len(_NAMES)):
                if name == "a second copy":
                    second = _come_or_go(made, second)
                    yield f"{name} {'comes' if second.running else 'goes'}"
                elif name == "connections to Postgres cut":
                    made.whole.cut_connections()
                    yield name
                else:
                    control.wait_for_listener(seconds=_LISTENS_WITHIN_S)
                    control.fault(_SOCKET[name])
                    yield name
    finally:
        if second is not None:
            second.stop()


_SOCKET: Final = {"the socket closed": "disconnect", "the socket cut": "disconnect_abrupt"}
_NAMES: Final = (*_SOCKET, "connections to Postgres cut", "a second copy", "a second copy")


def _come_or_go(made: Scene, second: Program | None) -> Program:
    """A whole second copy: it takes some of the partitions, and stands by for the leases."""
    if second is None:
        return made.programs.start("second", "run", RECONCILE_HTTP_ADDR="127.0.0.1:0", **made.settings)
    if second.running:
        second.stop()
    else:
        second.start()
    return second


def _in_the_end(made: Scene, ledger: Ledger, outcome: Outcome) -> None:
    made.whole.simulator.control.settle()
    settled = time.time()
    proved = judge.proof_after(made.whole, settled, timeout=_PROVED_WITHIN_S)
    verdict = ledger.close()
    more = ledger.rows_too_many()
    outcome.figures |= {
        "proved_after_s": round(proved - settled, 1),
        "orders": verdict.orders,
        "fills": verdict.fills,
        "differences": verdict.differing,
    }
    outcome.promise(verdict.equal, f"the tables differ: {[tuple(each) for each in verdict.differences[:5]]}")
    outcome.promise(not any(more), f"rows of no order: {more}")
    still = [row for row in made.whole.discrepancies() if row["state"] == "open"]
    left = [f"{row['type']} of {row['subject']}" for row in still if row["type"] != "overfill"]
    outcome.promise(not left, f"{len(left)} discrepancies are still open: {left[:5]}")
