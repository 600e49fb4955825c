"""Positions with everything real: what follows from the fills is no alarm, what does not is one, and ends by itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from confluent_kafka import Consumer, TopicPartition

from stream_reconcile.core.sweep.schedule import Kind
from stream_reconcile.log.codec import Envelope, SingleObjectCodec
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.simulator.runner import RunningSimulator, running_simulator
from stream_reconcile.store.sweeps import answer_of, ask_for
from support.http_client import Rest
from support.ingesting import PARTITIONS
from support.servers import SCHEMA
from support.waiting import wait_until
from support.whole import QUICK, Whole, quick, reconciling

ORDER = {"symbol": "AAPL", "qty": "3", "side": "buy", "type": "market", "time_in_force": "day"}


@pytest.fixture
def simulator() -> Iterator[RunningSimulator]:
    with running_simulator(seed=21, rate_limit=100_000, activity_delay_seconds=0) as made:
        yield made


@pytest.fixture
def rest(simulator: RunningSimulator) -> Iterator[Rest]:
    with Rest(simulator) as client:
        yield client


@pytest.fixture
def whole(simulator: RunningSimulator, database: str, kafka: str, topic_prefix: str) -> Iterator[Whole]:
    often = quick(intervals=replace(QUICK.intervals, hot_s=1.0, deep_s=0.5), graces=replace(QUICK.graces, apart_s=0.5))
    with reconciling(simulator, database, kafka, topic_prefix, timing=often) as running:
        running.listening()
        yield running


def bought(simulator: RunningSimulator, rest: Rest, **order: object) -> str:
    response = rest("POST", "/v2/orders", json={**ORDER, **order})
    assert response.status_code == 200, response.text
    order_id = str(response.json()["id"])
    wait_until(lambda: rest.get(f"/v2/orders/{order_id}")["status"] == "filled", what="the fill")
    return order_id


def known(whole: Whole, symbol: str) -> dict[str, Any]:
    """What is known of it; empty before the first reading."""
    rows = whole.rows("SELECT * FROM known_positions WHERE symbol = %(symbol)s", symbol=symbol)
    return rows[0] if rows else {}


def read(whole: Whole, symbol: str, condition: Callable[[dict[str, Any]], object], what: str) -> dict[str, Any]:
    """Wait for readings of a symbol until what is known meets the condition."""
    return wait_until(lambda: (row := known(whole, symbol)) and condition(row) and row, timeout=30, what=what)


def with_baseline(whole: Whole, symbol: str) -> dict[str, Any]:
    return read(whole, symbol, lambda row: row["baseline_qty"] is not None, f"a baseline of {symbol}")


def drifts(whole: Whole, *states: str) -> list[dict[str, Any]]:
    return [row for row in whole.discrepancies(kind="position_drift") if row["state"] in states]


def one_drift(whole: Whole, state: str) -> dict[str, Any]:
    (found,) = wait_until(lambda: drifts(whole, state), timeout=30, what=f"a drift that is {state}")
    return found


def deep_sweep(whole: Whole) -> None:
    """One that is asked for, to its end."""
    with psycopg.connect(whole.dsn, options=f"-c search_path={SCHEMA}", autocommit=True) as person:
        asked = ask_for(person, whole.simulator.account_id, Kind.DEEP, who="somebody", why="to see what is held")
        wait_until(lambda: answer_of(person, asked), timeout=60, what="the deep sweep that was asked for")


def published(whole: Whole) -> list[Envelope]:
    """Records of the accounts' topic, in order: all are of one key."""
    topic, codec = whole.topics.account_snapshots, SingleObjectCodec(whole.topics)
    consumer = Consumer({**KafkaConfig(whole.kafka).consumer("none"), "auto.offset.reset": "earliest"})
    try:
        places = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        ends = sum(max(consumer.get_watermark_offsets(place, timeout=20)[1], 0) for place in places)
        consumer.assign([TopicPartition(topic, place.partition, 0) for place in places])
        found: list[Envelope] = []
        wait_until(
            lambda: (
                found.extend(codec.decode(topic, message.value()) for message in consumer.consume(500, 0.2))
                or len(found) >= ends
            ),
            what="all snapshots",
        )
        return found
    finally:
        consumer.close()


