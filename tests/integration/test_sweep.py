"""The sweep with everything real: what the stream lost is found, repaired and proved, and nothing else is said."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stream_reconcile.simulator.runner import RunningSimulator, running_simulator
from support.waiting import wait_until
from support.whole import Whole, quick, reconciling


@pytest.fixture
def simulator() -> Iterator[RunningSimulator]:
    with running_simulator(seed=11, rate_limit=100_000) as made:
        yield made


@pytest.fixture
def whole(simulator: RunningSimulator, database: str, kafka: str, topic_prefix: str) -> Iterator[Whole]:
    with reconciling(simulator, database, kafka, topic_prefix) as running:
        running.listening()
        yield running


def flow(simulator: RunningSimulator, orders: int, *, rate: float = 500) -> None:
    """So many more orders, and the market until all is done that will be."""
    before = simulator.control.counters()["orders"]
    simulator.control.flow(rate, orders=orders)
    simulator.control.wait_until(lambda overview: overview["counters"]["orders"] >= before + orders, seconds=60)
    simulator.control.settle()


def test_calm_weather_is_proved_and_nothing_is_found(simulator: RunningSimulator, whole: Whole) -> None:
    flow(simulator, 150)
    whole.equal()
    whole.proved()
    whole.proved(scope="deep")
    assert whole.open_types() == []
    true = {"stream_gap", "trade_bust", "trade_correct", "cancel_fill_race", "replace_rejected", "fill_on_predecessor"}
    assert {row["type"] for row in whole.discrepancies()} <= true
    gaps = whole.discrepancies(kind="stream_gap")
    assert gaps
    assert all(row["resolved_by"].startswith("sweep ") for row in gaps)
    assert whole.value("SELECT count(*) FROM stream_gaps WHERE closed_at IS NULL") == 0


def test_dropped_frames_are_found_and_repaired(simulator: RunningSimulator, whole: Whole) -> None:
    # What a bust or a correction that was dropped said, REST can't tell.
    simulator.control.fault("drop", probability=0.2, events="new+fill+partial_fill+canceled+expired+replaced+rejected")
    flow(simulator, 150)
    whole.equal()
    whole.proved(scope="deep")
    assert whole.open_types() == []
    dropped = [entry for entry in simulator.control.fault_log() if entry["fault"] == "drop"]
    assert len(dropped) > 20


def test_what_happened_while_nothing_ran_is_found(database: str, kafka: str, topic_prefix: str) -> None:
    with (
        running_simulator(seed=12, rate_limit=100_000, withdraw_busted=True) as simulator,
        reconciling(simulator, database, kafka, topic_prefix, ingest=False) as whole,
    ):
        flow(simulator, 120)
        whole.equal()
        whole.proved(scope="deep")
        assert {row["last_source"] for row in whole.rows("SELECT DISTINCT last_source FROM executions")} == {"sweep"}


def test_a_silent_socket_is_replaced(simulator: RunningSimulator, database: str, kafka: str, topic_prefix: str) -> None:
    with reconciling(simulator, database, kafka, topic_prefix, timing=quick(silence_s=3.0)) as whole:
        whole.listening()
        flow(simulator, 20)
        whole.equal()
        simulator.control.fault("silent")
        # A change as old as the last frame may be the one that it told.
        quiet = "SELECT max(greatest(good_until, listening_at)) < now() - interval '2.5 seconds' FROM stream_sessions"
        wait_until(lambda: whole.value(quiet), what="the last frame to be some time ago")
        flow(simulator, 20)
        whole.equal()
        wait_until(
            lambda: whole.metric("reconcile_ingest_sessions_ended_total", reason="mute") == 1,
            timeout=60,
            what="the silent socket to be given up",
        )
        whole.listening()
        whole.proved()
        assert whole.open_types() == []
