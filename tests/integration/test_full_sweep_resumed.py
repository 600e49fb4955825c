"""A full sweep that is broken off goes on where it was, and proves nothing that its first part did not."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime
from typing import Any

import psycopg

from stream_reconcile.core.sweep.schedule import Kind
from stream_reconcile.simulator.runner import running_simulator
from stream_reconcile.store.sweeps import answer_of, ask_for
from support.discrepancies import at_broker, here, place
from support.http_client import Rest
from support.servers import SCHEMA
from support.waiting import wait_until
from support.whole import QUICK, Whole, quick, reconciling


def full_sweep(whole: Whole) -> dict[str, Any]:
    """One that is asked for, to its end; its row."""
    with psycopg.connect(whole.dsn, options=f"-c search_path={SCHEMA}", autocommit=True) as person:
        asked = ask_for(person, whole.simulator.account_id, Kind.FULL, who="somebody", why="all of the history")
        wait_until(lambda: answer_of(person, asked), timeout=60, what="the full sweep that was asked for")
    (row,) = whole.rows("SELECT * FROM sweeps WHERE kind = 'full' ORDER BY started_at DESC LIMIT 1")
    return row


def test_what_its_first_part_found_is_not_forgotten(database: str, kafka: str, topic_prefix: str) -> None:
    patient = quick(graces=replace(QUICK.graces, finding_s=3600))  # no discrepancy keeps it from proving
    with running_simulator(seed=23, rate_limit=100_000) as own, Rest(own) as rest:
        oldest = place(rest, symbol="AAPL")
        submitted = datetime.fromisoformat(oldest["submitted_at"]).timestamp()
        wait_until(lambda: time.time() > submitted + 2, what="an order that is clearly newer")
        own.control.fault("withhold_activities")
        placed = place(rest, symbol="SPY")
        at_broker(rest, placed["id"], "filled")
        with reconciling(own, database, kafka, topic_prefix, timing=patient, ingest=False) as whole:
            here(whole, placed["id"], "filled")
            broken = own.control.fault("rest_status", path="/v2/account/activities", status=400, count=0)
            first = full_sweep(whole)
            assert (first["complete"], first["orders"] > 0) == (False, True)
            own.control.clear_faults(broken)
            second = full_sweep(whole)
            assert (second["complete"], second["proven_equal_at"]) == (True, None)  # its fills do not add up
            own.control.clear_faults()
            wait_until(lambda: full_sweep(whole)["proven_equal_at"], timeout=60, what="a proof of all there is")
            assert whole.discrepancies() == []