def test_flow_is_followed_without_alarm_and_proved(
    simulator: RunningSimulator, rest: Rest, database: str, kafka: str, topic_prefix: str
) -> None:
    bought(simulator, rest, symbol="T", qty="12")
    bought(simulator, rest, symbol="DOGE/USD", qty="100", time_in_force="gtc")
    simulator.control.add_activity("JNLS", symbol="GNL", qty="7", position="7")  # held before we come, by no fill
    with reconciling(simulator, database, kafka, topic_prefix) as whole:
        whole.listening()
        simulator.control.flow(200, orders=300)
        simulator.control.wait_until(lambda overview: overview["counters"]["orders"] >= 302, seconds=30)
        simulator.control.settle()
        whole.equal()
        whole.proved(scope="deep")
        assert whole.discrepancies(kind="position_drift") == []
        held = {symbol.replace("/", ""): qty for symbol, qty in simulator.control.positions().items()}
        assert {"T", "DOGEUSD", "GNL"} <= held.keys()
        for symbol in held:
            with_baseline(whole, symbol)
        rows = {row["symbol"]: row for row in whole.rows("SELECT * FROM known_positions")}
        assert {symbol: format(rows[symbol]["last_qty"].normalize(), "f") for symbol in held} == held
        assert all(row["misfit_since"] is None for row in rows.values())
        snapshots = {record.event: json.loads(record.raw) for record in published(whole)}
        assert snapshots.keys() == {"account", "positions"}
        assert snapshots["account"]["id"] == simulator.account_id
        assert {one["symbol"]: one["qty"] for one in snapshots["positions"]} == held
        newest = "SELECT * FROM position_snapshots WHERE as_of = (SELECT max(as_of) FROM position_snapshots)"
        tabled = wait_until(lambda: whole.rows(newest), what="the positions' rows")
        assert {row["symbol"]: format(row["qty"].normalize(), "f") for row in tabled} == held
        assert {(row["source"], row["topic"]) for row in tabled} == {("sweep", whole.topics.account_snapshots)}
        assert whole.value("SELECT equity FROM account_snapshots ORDER BY as_of DESC LIMIT 1") > 0


@pytest.mark.timeout(300)
def test_positions_that_lag_are_no_alarm(
    simulator: RunningSimulator, database: str, kafka: str, topic_prefix: str
) -> None:
    # Hot sweeps come first: on a busy machine one every half second leaves no time for a deep one.
    patient = quick(intervals=replace(QUICK.intervals, hot_s=3.0), graces=replace(QUICK.graces, apart_s=4.0))
    simulator.control.fault("lagging_positions", seconds=3.0)
    with reconciling(simulator, database, kafka, topic_prefix, timing=patient) as whole:
        whole.listening()
        simulator.control.flow(60)
        begin = whole.value("SELECT clock_timestamp()")
        agreed = "SELECT count(*) FROM known_positions WHERE baseline_qty IS NOT NULL AND fitted_at > %(begin)s"
        deep = "SELECT count(*) FROM sweeps WHERE kind = 'deep' AND complete AND started_at > %(begin)s"
        wait_until(lambda: whole.value(deep, begin=begin) >= 2, timeout=100, what="two deep sweeps")
        simulator.control.settle()
        whole.proved(scope="deep")
        wait_until(lambda: whole.value(agreed, begin=begin) > 3, timeout=40, what="positions to be found right")
        assert whole.discrepancies(kind="position_drift") == []


