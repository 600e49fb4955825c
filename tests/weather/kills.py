"""The process that sweeps is killed at any point of its sweeps, while there is something to find."""

from __future__ import annotations

import time
from typing import Any, Final

from stream_reconcile.demo.programs import Program, Programs
from stream_reconcile.simulator.runner import running_simulator
from stream_reconcile.simulator.values import seeded
from support.ingesting import PARTITIONS
from support.waiting import wait_until
from support.whole import Whole, reconciling

from . import judge
from .outcome import FREE, Options, Outcome
from .place import Place

_RATE: Final = 30.0
_SHARE: Final = 0.2
_DROPPED: Final = "new+fill+partial_fill+canceled+expired+replaced+rejected"
_SWEEPS_WITHIN_S: Final = 90.0  # after a kill: a new process, and the lease of the one before runs out
_AGREES_WITHIN_S: Final = 180.0
_NEWEST: Final = (
    "SELECT sweep_id::text, kind, finished_at IS NULL AS under_way, orders FROM sweeps ORDER BY started_at DESC LIMIT 1"
)
_USUAL: Final = (
    "SELECT coalesce(avg(extract(epoch FROM finished_at - started_at)), 1)::double precision FROM sweeps"
    " WHERE complete AND published > 0"
)
_SWEPT: Final = "SELECT count(*) FROM sweeps WHERE complete"
_PUBLISHED: Final = "SELECT count(*) FROM order_events WHERE source = 'sweep'"
# One that was found twice by the same words, or while it was open.
_DOUBLE: Final = """
SELECT a.type, a.subject FROM discrepancies a JOIN discrepancies b
  ON b.account_id = a.account_id AND b.type = a.type AND b.subject = a.subject AND b.discrepancy_id > a.discrepancy_id
 AND (b.evidence = a.evidence OR b.first_seen_at < a.resolved_at)
"""
# The broker's words, once each: whoever read them, and however often.
_TWICE: Final = """
SELECT alpaca_order_id FROM order_events WHERE source = 'sweep'
GROUP BY alpaca_order_id, account_id, event_key HAVING count(*) > 1
"""


def run(place: Place, options: Options) -> Outcome:
    """So many kills, each with a flow that loses frames; then peace."""
    outcome = Outcome()
    rng = seeded(f"kills {options.seed}")
    # Of two executions alike, whose frames were lost, REST does not tell which one was busted (docs/weather.md).
    with (
        place.database() as (dsn, prefix),
        running_simulator(in_process=False, seed=options.seed, rate_limit=FREE, reversals=False) as simulator,
        reconciling(simulator, dsn, place.kafka, prefix, ingest_timing=options.ingest_timing, sweep=False) as whole,
        Programs(place.directory) as programs,
    ):
        whole.listening()
        program = programs.start("sweep", "run", "--role", "sweep", **_settings(whole, place, prefix))
        wait_until(lambda: _alive(program) and whole.value(_SWEPT), timeout=_SWEEPS_WITHIN_S, what="a first sweep")
        judge.proof_after(whole, 0.0, timeout=_SWEEPS_WITHIN_S)
        simulator.control.fault("drop", probability=_SHARE, events=_DROPPED)
        simulator.control.flow(_RATE)
        met = 0
        for number in range(1, options.kills + 1):
            met += _kill(whole, program, rng.random())
            program.start()
            options.say(f"kill {number} of {options.kills}: {met} met a sweep under way")
        simulator.control.settle()
        settled = time.time()
        simulator.control.clear_faults()
        agreed = judge.proof_after(whole, settled, timeout=_AGREES_WITHIN_S)
        judge.asked(whole, outcome, timeout=_AGREES_WITHIN_S)
        judge.in_the_end(whole, outcome, judge.Truth(whole))
        double = whole.rows(_DOUBLE)
        twice = whole.rows(_TWICE)
        outcome.promise(not double, f"{len(double)} discrepancies stand there twice: {double[:5]}")
        outcome.promise(not twice, f"{len(twice)} orders were recorded twice in the same words")
        outcome.figures |= {
            "kills": options.kills,
            "kills_within_a_sweep": met,
            "dropped": simulator.control.counters()["frames_dropped"],
            "doubled": len(double) + len(twice),
            "time_to_agreement_s": round(agreed - settled, 1),
            "sweeps_broken_off": whole.value("SELECT count(*) FROM sweeps WHERE finished_at IS NULL"),
            **judge.swept(whole),
            **judge.count_types(whole),
        }
    return outcome


def _settings(whole: Whole, place: Place, prefix: str) -> dict[str, str]:
    return {
        **whole.simulator.environment,
        "KAFKA_BOOTSTRAP_SERVERS": place.kafka,
        "DATABASE_URL": whole.dsn,
        "RECONCILE_MIGRATE": "0",
        "RECONCILE_TOPIC_PREFIX": prefix + ".",
        "RECONCILE_PARTITIONS": str(PARTITIONS),
        "RECONCILE_CONSUMER_GROUP": prefix,
        "RECONCILE_HOT_INTERVAL_SECONDS": "1",
        "RECONCILE_DEEP_INTERVAL_SECONDS": "10",
        "RECONCILE_BROKER_BUDGET": "1",
        "RECONCILE_LOG_FORMAT": "json",
    }


def _kill(whole: Whole, program: Program, share: float) -> bool:
    """SIGKILL when so much of a sweep's usual time has passed that has something to find; whether it was under way."""
    before = whole.value(_PUBLISHED)
    # This life has swept at least once, and published: the next sweep is one in full swing.
    wait_until(lambda: _alive(program) and whole.value(_PUBLISHED) > before, timeout=_SWEEPS_WITHIN_S, what="findings")
    last = _newest(whole)["sweep_id"]
    begun = wait_until(
        lambda: (newest := _newest(whole))["sweep_id"] != last and newest, timeout=_SWEEPS_WITHIN_S, what="a sweep"
    )
    assert begun
    time.sleep(share * whole.value(_USUAL))
    program.kill()
    return bool(_newest(whole)["under_way"])


def _alive(program: Program) -> bool:
    program.require_alive()
    return True


def _newest(whole: Whole) -> dict[str, Any]:
    assert whole.faults == []
    (row,) = whole.rows(_NEWEST)
    return row
