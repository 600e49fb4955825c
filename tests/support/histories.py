"""Simulated histories as logs: frames and, if wanted, activities and snapshots of the same orders."""

from __future__ import annotations

import random

import msgspec

from stream_reconcile.simulator.history import History, disturbed, generate_history
from stream_reconcile.simulator.truth import MemoryTruth
from support.log_records import LogRecords


def history_log(
    seed: int, orders: int, account_id: str, *, disturb: bool = True, sweep: bool = False
) -> tuple[LogRecords, History[MemoryTruth]]:
    """A log of a history's frames; `sweep` adds the activity of each execution and each order as it ended."""
    history = generate_history(seed, orders, activities=sweep)
    log = LogRecords(account_id)
    frames = list(history)
    for raw in disturbed(frames, seed) if disturb else frames:
        log.frame(raw)
    for activity in history.activities or ():
        log.activity(msgspec.json.encode(activity))
    if sweep:
        for number, truth in enumerate(history.truth):
            log.snapshot(truth.order, received_at_ns=1_000 + number)
    return log, history


def shuffled(log: LogRecords, seed: int) -> LogRecords:
    """The same log with its records of all topics mixed; their places stay."""
    random.Random(seed).shuffle(log.records)
    return log
