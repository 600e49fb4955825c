"""Each fault of the REST API for a while, over orders that come and change: nothing is inferred from it."""

from __future__ import annotations

import time
from typing import Any, Final, NamedTuple

from stream_reconcile.simulator.runner import running_simulator
from support.waiting import wait_until
from support.whole import Whole, reconciling

from . import judge
from .outcome import Figure, Options, Outcome
from .place import Place
from .program import Program

_SHARE: Final = 0.3
_MINUTES: Final = 1.0
_LIMIT: Final = 200
_BUDGET: Final = 0.5
_RATE: Final = 2.0
_PROVED_WITHIN_S: Final = 300.0
# Requests of a window by which a job sees whose key it has; they are not the sweep's, and a few an hour.
_IDENTIFYING: Final = 2
# True of a program that was told nothing, and of sweeps that could not read.
_TRUE: Final = ("stream_gap", "ambiguous_submit", "unrecorded_order", "incomplete_sweep")


class Weather(NamedTuple):
    """A fault under the name that figures have."""

    name: str
    fault: str
    parameters: dict[str, Any]


def _requests(name: str, fault: str, **parameters: Any) -> Weather:
    return Weather(name, fault, {"probability": _SHARE, "method": "GET", **parameters})


WEATHERS: Final = (
    _requests("429", "rest_rate_limit"),
    _requests("500", "rest_status", status=500),
    _requests("503_html", "rest_html", status=503),
    _requests("hang", "rest_hang", seconds=60),
    _requests("reset", "rest_reset"),
    _requests("cut", "rest_cut"),
    _requests("empty", "rest_empty"),
    Weather("ambiguous_submit", "ambiguous_submit", {"probability": _SHARE, "seconds": 1, "count": 0}),
    Weather("stale_lists", "stale_orders", {"seconds": 10}),
    Weather("late_activities", "late_activities", {"seconds": 30}),
    Weather("lagging_positions", "lagging_positions", {"seconds": 10}),
    Weather("missing_in_lists", "miss_in_list", {}),
)


def run(place: Place, options: Options) -> Outcome:
    """All of them, one after the other, each until a proof after its end."""
    outcome = Outcome()
    limit = 1_000 if options.quick else _LIMIT  # quick sweeps ask more often
    with (
        place.database() as (dsn, prefix),
        running_simulator(in_process=False, seed=options.seed, rate_limit=limit, withdraw_busted=True) as simulator,
        reconciling(
            simulator,
            dsn,
            place.kafka,
            prefix,
            timing=options.timing,
            ingest_timing=options.ingest_timing,
            budget_share=_BUDGET,
            external_orders="accept",  # the order flow decides nothing
        ) as whole,
    ):
        whole.listening()
        whole.proved(timeout=120)
        simulator.control.flow(_RATE)
        with Program(whole) as program:
            for weather in WEATHERS:
                _under(weather, whole, options, outcome)
        simulator.control.settle()
        settled = time.time()
        judge.proof_after(whole, settled, timeout=_PROVED_WITHIN_S)
        wait_until(lambda: not _ambiguous(whole), timeout=120, what="the decisions to be bound")
        truth = judge.Truth(whole)
        judge.in_the_end(whole, outcome, truth)
        alarms = judge.false_alarms(whole.discrepancies(), truth, known=_TRUE)
        outcome.promise(not alarms, f"inferred from errors: {alarms[:5]}")
        outcome.figures |= {
            "false_alarms": len(alarms),
            "submitted": program.placed + program.ambiguous,
            "submitted_unanswered": program.ambiguous,
            "submitted_refused": program.refused,
            **judge.swept(whole),
            **judge.count_types(whole),
            **_budget(whole, int(limit * _BUDGET), outcome),
        }
    return outcome


def _under(weather: Weather, whole: Whole, options: Options, outcome: Outcome) -> None:
    """One fault, and the time from its end to a proof by a sweep that began after it."""
    control = whole.simulator.control
    before = control.counters()["faults"].get(weather.fault, 0)
    control.fault(weather.fault, **weather.parameters)
    _last(whole, 60.0 * (_MINUTES if options.minutes is None else options.minutes))
    control.clear_faults()
    cleared = time.time()
    recovered = judge.proof_after(whole, cleared, timeout=_PROVED_WITHIN_S) - cleared
    struck = control.counters()["faults"].get(weather.fault, 0) - before
    outcome.figures |= {f"{weather.name}_struck": struck, f"{weather.name}_recovered_s": round(recovered, 1)}
    options.say(f"{weather.name}: struck {struck} times, a proof {recovered:.1f} s after its end")


def _last(whole: Whole, seconds: float) -> None:
    """Let the weather last, unless a job ends."""
    ends = time.monotonic() + seconds
    wait_until(lambda: whole.faults or time.monotonic() >= ends, timeout=seconds + 60, what="the weather to pass")
    assert whole.faults == []


def _ambiguous(whole: Whole) -> bool:
    return "ambiguous_submit" in whole.open_types()


def _budget(whole: Whole, ours: int, outcome: Outcome) -> dict[str, Figure]:
    """The broker's count of each of its windows, held against what is ours. Only sweeps and identifying use GET."""
    windows = whole.simulator.control.overview()["windows"]
    most = max(window["requests"].get("GET", 0) for window in windows)
    # In a window that a fault used up, each request on its way meets the limit; after the first answer none goes out.
    refused = max(window["refused"].get("GET", 0) for window in windows)
    outcome.promise(most <= ours + _IDENTIFYING, f"{most} requests of ours in a window, of {ours}")
    outcome.promise(refused <= _IDENTIFYING, f"{refused} requests of ours in a window that was used up")
    return {"windows": len(windows), "budget": ours, "most_in_a_window": most, "most_past_the_limit": refused}