def test_a_fill_that_only_positions_show_is_a_drift_until_it_is_told(
    simulator: RunningSimulator, rest: Rest, whole: Whole
) -> None:
    bought(simulator, rest, symbol="MSFT")
    with_baseline(whole, "MSFT")
    simulator.control.fault("drop", count=0, symbol="MSFT")
    simulator.control.fault("miss_in_list", symbol="MSFT")
    simulator.control.fault("withhold_activities")
    order_id = bought(simulator, rest, symbol="MSFT", qty="5")
    drift = one_drift(whole, "open")
    assert drift["subject"] == "MSFT"
    assert (drift["evidence"]["broker"]["qty"], drift["evidence"]["ours"]["qty"]) == ("8", "3")
    assert drift["evidence"]["ours"]["baseline"]["qty"] in ("0", "3")
    assert "position_drift MSFT" in whole.value("SELECT blocked_by FROM agreement WHERE scope = 'deep'")
    assert whole.rows("SELECT 1 FROM executions WHERE alpaca_order_id = %(order)s", order=order_id) == []
    simulator.control.clear_faults()
    assert one_drift(whole, "resolved")["resolved_by"].startswith("sweep ")
    whole.equal()
    whole.proved(scope="deep")
    assert drifts(whole, "open") == []


def test_a_drift_ends_by_hot_sweeps_alone(
    simulator: RunningSimulator, rest: Rest, database: str, kafka: str, topic_prefix: str
) -> None:
    asked = quick(intervals=replace(QUICK.intervals, deep_s=900.0), graces=replace(QUICK.graces, apart_s=0.5))
    with reconciling(simulator, database, kafka, topic_prefix, timing=asked) as whole:
        whole.listening()
        bought(simulator, rest, symbol="MSFT")
        whole.equal()
        deep_sweep(whole)
        with_baseline(whole, "MSFT")
        simulator.control.fault("drop", count=0, symbol="MSFT")
        simulator.control.fault("miss_in_list", symbol="MSFT")
        simulator.control.fault("withhold_activities")
        bought(simulator, rest, symbol="MSFT", qty="5")
        deep_sweep(whole)
        one_drift(whole, "open")
        deep = "SELECT count(*) FROM sweeps WHERE kind = 'deep'"
        so_many = whole.value(deep)
        simulator.control.clear_faults()
        one_drift(whole, "resolved")
        assert whole.value(deep) == so_many


def test_a_split_is_recognised_and_counts_once(simulator: RunningSimulator, rest: Rest, whole: Whole) -> None:
    bought(simulator, rest, symbol="NVDA", qty="10")
    with_baseline(whole, "NVDA")
    simulator.control.add_activity("DIV", symbol="NVDA", net_amount="12.5")
    split = simulator.control.add_activity("SPLIT", symbol="NVDA", qty="30", position="30")
    found = wait_until(lambda: whole.discrepancies(kind="corporate_action"), timeout=30, what="the split")
    assert [(row["subject"], row["state"]) for row in found] == [("NVDA", "resolved")]
    assert found[0]["evidence"]["broker"]["activities"] == [{"id": split["id"], "type": "SPLIT", "qty": "30"}]
    bought(simulator, rest, symbol="NVDA", qty="1")
    read(whole, "NVDA", lambda row: row["baseline_qty"] == 41, "the baseline after the next fill")
    whole.proved(scope="deep")
    assert drifts(whole, "open", "resolved") == []
    assert whole.value("SELECT count(*) FROM position_adjustments") == 1


def test_a_fee_in_coins_waits_for_its_activity_and_more_than_a_fee_does_not(
    simulator: RunningSimulator, rest: Rest, whole: Whole
) -> None:
    coin = {"symbol": "BTC/USD", "time_in_force": "gtc"}
    bought(simulator, rest, **coin, qty="1")
    with_baseline(whole, "BTCUSD")
    bought(simulator, rest, **coin, qty="1")
    simulator.control.fault("withhold_activities")
    simulator.control.add_activity("CFEE", symbol="BTCUSD", qty="-0.0025", position="-0.0025")
    read(whole, "BTCUSD", lambda row: str(row["last_qty"]).startswith("1.9975"), "the reading after the fee")
    whole.proved(scope="deep")
    assert known(whole, "BTCUSD")["misfit_since"] is None
    simulator.control.clear_faults()
    row = read(whole, "BTCUSD", lambda row: row["fee_qty"] > 0, "the fee to be counted")
    assert str(row["fee_qty"]) == "0.0025"
    assert whole.discrepancies(kind="position_drift") == []
    simulator.control.fault("withhold_activities")
    simulator.control.add_activity("JNLS", symbol="BTC/USD", qty="-0.5", position="-0.5")
    drift = one_drift(whole, "open")
    assert drift["subject"] == "BTC/USD"
    simulator.control.clear_faults()
    one_drift(whole, "resolved")
    whole.proved(scope="deep")


