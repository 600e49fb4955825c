"""Nothing is wrong, orders come and change all the time, and sweeps follow one another without a pause: no alarm."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from stream_reconcile.simulator.runner import running_simulator
from support.waiting import wait_until
from support.whole import Whole, reconciling

from . import judge
from .outcome import FREE, Options, Outcome
from .place import Place

_RATE: Final = 200.0
_REACH_S: Final = 10.0  # back from each sweep: with a quarter of an hour, each would read 40,000 orders
_DEEP_REACH_S: Final = 60.0
_DEEP_EVERY_S: Final = 60.0
_ROUND: Final = 1_000  # sweeps; then a new broker and new tables, so that neither grows without end


def run(place: Place, options: Options) -> Outcome:
    """So many sweeps, back to back, over 200 events a second."""
    outcome = Outcome()
    total: Counter[str] = Counter()
    longest: dict[str, float] = {}
    for number, first in enumerate(range(0, options.sweeps, _ROUND)):
        figures = _round(place, options, options.seed + number, min(_ROUND, options.sweeps - first), outcome)
        for name in [name for name in figures if name.startswith("longest_")]:
            longest[name] = max(longest.get(name, 0.0), figures.pop(name))
        total.update(figures)
        options.say(f"{total['sweeps']:,.0f} sweeps, {total['false_alarms']} false alarms")
    outcome.figures |= {name: round(value, 1) for name, value in total.items()}
    outcome.figures |= {
        "events_per_s": round(total["events"] / total["seconds"], 1),
        **longest,
        "published_per_sweep": round(total["published_by_sweeps"] / total["sweeps"], 1),
    }
    outcome.promise(not total["sweeps_not_complete"], f"{total['sweeps_not_complete']} sweeps were not complete")
    return outcome


def _round(place: Place, options: Options, seed: int, sweeps: int, outcome: Outcome) -> dict[str, float]:
    timing = options.often(
        0.0,
        _DEEP_EVERY_S,
        hot_reach_s=_REACH_S,
        deep_reach_s=_DEEP_REACH_S,
        activity_overlap_s=_REACH_S,
        deep_activity_overlap_s=_DEEP_REACH_S,
        look_every_s=0.05,
    )
    with (
        place.database() as (dsn, prefix),
        running_simulator(in_process=False, seed=seed, rate_limit=FREE) as simulator,
        reconciling(simulator, dsn, place.kafka, prefix, timing=timing, ingest_timing=options.ingest_timing) as whole,
    ):
        whole.listening()
        whole.proved(timeout=120)
        simulator.control.flow(_RATE)
        began, begin = time.time(), whole.value("SELECT clock_timestamp()")
        query = "SELECT count(*), count(proven_equal_at) AS proved FROM sweeps WHERE finished_at > %(begin)s"
        enough = _looks(whole, lambda: bool(whole.rows(query, begin=begin)[0]["count"] >= sweeps))
        wait_until(enough, timeout=24 * 3600, what="the sweeps")
        (done,) = whole.rows(query, begin=begin)
        seconds = time.time() - began
        simulator.control.settle()
        judge.proof_after(whole, time.time(), timeout=120)
        truth = judge.Truth(whole)
        alarms = judge.false_alarms(whole.discrepancies(), truth)
        end = Outcome()
        judge.in_the_end(whole, end, truth)
        outcome.broken += end.broken
        outcome.promise(not alarms, f"{len(alarms)} false alarms: {alarms[:5]}")
        incomplete = whole.value("SELECT count(*) FROM sweeps WHERE NOT complete AND finished_at IS NOT NULL")
        return {
            "differences": float(end.figures["differences"]),
            "orders": float(end.figures["orders"]),
            "sweeps": done["count"],
            "sweeps_that_proved": done["proved"],
            "sweeps_not_complete": incomplete,
            "false_alarms": len(alarms),
            "events": simulator.control.counters()["frames_published"],
            "seconds": seconds,
            **judge.swept(whole),
            **judge.count_types(whole),
        }


def _looks(whole: Whole, condition: Callable[[], bool]) -> Callable[[], bool]:
    def look() -> bool:
        assert whole.faults == []
        return condition()

    return look
