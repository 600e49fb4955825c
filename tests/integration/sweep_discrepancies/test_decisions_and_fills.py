"""Each row of the list of discrepancies that the sweep answers for: made to happen, found, repaired, closed, and then
quiet: decisions, where orders come from, and fills.

All share one running program (conftest.py): every order has a decision, unless the lack of one is what the test is
about; faults of frames strike one symbol, and are gone after the test.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest

from stream_reconcile import intents
from stream_reconcile.core.sweep.compared import Graces
from stream_reconcile.simulator.runner import RunningSimulator, running_simulator
from support.discrepancies import (
    RESTING,
    accept,
    at_broker,
    by_sweep,
    decide,
    found,
    here,
    not_proved,
    order,
    place,
    state_of,
)
from support.http_client import Rest
from support.waiting import wait_until
from support.whole import Whole, quick, reconciling

# -- decisions and where orders come from ------------------------------------------------------------------------------


def test_a1_an_ambiguous_submit_is_unknown_until_its_order_is_seen(whole: Whole, rest: Rest) -> None:
    decision = decide(whole, "a1", submitted=False, symbol="AAPL", side="buy", qty=10)
    with psycopg.connect(whole.dsn, autocommit=True) as connection:
        later = datetime.now(UTC) + timedelta(hours=1)  # its grace does not end in this test
        intents.mark_submitted(connection, decision, "ambiguous", submitted_at=later)
    assert found(whole, "ambiguous_submit", "a1")["evidence"]["broker"] == {"by_client_order_id": "not found yet"}
    assert state_of(whole, decision) == "unknown"
    not_proved(whole)
    placed = place(rest, symbol="AAPL", client_order_id="a1")
    row = found(whole, "ambiguous_submit", "a1", "resolved")
    assert by_sweep(row)
    assert row["resolution"] == "the broker's answer is known"
    assert state_of(whole, decision) == "bound"
    assert here(whole, placed["id"], "filled")["decision_id"] == decision


def test_a1_an_order_that_was_placed_though_the_program_heard_an_error_is_bound(whole: Whole, rest: Rest) -> None:
    whole.simulator.control.fault("drop", symbol="MSFT", count=0)
    whole.simulator.control.fault("ambiguous_submit", seconds=0)
    decision = decide(whole, "a1-there", symbol="MSFT")
    placing = {"symbol": "MSFT", "qty": "1", "side": "buy", "type": "market", "time_in_force": "day"}
    assert rest("POST", "/v2/orders", json={**placing, "client_order_id": "a1-there"}).status_code == 504
    wait_until(lambda: state_of(whole, decision) == "bound", what="the decision to be bound")
    assert whole.discrepancies(kind="not_placed") == []
    placed = rest.get("/v2/orders:by_client_order_id", client_order_id="a1-there")
    found(whole, "unrecorded_order", placed["id"], "resolved")


@pytest.mark.parametrize("client_order_id", ["odd\n", "odd\u00a0id", "odd" * 50])
def test_a1_a_decision_whose_order_can_not_be_asked_for_ends_no_sweep(
    whole: Whole, rest: Rest, client_order_id: str
) -> None:
    account_id = whole.simulator.account_id
    insert = "INSERT INTO trade_decisions (account_id, client_order_id) VALUES (%(account)s, %(id)s) RETURNING *"
    (decision,) = whole.rows(insert, account=account_id, id=client_order_id)
    row = found(whole, "ambiguous_submit", client_order_id)
    assert row["evidence"]["broker"]["by_client_order_id"].startswith("can't be asked: the id ")
    placed = order(whole, rest, symbol="AAPL")
    here(whole, placed["id"], "filled")
    not_proved(whole, 6)  # and they are complete
    assert state_of(whole, decision["decision_id"]) == "unknown"
    assert whole.discrepancies(kind="ambiguous_submit")[-1]["state"] == "open", "nothing says that it is not there"
    assert client_order_id not in {each["subject"] for each in whole.discrepancies(kind="not_placed")}
    accept(whole, row)


def test_a2_a_decision_whose_order_never_arrived_and_then_does(whole: Whole, rest: Rest) -> None:
    whole.simulator.control.fault("drop", symbol="F", count=0)
    whole.simulator.control.fault("forget_order", client_order_id="a2")
    decision = decide(whole, "a2", symbol="F")
    placed = place(rest, symbol="F", client_order_id="a2")
    found(whole, "ambiguous_submit", "a2")
    row = found(whole, "not_placed", "a2")
    found(whole, "ambiguous_submit", "a2", "resolved")
    assert state_of(whole, decision) == "not_placed"
    whole.proved()  # a known absence is no doubt
    whole.simulator.control.clear_faults()
    assert here(whole, placed["id"], "filled")["decision_id"] == decision
    assert state_of(whole, decision) == "bound"
    accept(whole, row)


def test_a3_another_order_under_a_decisions_client_id_is_not_bound(whole: Whole, rest: Rest) -> None:
    decision = decide(whole, "a3", symbol="AAPL", side="buy", qty=10)
    placed = place(rest, symbol="T", client_order_id="a3")
    row = found(whole, "duplicate_client_id", "a3")
    not_proved(whole)
    assert here(whole, placed["id"], "filled")["decision_id"] is None
    assert state_of(whole, decision) == "submitted"
    assert [each["subject"] for each in whole.discrepancies(kind="ambiguous_submit")].count("a3") == 0
    accept(whole, row)
    accept(whole, found(whole, "external_order", placed["id"]))


def test_a4_a_decided_order_that_only_sweeps_know(whole: Whole, rest: Rest) -> None:
    whole.simulator.control.fault("drop", symbol="TSLA", count=0)
    decision = decide(whole, "a4", symbol="TSLA")
    placed = place(rest, symbol="TSLA", client_order_id="a4")
    row = found(whole, "unrecorded_order", placed["id"], "resolved")
    assert by_sweep(row)
    assert row["evidence"] == {"broker": {"order_id": placed["id"]}, "ours": {"origin": "recovered"}}
    executed = here(whole, placed["id"], "filled")
    assert (executed["origin"], executed["decision_id"], executed["last_source"]) == ("recovered", decision, "sweep")


def test_a5_an_order_that_nobody_decided_waits_for_a_person(whole: Whole, rest: Rest) -> None:
    placed = place(rest, symbol="NVDA", **RESTING)
    row = found(whole, "external_order", placed["id"])
    assert row["evidence"]["ours"] == {"origin": "external"}
    whole.proved()
    assert whole.discrepancies(kind="external_order")[-1]["state"] == "open"
    accept(whole, row)
    whole.simulator.control.operate(placed["id"], "cancel")
    here(whole, placed["id"], "canceled")


def test_a_decision_that_comes_after_the_last_word_on_its_order_is_bound(whole: Whole, rest: Rest) -> None:
    """Recorded late, or taken back after a restore: nothing more is said of the order, but by the sweep."""
    placed = place(rest, symbol="T", client_order_id="late")
    other = place(rest, symbol="T", client_order_id="late-other")
    for each in (placed, other):
        assert here(whole, each["id"], "filled")["origin"] == "external"
        accept(whole, found(whole, "external_order", each["id"]))
    decision = decide(whole, "late", symbol="T", side="buy", qty=10)
    disputed = decide(whole, "late-other", symbol="T", side="sell", qty=10)
    wait_until(lambda: state_of(whole, decision) == "bound", what="the decision to be bound")
    row = here(whole, placed["id"], "filled")
    assert (row["decision_id"], row["origin"]) == (decision, "own")
    accept(whole, found(whole, "duplicate_client_id", "late-other"))
    published = "SELECT coalesce(sum(published), 0) FROM sweeps WHERE started_at > %(begin)s AND kind = 'hot'"
    begin = whole.value("SELECT clock_timestamp()")
    whole.proved()
    whole.proved()
    assert whole.value(published, begin=begin) == 0, "what can't be bound is not published again and again"
    assert state_of(whole, disputed) == "submitted"


@pytest.mark.parametrize(("policy", "expected"), [("open", ["external_order"]), ("accept", [])])
def test_a5_what_is_made_of_them_is_a_setting(
    policy: str, expected: list[str], database: str, kafka: str, topic_prefix: str
) -> None:
    with running_simulator(seed=23, rate_limit=100_000) as own, Rest(own) as rest:
        placed = place(rest, symbol="T", **RESTING)
        with reconciling(own, database, kafka, topic_prefix, ingest=False, external_orders=policy) as whole:
            here(whole, placed["id"], "new")
            whole.proved()
            whole.proved()
            assert whole.open_types() == expected


def test_a6_terms_that_nobody_asked_for(whole: Whole, rest: Rest) -> None:
    terms = {"symbol": "AMZN", "side": "buy", "qty": 10, "limit_price": "1.00", "time_in_force": "GTC"}
    decide(whole, "a6", **terms)
    decide(whole, "a6-replaced", **terms)
    drifting = place(rest, symbol="AMZN", client_order_id="a6", **RESTING)
    replaced = place(rest, symbol="AMZN", client_order_id="a6-replaced", **RESTING)
    here(whole, replaced["id"], "new")
    answer = rest("PATCH", f"/v2/orders/{replaced['id']}", json={"limit_price": "2"})
    assert answer.status_code == 200
    here(whole, answer.json()["id"], "new")
    whole.proved()
    assert whole.discrepancies(kind="parameter_drift") == []
    whole.simulator.control.operate(drifting["id"], "restate", price="1.5")
    row = found(whole, "parameter_drift", drifting["id"])
    assert row["evidence"] == {"broker": {"limit_price": "1.5"}, "ours": {"limit_price": "1.00"}}
    assert here(whole, drifting["id"], "new")["limit_price"] == Decimal("1.5")
    assert whole.value("SELECT limit_price FROM trade_decisions WHERE client_order_id = 'a6'") == Decimal("1.00")
    whole.proved()
    accept(whole, row)
    assert [each["subject"] for each in whole.discrepancies(kind="parameter_drift")] == [drifting["id"]]


# -- fills -------------------------------------------------------------------------------------------------------------


def test_b1_missing_fills_come_from_the_activities(whole: Whole, rest: Rest) -> None:
    control = whole.simulator.control
    control.fault("drop", symbol="SPY", events="fill")
    control.fault("late_activities", seconds=1.2)
    placed = order(whole, rest, symbol="SPY")
    row = found(whole, "missing_fill", placed["id"])
    assert row["evidence"]["broker"]["filled_qty"] == "10"
    assert row["evidence"]["ours"] == {"net_fills": "0", "fills": 0}
    assert not whole.value("SELECT fresh_within(%(id)s, '1 hour')", id=placed["id"])
    row = found(whole, "missing_fill", placed["id"], "resolved")
    assert row["resolution"] == "the sums agree"
    (fill,) = whole.rows("SELECT * FROM fills WHERE alpaca_order_id = %(id)s", id=placed["id"])
    assert (fill["qty"], fill["source"], fill["entry"]) == (Decimal(10), "activity", "trade")
    assert [row["subject"] for row in whole.discrepancies(kind="unexplained_fill")].count(placed["id"]) == 0


def test_b1_no_proof_while_fills_are_missing_within_their_grace(
    simulator: RunningSimulator, database: str, kafka: str, topic_prefix: str
) -> None:
    patient = quick(graces=Graces(finding_s=3600))
    with running_simulator(seed=22, rate_limit=100_000) as own, Rest(own) as rest:
        own.control.fault("withhold_activities")
        placed = place(rest, symbol="SPY")
        at_broker(rest, placed["id"], "filled")
        with reconciling(own, database, kafka, topic_prefix, timing=patient, ingest=False) as whole:
            here(whole, placed["id"], "filled")
            not_proved(whole)
            assert whole.discrepancies() == []
            assert not whole.value("SELECT fresh_within(%(id)s, '1 hour')", id=placed["id"])
            own.control.clear_faults()
            whole.proved()
            wait_until(
                lambda: whole.value("SELECT fresh_within(%(id)s, '1 hour')", id=placed["id"]),
                timeout=60,
                what="a sweep that began well after the order",
            )
            assert whole.discrepancies() == []


def test_b2_what_nothing_explains_is_stood_for_until_the_real_fills_come(whole: Whole, rest: Rest) -> None:
    control = whole.simulator.control
    control.fault("withhold_activities")
    control.fault("drop", symbol="QQQ", events="fill")
    placed = order(whole, rest, symbol="QQQ")
    row = found(whole, "unexplained_fill", placed["id"])
    assert row["evidence"]["broker"]["filled_qty"] == "10"
    assert row["evidence"]["ours"]["qty"] == "10"
    found(whole, "missing_fill", placed["id"], "resolved")
    not_proved(whole)
    query = "SELECT entry, qty, price FROM fills WHERE alpaca_order_id = %(id)s ORDER BY qty, entry"
    average = here(whole, placed["id"], "filled")["filled_avg_price"]
    residual = {"entry": "residual", "qty": Decimal(10), "price": average}
    assert whole.rows(query, id=placed["id"]) == [residual]
    control.clear_faults()
    row = found(whole, "unexplained_fill", placed["id"], "resolved")
    assert by_sweep(row)
    reversal = {"entry": "reversal", "qty": Decimal(-10), "price": average}
    trade = {"entry": "trade", "qty": Decimal(10), "price": average}
    assert whole.rows(query, id=placed["id"]) == [reversal, residual, trade]


def test_b7_a_bust_of_a_fill_whose_frame_was_dropped(whole: Whole, rest: Rest) -> None:
    control = whole.simulator.control
    control.fault("drop", symbol="GNL", events="fill")
    placed = order(whole, rest, symbol="GNL")
    here(whole, placed["id"], "filled")
    query = "SELECT entry, qty, source, execution_id FROM fills WHERE alpaca_order_id = %(id)s ORDER BY qty DESC"
    wait_until(lambda: whole.rows(query, id=placed["id"]), what="the fill")
    (execution,) = [each for each in control.executions() if each["order_id"] == placed["id"]]
    control.operate(placed["id"], "bust")
    row = found(whole, "excess_fill", placed["id"], "resolved")
    assert row["evidence"]["broker"]["filled_qty"] == "0"
    assert row["evidence"]["ours"]["net_fills"] == "10"
    found(whole, "trade_bust", placed["id"], "resolved")
    trade, reversal = whole.rows(query, id=placed["id"])
    assert (trade["entry"], trade["qty"], trade["execution_id"]) == ("trade", Decimal(10), execution["execution_id"])
    assert (reversal["entry"], reversal["qty"]) == ("reversal", Decimal(-10))
