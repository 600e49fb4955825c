"""Positions are 10 s behind for as long as the scenario lasts; then one fill is in nothing but the positions."""

from __future__ import annotations

import time
from typing import Any, Final

from stream_reconcile.simulator.runner import running_simulator
from support.http_client import Rest
from support.waiting import wait_until
from support.whole import Whole, reconciling

from . import judge
from .outcome import FREE, Options, Outcome
from .place import Place

_LAG_S: Final = 10.0
_MINUTES: Final = 20.0
_RATE: Final = 20.0
_HOT_EVERY_S: Final = 10.0
_DEEP_EVERY_S: Final = 20.0  # positions are read by deep sweeps: the more often, the harder for who raises no alarm
_REACH_S: Final = 120.0
_FOUND_WITHIN_S: Final = 180.0
# The order flow trades shares and coins by other contracts.
_SYMBOL: Final = "AAPL271217C00200000"
_ORDER: Final = {"symbol": _SYMBOL, "qty": "7", "side": "buy", "type": "market", "time_in_force": "day"}


def run(place: Place, options: Options) -> Outcome:
    """Flow under lagging positions, then the missing fill, then its end."""
    outcome = Outcome()
    timing = options.often(
        1.0 if options.quick else _HOT_EVERY_S,
        2.0 if options.quick else _DEEP_EVERY_S,
        hot_reach_s=_REACH_S,
        activity_overlap_s=_REACH_S,
        deep_reach_s=_REACH_S,
        deep_activity_overlap_s=_REACH_S,
    )
    # What a reading is known to lag by is the time that has to lie between two of them.
    lag = 0.9 * timing.graces.apart_s if options.quick else _LAG_S
    with (
        place.database() as (dsn, prefix),
        running_simulator(in_process=False, seed=options.seed, rate_limit=FREE) as simulator,
        reconciling(simulator, dsn, place.kafka, prefix, timing=timing, ingest_timing=options.ingest_timing) as whole,
    ):
        control = simulator.control
        control.fault("lagging_positions", seconds=lag)
        whole.listening()
        control.flow(_RATE)
        seconds = 60.0 * (_MINUTES if options.minutes is None else options.minutes)
        ends = time.monotonic() + seconds
        wait_until(lambda: whole.faults or time.monotonic() >= ends, timeout=seconds + 60, what="the end of the lag")
        truth = judge.Truth(whole)
        alarms = judge.false_alarms(whole.discrepancies(), truth)
        outcome.figures |= {"minutes": round(seconds / 60, 1), "false_alarms": len(alarms)}
        outcome.promise(not alarms, f"{len(alarms)} false alarms: {alarms[:5]}")
        options.say(f"{seconds / 60:.1f} minutes, {len(alarms)} false alarms; now a fill that only positions show")
        _missing_fill(whole, outcome)
        control.settle()
        settled = time.time()
        judge.asked(whole, outcome, timeout=_FOUND_WITHIN_S)
        judge.proof_after(whole, settled, timeout=_FOUND_WITHIN_S)
        judge.in_the_end(whole, outcome, judge.Truth(whole))
        readings = "SELECT count(*) FROM known_positions WHERE baseline_qty IS NOT NULL"
        outcome.figures |= {"baselines": whole.value(readings), **judge.swept(whole), **judge.count_types(whole)}
    return outcome


def _missing_fill(whole: Whole, outcome: Outcome) -> None:
    """Filled at the broker, told by no frame, in no list, in no activity; and later told after all."""
    control = whole.simulator.control
    hidden = [
        control.fault("drop", symbol=_SYMBOL, count=0),
        control.fault("miss_in_list", symbol=_SYMBOL),
        control.fault("withhold_activities"),
    ]
    with Rest(whole.simulator) as rest:
        order_id = str(rest("POST", "/v2/orders", json=_ORDER).json()["id"])
        wait_until(lambda: rest.get(f"/v2/orders/{order_id}")["status"] == "filled", what="the fill at the broker")
    filled = time.time()
    found = _drift(whole, "open")
    seconds = found["first_seen_at"].timestamp() - filled
    outcome.figures |= {"missing_fill_found_after_s": round(seconds, 1)}
    for fault in hidden:
        control.clear_faults(fault)
    told = time.time()
    closed = _drift(whole, "resolved")
    outcome.figures |= {"closed_after_it_was_told_s": round(closed["resolved_at"].timestamp() - told, 1)}
    outcome.promise(
        whole.value("SELECT count(*) FROM fills WHERE alpaca_order_id = %(id)s AND entry = 'trade'", id=order_id) == 1,
        "the missing fill is not in the tables once",
    )


def _drift(whole: Whole, state: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        assert whole.faults == []
        rows = [row for row in whole.discrepancies(kind="position_drift") if row["subject"] == _SYMBOL]
        return rows[-1] if rows and rows[-1]["state"] == state else None

    found = wait_until(look, timeout=_FOUND_WITHIN_S, what=f"the drift of {_SYMBOL} to be {state}")
    assert found is not None
    return found
