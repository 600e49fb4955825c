"""A tenth of the frames is lost, a tenth doubled, a tenth late; the socket breaks three times and falls silent once."""

from __future__ import annotations

import time
from typing import Final

from stream_reconcile.simulator.runner import running_simulator
from support.waiting import wait_until
from support.whole import Whole, reconciling

from . import judge, latency
from .outcome import FREE, Options, Outcome, quantiles
from .place import Place

_ACTS: Final = ((0.2, "disconnect"), (0.4, "disconnect_abrupt"), (0.6, "silent"), (0.8, "disconnect"))
_SHARE: Final = 0.1
_BETWEEN_PAGES_S: Final = 5.0
_MUTE_WITHIN_S: Final = 120.0
_AGREES_WITHIN_S: Final = 300.0


def run(place: Place, options: Options) -> Outcome:
    """The storm, and how long until all agrees."""
    outcome = Outcome()
    # A bust or a correction of which the frame was lost can't be told from REST (docs/weather.md): the flow has none.
    with (
        place.database() as (dsn, prefix),
        running_simulator(in_process=False, seed=options.seed, rate_limit=FREE, reversals=False) as simulator,
        reconciling(
            simulator, dsn, place.kafka, prefix, timing=options.timing, ingest_timing=options.ingest_timing
        ) as whole,
    ):
        whole.listening()
        whole.proved(timeout=120)
        control = simulator.control
        control.fault("drop", probability=_SHARE)
        control.fault("duplicate", probability=_SHARE, within=50)
        control.fault("reorder", probability=_SHARE, window=20)
        begun = time.time()
        control.flow(options.rate)
        for share, act in _ACTS:
            _published(whole, share * options.events)
            if act == "silent" and options.quick:
                continue  # it takes 20 s to notice, however quick the sweeps
            options.say(f"{share:.0%} of the events: {act}")
            _strike(whole, act)
        _published(whole, options.events)
        control.settle()
        settled = time.time()
        control.clear_faults()
        options.say("the flow has ended; waiting for a proof")
        agreed = judge.proof_after(whole, settled, timeout=_AGREES_WITHIN_S)
        outcome.figures |= {"seconds_of_flow": round(settled - begun, 1)}
        outcome.figures |= {"time_to_agreement_s": round(agreed - settled, 2)}
        judge.in_the_end(whole, outcome, judge.Truth(whole))
        judge.asked(whole, outcome, timeout=_AGREES_WITHIN_S)
        _told(whole, options, outcome)
    return outcome


def _published(whole: Whole, frames: float) -> None:
    control = whole.simulator.control
    wait_until(lambda: control.counters()["frames_published"] >= frames, timeout=24 * 3600, what="the flow")


def _strike(whole: Whole, act: str) -> None:
    """One fault of the socket, and until another one is open."""
    # One that is to be cut has to be there: ingest may be connecting after the act before.
    whole.simulator.control.wait_for_listener(seconds=_MUTE_WITHIN_S)
    ended = "reconcile_ingest_sessions_ended_total"
    before = whole.metric(ended)
    whole.simulator.control.fault(act)
    wait_until(lambda: whole.metric(ended) > before, timeout=_MUTE_WITHIN_S, what=f"the end of the socket ({act})")
    whole.simulator.control.wait_for_listener(seconds=_MUTE_WITHIN_S)


def _told(whole: Whole, options: Options, outcome: Outcome) -> None:
    """Figures, and whether repairs came in time."""
    repaired = latency.repairs(whole)
    swept = judge.swept(whole)
    counters = whole.simulator.control.counters()
    outcome.figures |= {
        "events": counters["frames_published"],
        "dropped": counters["frames_dropped"],
        "duplicated": counters["faults"].get("duplicate", 0),
        "reordered": counters["faults"].get("reorder", 0),
        "unheard": counters["frames_unheard"],
        "repaired_by_next_event": len(repaired.by_next_event),
        "repaired_by_sweep": len(repaired.by_sweep),
        **quantiles(repaired.all, "drop_to_row"),
        **quantiles(latency.fills_brought_by_activities(whole), "drop_to_fill"),
        **swept,
        **judge.count_types(whole),
    }
    outcome.promise(repaired.not_repaired == 0, f"{repaired.not_repaired} dropped frames were not made up for")
    # The sweep that begins within an interval of the drop, or when the one that just missed it has ended, and its end;
    # and what a deep sweep does between two of its pages, where no other one can run.
    longest = max(float(swept.get(f"longest_{kind}_s", 0.0)) for kind in ("hot", "gap"))
    limit = max(options.timing.intervals.hot_s, longest) + longest + _BETWEEN_PAGES_S
    slowest = max(repaired.all, default=0.0)
    outcome.promise(slowest <= limit, f"a repair took {slowest:.1f} s, of {limit:.1f} s for an interval and its sweep")