def test_a_drift_that_a_person_accepts_gives_a_new_baseline(
    simulator: RunningSimulator, rest: Rest, whole: Whole
) -> None:
    bought(simulator, rest, symbol="F")
    with_baseline(whole, "F")
    simulator.control.fault("withhold_activities")
    simulator.control.add_activity("JNLS", symbol="F", qty="4", position="4")
    drift = one_drift(whole, "open")
    # Accepted while a sweep is at it that read the drift as open: that one must not open it again.
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE %(me)s = ANY (pg_blocking_pids(pid))"
    with psycopg.connect(whole.dsn, options=f"-c search_path={SCHEMA}") as person:
        person.execute(
            "UPDATE discrepancies SET state = 'accepted', resolved_at = clock_timestamp(), resolved_by = 'somebody' "
            "WHERE discrepancy_id = %(id)s",
            {"id": drift["discrepancy_id"]},
        )
        me = person.info.backend_pid
        wait_until(lambda: whole.value(waiting, me=me) > 0, timeout=30, what="a sweep that meets the acceptance")
    read(whole, "F", lambda row: row["baseline_qty"] == 7, "a new baseline")
    whole.proved(scope="deep")
    assert len(drifts(whole, "open", "resolved", "accepted")) == 1


def test_a_lost_fill_is_looked_for_at_the_next_fill_of_its_symbol(
    simulator: RunningSimulator, rest: Rest, database: str, kafka: str, topic_prefix: str
) -> None:
    rare = quick(intervals=replace(QUICK.intervals, hot_s=300.0, urgent_s=0.2, deep_s=600.0))
    with reconciling(simulator, database, kafka, topic_prefix, timing=rare) as whole:
        whole.listening()
        bought(simulator, rest, symbol="F")
        whole.equal()
        proven = "SELECT count(*) FROM agreement WHERE scope = 'deep' AND proven_equal_at IS NOT NULL"
        wait_until(lambda: whole.value(proven), timeout=40, what="the sweeps of the start")  # the next is far off
        simulator.control.fault("drop", events=["fill", "partial_fill"], symbol="F", count=1)
        lost = bought(simulator, rest, symbol="F")
        bought(simulator, rest, symbol="F")
        wait_until(
            lambda: whole.metric("reconcile_sweep_urgent_total", why="chain") == 1, timeout=30, what="a look at once"
        )
        whole.equal()
        found = whole.rows("SELECT status, last_source FROM executions WHERE alpaca_order_id = %(id)s", id=lost)
        assert found == [{"status": "filled", "last_source": "sweep"}]

        # At its own order's next event it is noticed sooner: there the sum does not come out.
        resting = {**ORDER, "symbol": "F", "type": "limit", "limit_price": "1"}
        partly = str(rest("POST", "/v2/orders", json=resting).json()["id"])
        wait_until(lambda: rest.get(f"/v2/orders/{partly}")["status"] == "new", what="the order to rest")
        simulator.control.fault("drop", events=["fill", "partial_fill"], symbol="F", count=1)
        for _ in range(2):
            simulator.control.operate(partly, "fill", qty="1", price="1")
        wait_until(
            lambda: whole.metric("reconcile_sweep_urgent_total", why="sum") >= 1, timeout=30, what="a look at once"
        )
        whole.equal()
        assert [row["state"] for row in whole.discrepancies(kind="missing_fill")] == ["resolved"]
