"""Each row of the list of discrepancies that the sweep answers for: made to happen, found, repaired, closed, and then
quiet.

All share one running program: every order has a decision, unless the lack of one is what the test is about; faults of
frames strike one symbol, and are gone after the test.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from stream_reconcile import intents
from stream_reconcile.core.discrepancy_types import BLOCKS_PROOF
from stream_reconcile.core.sweep.compared import Graces
from stream_reconcile.simulator.runner import RunningSimulator, running_simulator
from stream_reconcile.store import discrepancies_by_hand
from support.http_client import Rest
from support.servers import SCHEMA, Servers, create_database, drop_database
from support.waiting import wait_until
from support.whole import Whole, quick, reconciling

GRACES = Graces(finding_s=0.3, absence_s=1.0, stuck_s=1.0, apart_s=1.0, residual_s=3.0, second_writer_s=2.0)
TIMING = quick(graces=GRACES)
RESTING = {"type": "limit", "limit_price": "1", "time_in_force": "gtc"}


@pytest.fixture(scope="module")
def simulator() -> Iterator[RunningSimulator]:
    with running_simulator(seed=21, rate_limit=100_000, activity_delay_seconds=0.1) as made:
        yield made


@contextmanager
def own_place(servers: Servers, kafka: str, postgres_server: str) -> Iterator[tuple[str, str]]:
    """A database and a prefix of topics, for longer than one test."""
    name = prefix = f"test_{secrets.token_hex(6)}"
    dsn = create_database(postgres_server, name, template=servers.template())
    yield dsn, prefix
    drop_database(postgres_server, name)
    admin = AdminClient({"bootstrap.servers": kafka, "log_level": 0})
    made = [topic for topic in admin.list_topics(timeout=30).topics if topic.startswith(prefix)]
    for deleted in admin.delete_topics(made, operation_timeout=30).values():
        deleted.result(timeout=30)


@pytest.fixture(scope="module")
def shared(servers: Servers, kafka: str, postgres_server: str, simulator: RunningSimulator) -> Iterator[Whole]:
    with (
        own_place(servers, kafka, postgres_server) as (dsn, prefix),
        reconciling(simulator, dsn, kafka, prefix, timing=TIMING) as running,
    ):
        running.listening()
        running.proved(scope="deep")
        yield running


@pytest.fixture
def whole(shared: Whole) -> Iterator[Whole]:
    """Equal and proved before, and after: what a test finds it has seen to."""
    yield shared
    shared.simulator.control.clear_faults()
    shared.equal()
    shared.proved()
    before = [(row["discrepancy_id"], row["state"]) for row in shared.discrepancies()]
    shared.proved()
    assert [(row["discrepancy_id"], row["state"]) for row in shared.discrepancies()] == before, "something fires again"
    assert shared.open_types() == []


@pytest.fixture
def rest(whole: Whole) -> Iterator[Rest]:
    with Rest(whole.simulator) as client:
        yield client


def decide(whole: Whole, client_order_id: str, *, submitted: bool = True, **terms: Any) -> UUID:
    with psycopg.connect(whole.dsn, autocommit=True) as connection:
        account_id = whole.simulator.account_id
        made = intents.record(connection, account_id=account_id, client_order_id=client_order_id, **terms)
        if submitted:
            intents.mark_submitted(connection, made)
        return made


def place(rest: Rest, **terms: object) -> dict[str, Any]:
    order = {"qty": "10", "side": "buy", "type": "market", "time_in_force": "day"}
    response = rest("POST", "/v2/orders", json={**order, **terms})
    assert response.status_code == 200, response.text
    placed: dict[str, Any] = response.json()
    return placed


def order(whole: Whole, rest: Rest, **terms: object) -> dict[str, Any]:
    """Decided, then placed."""
    client_order_id = f"c-{secrets.token_hex(6)}"
    decide(whole, client_order_id, symbol=terms["symbol"])
    return place(rest, client_order_id=client_order_id, **terms)


def here(whole: Whole, order_id: str, status: str) -> dict[str, Any]:
    """Its row, when it says so."""

    def row() -> dict[str, Any] | None:
        rows = whole.rows("SELECT * FROM executions WHERE alpaca_order_id = %(id)s", id=order_id)
        return rows[0] if rows and rows[0]["status"] == status else None

    found = wait_until(row, what=f"{status} here")
    assert found is not None
    return found


def at_broker(rest: Rest, order_id: str, status: str) -> None:
    wait_until(lambda: rest.get(f"/v2/orders/{order_id}")["status"] == status, what=f"{status} at the broker")


def found(whole: Whole, kind: str, subject: str, state: str = "open", times: int = 1) -> dict[str, Any]:
    """The discrepancy, when it is in this state; while it is open and blocks the proof, `agreement` says so."""

    def last() -> dict[str, Any] | None:
        assert whole.faults == []
        rows = [row for row in whole.discrepancies(kind=kind) if row["subject"] == subject]
        return rows[-1] if len(rows) == times and rows[-1]["state"] == state else None

    try:
        row = wait_until(last, what=f"{kind} {state}")
    except AssertionError as error:
        every = [(each["type"], each["subject"], each["state"], each["evidence"]) for each in whole.discrepancies()]
        raise AssertionError(f"{error}; {every[-8:]}; {whole.swept}") from None
    assert row is not None
    if state == "open":
        blocked = whole.value("SELECT blocked_by FROM agreement WHERE scope = 'hot'")
        assert (f"{kind} {subject}" in blocked) == (kind in BLOCKS_PROOF)
    return row


def executed(whole: Whole, order_id: str) -> list[tuple[str, Decimal, Decimal]]:
    """Its rows of fills: key, quantity and price."""
    rows = whole.rows("SELECT * FROM fills WHERE alpaca_order_id = %(id)s ORDER BY fill_key", id=order_id)
    return [(row["fill_key"], row["qty"], row["price"]) for row in rows]


def both_filled(whole: Whole, order_id: str) -> None:
    wait_until(lambda: len(executed(whole, order_id)) == 2, what="both fills")


def not_proved(whole: Whole, sweeps: int = 2) -> None:
    """So many more complete sweeps, and none proves anything."""
    query = "SELECT count(*) FILTER (WHERE complete) AS complete, count(proven_equal_at) AS proofs FROM sweeps"
    (before,) = whole.rows(query)

    def swept() -> bool:
        (now,) = whole.rows(query)
        assert now["proofs"] == before["proofs"]
        return bool(now["complete"] >= before["complete"] + sweeps)

    wait_until(swept, what="more sweeps")


def read_late(whole: Whole) -> None:
    """What happens now is read by no sweep before its grace has passed."""
    whole.simulator.control.fault("rest_hang", method="GET", path="/v2/orders", seconds=0.7)


def accept(whole: Whole, row: dict[str, Any]) -> None:
    with psycopg.connect(whole.dsn, options=f"-c search_path={SCHEMA}", autocommit=True) as connection:
        discrepancies_by_hand.accept(connection, row["discrepancy_id"], reason="seen", who="a person")


def by_sweep(row: dict[str, Any]) -> bool:
    return str(row["resolved_by"]).startswith("sweep ")


def state_of(whole: Whole, decision: UUID) -> str:
    return str(whole.value("SELECT state FROM trade_decisions WHERE decision_id = %(id)s", id=decision))


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
            assert whole.value("SELECT fresh_within(%(id)s, '1 hour')", id=placed["id"])
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


def test_b7_a_correction_of_a_fill_whose_frame_was_dropped(whole: Whole, rest: Rest) -> None:
    control = whole.simulator.control
    placed = order(whole, rest, symbol="GNL", **RESTING)
    here(whole, placed["id"], "new")
    control.fault("drop", symbol="GNL", events="fill")
    control.operate(placed["id"], "fill", price="7")
    wait_until(lambda: len(executed(whole, placed["id"])) == 1, what="the fill")
    (execution,) = [each for each in control.executions() if each["order_id"] == placed["id"]]
    control.operate(placed["id"], "correct", qty="4", price="6")
    found(whole, "excess_fill", placed["id"], "resolved")
    rows = {key: qty for key, qty, _price in executed(whole, placed["id"])}
    assert rows.pop(f"r:{execution['execution_id']}") == -rows.pop(f"x:{execution['execution_id']}") == -10
    assert list(rows.values()) == [Decimal(4)]
    control.operate(placed["id"], "cancel")
    here(whole, placed["id"], "canceled")


def test_b7_a_bust_or_correction_whose_frame_was_lost_is_judged(whole: Whole, rest: Rest) -> None:
    control = whole.simulator.control
    query = "SELECT fill_key, qty, source FROM fills WHERE alpaca_order_id = %(id)s AND entry = 'reversal'"
    control.fault("drop", symbol="TSLA", events="trade_bust+trade_correct", count=0)
    for operation, details in (("bust", {}), ("correct", {"price": "3.25"}), ("correct", {"qty": "1", "price": "2"})):
        placed = order(whole, rest, symbol="TSLA", **RESTING)
        here(whole, placed["id"], "new")
        for qty, price in (("2", "7"), ("3", "8")):
            control.operate(placed["id"], "fill", qty=qty, price=price)
        both_filled(whole, placed["id"])
        mine = [each["execution_id"] for each in control.executions() if each["order_id"] == placed["id"]]
        control.operate(placed["id"], operation, execution_id=mine[0], **details)
        row = found(whole, "excess_fill", placed["id"], "resolved")
        assert row["resolution"] == "the sums agree"
        reversal = {"fill_key": f"r:{mine[0]}", "qty": Decimal(-2), "source": "adjustment"}
        assert whole.rows(query, id=placed["id"]) == [reversal]
        control.operate(placed["id"], "cancel")
        here(whole, placed["id"], "canceled")
    # Told after all, it is reversed once.
    before = executed(whole, placed["id"])
    bust = {"event": "trade_bust", "previous_execution_id": mine[0], "qty": "-2", "price": "7"}
    told = rest.get(f"/v2/orders/{placed['id']}")
    whole.simulator.control.send(frame(**bust, timestamp=told["updated_at"], order=told))
    wait_until(lambda: whole.rows(query, id=placed["id"])[0]["source"] == "stream", what="the real one")
    assert executed(whole, placed["id"]) == before
    found(whole, "trade_bust", placed["id"], "resolved")


def test_b7_what_two_executions_explain_alike_is_left_to_a_person(whole: Whole, rest: Rest) -> None:
    control = whole.simulator.control
    control.fault("drop", symbol="NVDA", events="trade_bust", count=0)
    placed = order(whole, rest, symbol="NVDA", **RESTING)
    here(whole, placed["id"], "new")
    for _ in range(2):
        control.operate(placed["id"], "fill", qty="2", price="7")
    both_filled(whole, placed["id"])
    control.operate(placed["id"], "bust")
    found(whole, "excess_fill", placed["id"])
    not_proved(whole, sweeps=6)
    assert len(executed(whole, placed["id"])) == 2
    # The frame is told after all.
    (mine,) = [each for each in control.executions() if each["order_id"] == placed["id"] and each["state"] == "busted"]
    told = rest.get(f"/v2/orders/{placed['id']}")
    bust = {"event": "trade_bust", "previous_execution_id": mine["execution_id"], "qty": "-2", "price": "7"}
    control.send(frame(**bust, timestamp=told["updated_at"], order=told))
    found(whole, "excess_fill", placed["id"], "resolved")
    control.operate(placed["id"], "cancel")
    here(whole, placed["id"], "canceled")


# -- states ------------------------------------------------------------------------------------------------------------


def test_c2_an_end_that_the_stream_did_not_tell(whole: Whole, rest: Rest) -> None:
    placed = order(whole, rest, symbol="AAPL", **RESTING)
    here(whole, placed["id"], "new")
    whole.simulator.control.fault("drop", symbol="AAPL", count=0)
    read_late(whole)
    whole.simulator.control.operate(placed["id"], "cancel")
    row = found(whole, "missed_terminal", placed["id"], "resolved")
    assert by_sweep(row)
    assert row["evidence"]["broker"]["status"] == "canceled"
    assert row["evidence"]["ours"]["status"] == "new"
    assert here(whole, placed["id"], "canceled")["last_source"] == "sweep"


def test_c4_a_cancel_that_stays_pending(whole: Whole, rest: Rest) -> None:
    placed = order(whole, rest, symbol="MSFT", **RESTING)
    here(whole, placed["id"], "new")
    for times, end in ((1, "refuse_cancel"), (2, "cancel")):
        whole.simulator.control.operate(placed["id"], "request_cancel")
        found(whole, "stuck_pending", placed["id"], times=times)
        whole.proved()
        assert here(whole, placed["id"], "pending_cancel")["canceled_at"] is None
        whole.simulator.control.operate(placed["id"], end)
        assert by_sweep(found(whole, "stuck_pending", placed["id"], "resolved", times=times))


def test_c5_an_order_that_the_broker_forgets_and_remembers(whole: Whole, rest: Rest) -> None:
    placed = order(whole, rest, symbol="TSLA", **RESTING)
    here(whole, placed["id"], "new")
    for times in (1, 2):
        whole.simulator.control.fault("forget_order", order_id=placed["id"])
        row = found(whole, "missing_at_broker", placed["id"], times=times)
        assert row["evidence"]["broker"]["absent"] is True
        not_proved(whole)
        assert not whole.value("SELECT fresh_within(%(id)s, '1 hour')", id=placed["id"])
        here(whole, placed["id"], "new")
        whole.simulator.control.clear_faults()
        assert by_sweep(found(whole, "missing_at_broker", placed["id"], "resolved", times=times))
    assert whole.value("SELECT fresh_within(%(id)s, '1 hour')", id=placed["id"])


def test_c5_an_order_that_lists_leave_out_is_asked_for(whole: Whole, rest: Rest) -> None:
    placed = order(whole, rest, symbol="NVDA", **RESTING)
    here(whole, placed["id"], "new")
    whole.simulator.control.fault("miss_in_list", symbol="NVDA")
    whole.simulator.control.fault("drop", symbol="NVDA", count=0)
    whole.proved()
    whole.proved()
    whole.simulator.control.operate(placed["id"], "cancel")
    here(whole, placed["id"], "canceled")
    query = "SELECT last_source FROM executions WHERE alpaca_order_id = %(id)s"
    assert whole.value(query, id=placed["id"]) == "sweep"
    assert [row["subject"] for row in whole.discrepancies(kind="missing_at_broker")].count(placed["id"]) == 0


def test_c3_an_order_that_was_filled_while_it_was_being_canceled(whole: Whole, rest: Rest) -> None:
    placed = order(whole, rest, symbol="AAPL", **RESTING)
    whole.simulator.control.operate(placed["id"], "request_cancel")
    whole.simulator.control.operate(placed["id"], "fill")
    row = found(whole, "cancel_fill_race", placed["id"], "resolved")
    assert (row["resolved_by"], row["resolved_at"]) == ("apply", row["first_seen_at"])
    assert row["evidence"]["broker"]["status"] == "filled"
    assert here(whole, placed["id"], "filled")["filled_qty"] == Decimal(10)


def test_c3_a_cancel_that_was_refused_or_done_is_no_race(whole: Whole, rest: Rest) -> None:
    control, placed = whole.simulator.control, order(whole, rest, symbol="AAPL", **RESTING)
    for operation in ("request_cancel", "refuse_cancel", "request_cancel", "cancel"):
        control.operate(placed["id"], operation)
    here(whole, placed["id"], "canceled")
    filled = order(whole, rest, symbol="AAPL")
    here(whole, filled["id"], "filled")
    assert not {placed["id"], filled["id"]} & {row["subject"] for row in whole.discrepancies()}


def test_c6_an_order_that_opens_again_is_asked_for(whole: Whole, rest: Rest) -> None:
    control, placed = whole.simulator.control, order(whole, rest, symbol="MSFT", **RESTING)
    for times in (1, 2):
        control.operate(placed["id"], "cancel")
        here(whole, placed["id"], "canceled")
        # Lists leave it out: it is asked for by its id.
        control.fault("miss_in_list", symbol="MSFT")
        control.operate(placed["id"], "reopen")
        row = found(whole, "impossible_regression", placed["id"], "resolved", times=times)
        assert by_sweep(row)
        assert row["evidence"]["ours"]["status"] == "canceled"
        assert here(whole, placed["id"], "new")["last_source"] == "stream"
    control.clear_faults()
    # It goes on, and that is no news.
    for operation, status in (("request_cancel", "pending_cancel"), ("refuse_cancel", "new"), ("cancel", "canceled")):
        control.operate(placed["id"], operation)
        here(whole, placed["id"], status)
    assert [row["subject"] for row in whole.discrepancies(kind="impossible_regression")] == [placed["id"]] * 2


# -- chains and legs ---------------------------------------------------------------------------------------------------


def replaced(rest: Rest, order_id: str, client_order_id: str) -> str:
    answer = rest("PATCH", f"/v2/orders/{order_id}", json={"limit_price": "2", "client_order_id": client_order_id})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def test_d1_a_successor_that_is_not_to_be_had(whole: Whole, rest: Rest) -> None:
    control = whole.simulator.control
    placed = order(whole, rest, symbol="AMZN", **RESTING)
    here(whole, placed["id"], "new")
    control.fault("drop", symbol="AMZN", count=0)
    control.fault("forget_order", client_order_id="d1-second")
    second = replaced(rest, placed["id"], "d1-second")
    row = found(whole, "broken_replace_chain", placed["id"])
    assert row["evidence"]["ours"]["missing"] == second
    not_proved(whole)
    assert here(whole, placed["id"], "replaced")["replaced_by"] == second
    control.clear_faults()
    assert by_sweep(found(whole, "broken_replace_chain", placed["id"], "resolved"))
    assert here(whole, second, "new")["replaces"] == placed["id"]


def test_d1_a_successor_that_no_list_shows_is_asked_for(whole: Whole, rest: Rest) -> None:
    control = whole.simulator.control
    placed = order(whole, rest, symbol="SPY", **RESTING)
    here(whole, placed["id"], "new")
    control.fault("drop", symbol="SPY", count=0)
    control.fault("miss_in_list", symbol="SPY")
    second = replaced(rest, placed["id"], "d1-unlisted")
    successor = here(whole, second, "new")
    assert successor["replaces"] == placed["id"]
    assert successor["decision_id"] == here(whole, placed["id"], "replaced")["decision_id"] is not None


def test_d2_a_fill_of_an_order_that_was_replaced(whole: Whole, rest: Rest) -> None:
    control, placed = whole.simulator.control, order(whole, rest, symbol="AMZN", **RESTING)
    here(whole, placed["id"], "new")
    control.operate(placed["id"], "fill", qty="2")
    second = replaced(rest, placed["id"], "d2-second")
    here(whole, second, "new")
    whole.proved()
    assert whole.discrepancies(kind="fill_on_predecessor") == []  # what was filled before is no news
    control.fault("drop", symbol="AMZN", count=0)
    control.operate(placed["id"], "late_fill", qty="3")
    row = found(whole, "fill_on_predecessor", placed["id"], "resolved")
    assert row["evidence"]["broker"]["replaced_by"] == second
    assert row["resolution"] == "the sums agree"
    query = "SELECT sum(qty) FROM fills WHERE alpaca_order_id = %(id)s"
    assert whole.value(query, id=placed["id"]) == Decimal(5)
    control.operate(placed["id"], "late_fill", qty="1")
    wait_until(lambda: whole.value(query, id=placed["id"]) == Decimal(6), what="the fill")
    assert len(whole.discrepancies(kind="fill_on_predecessor")) == 1


def test_d3_a_replace_that_is_refused(whole: Whole, rest: Rest) -> None:
    control, placed = whole.simulator.control, order(whole, rest, symbol="SPY", **RESTING)
    here(whole, placed["id"], "new")
    for times in (1, 2):
        control.operate(placed["id"], "refuse_replace")
        row = found(whole, "replace_rejected", placed["id"], "resolved", times=times)
        assert row["resolved_at"] == row["first_seen_at"]
    assert here(whole, placed["id"], "new")["replaced_by"] is None


def test_d3_a_replace_that_is_done_or_a_cancel_that_is_refused_is_none(whole: Whole, rest: Rest) -> None:
    placed = order(whole, rest, symbol="QQQ", **RESTING)
    here(whole, placed["id"], "new")
    second = replaced(rest, placed["id"], "d3-second")
    here(whole, second, "new")
    whole.simulator.control.operate(second, "request_cancel")
    whole.simulator.control.operate(second, "refuse_cancel")
    whole.simulator.control.operate(second, "reject")
    here(whole, second, "rejected")  # the new order, after the old one was replaced: the end of a chain
    assert [row["subject"] for row in whole.discrepancies(kind="replace_rejected")].count(second) == 0


def test_d4_legs_that_the_stream_did_not_tell(whole: Whole, rest: Rest) -> None:
    whole.simulator.control.fault("drop", symbol="QQQ", events="held", count=0)
    exits = {"order_class": "bracket", "take_profit": {"limit_price": "900"}, "stop_loss": {"stop_price": "0.5"}}
    read_late(whole)
    placed = order(whole, rest, symbol="QQQ", **RESTING, **exits)
    legs = [leg["id"] for leg in placed["legs"]]
    assert len(legs) == 2
    for leg in legs:
        row = found(whole, "missing_leg", leg, "resolved")
        assert by_sweep(row)
        assert row["evidence"]["ours"]["parent_order_id"] == placed["id"]
        assert here(whole, leg, "held")["parent_order_id"] == placed["id"]
    # An order of which nothing was known is new with its legs, and no leg is missing.
    whole.simulator.control.fault("drop", symbol="QQQ", count=0)
    read_late(whole)
    other = order(whole, rest, symbol="QQQ", **RESTING, **exits)
    for leg in other["legs"]:
        here(whole, leg["id"], "held")
    found(whole, "unrecorded_order", other["id"], "resolved")
    assert sorted(row["subject"] for row in whole.discrepancies(kind="missing_leg")) == sorted(legs)


# -- the stream, and the sweep itself ----------------------------------------------------------------------------------


def frame(**parts: object) -> bytes:
    return json.dumps({"stream": "trade_updates", "data": {"event": "new", **parts}}).encode()


def test_f2_an_unreadable_record_of_an_order(whole: Whole, rest: Rest) -> None:
    placed = order(whole, rest, symbol="F", **RESTING)
    here(whole, placed["id"], "new")
    whole.simulator.control.send(frame(order={**placed, "qty": "a lot"}, timestamp=placed["updated_at"]))
    (letter,) = wait_until(
        lambda: whole.rows("SELECT * FROM dead_letters WHERE order_id = %(id)s", id=placed["id"]), what="the letter"
    )
    subject = f"{letter['topic']}:{letter['partition']}:{letter['offset']}"
    row = found(whole, "undecodable", subject, "resolved")
    assert by_sweep(row)
    assert row["resolution"] == "its order was read again at the broker"


def test_f2_an_unreadable_record_of_an_order_that_the_broker_does_not_know(whole: Whole) -> None:
    whole.simulator.control.send(frame(order={"id": "no-such-order", "qty": "a lot"}))
    (letter,) = wait_until(
        lambda: whole.rows("SELECT * FROM dead_letters WHERE order_id = 'no-such-order'"), what="the letter"
    )
    row = found(whole, "undecodable", f"{letter['topic']}:{letter['partition']}:{letter['offset']}", "resolved")
    assert row["resolution"] == "a complete sweep has read all of its time again"
    assert "no-such-order" not in {each["subject"] for each in whole.discrepancies()}


def test_f2_a_record_that_is_none_at_all(whole: Whole) -> None:
    producer = Producer({"bootstrap.servers": whole.kafka, "log_level": 0})
    producer.produce(whole.topics.trade_updates, b"junk", partition=0)
    assert producer.flush(20) == 0
    (letter,) = wait_until(lambda: whole.rows("SELECT * FROM dead_letters WHERE account_id = 'unknown'"), what="it")
    row = found(whole, "undecodable", f"{letter['topic']}:{letter['partition']}:{letter['offset']}", "resolved")
    assert row["account_id"] == "unknown"
    assert by_sweep(row)


def test_f2_an_unreadable_record_of_nobody_knows_what(whole: Whole) -> None:
    whole.simulator.control.send(frame(order={"qty": "1"}))
    (letter,) = wait_until(
        lambda: whole.rows("SELECT * FROM dead_letters WHERE order_id IS NULL AND account_id <> 'unknown'"),
        what="the letter",
    )
    row = found(whole, "undecodable", f"{letter['topic']}:{letter['partition']}:{letter['offset']}", "resolved")
    assert by_sweep(row)
    assert row["resolution"] == "a complete sweep has read all of its time again"
    query = "SELECT * FROM sweeps WHERE sweep_id::text = %(id)s"
    (sweep,) = whole.rows(query, id=row["resolved_by"].removeprefix("sweep "))
    assert sweep["kind"] == "gap"
    assert sweep["window_start"] <= letter["kafka_timestamp"] - timedelta(seconds=60)
    assert sweep["started_at"] >= letter["recorded_at"]


def test_f3_sweeps_that_can_not_read_everything(whole: Whole) -> None:
    whole.simulator.control.fault("rest_status", path="/v2/orders", status=422, count=0)
    row = found(whole, "incomplete_sweep", "hot")
    assert "422" in row["evidence"]["broker"]["error"]
    assert row["evidence"]["ours"]["incomplete"] >= 3
    assert whole.swept[0] is False
    whole.simulator.control.clear_faults()
    row = found(whole, "incomplete_sweep", "hot", "resolved")
    assert by_sweep(row)
    assert row["resolution"] == "a sweep of this kind is complete"
    # The same again is another one.
    whole.simulator.control.fault("rest_status", path="/v2/orders", status=422, count=0)
    found(whole, "incomplete_sweep", "hot", times=2)
    whole.simulator.control.clear_faults()
    found(whole, "incomplete_sweep", "hot", "resolved", times=2)


def test_f7_writes_under_a_lease_or_an_epoch_that_another_has(whole: Whole) -> None:
    query = "UPDATE leases SET owner = 'other', epoch = epoch + 1, expires_at = now() + interval '1 second'"
    for subject, steal in (
        ("sweep", f"{query} WHERE job = 'sweep'"),
        ("ingest", f"{query} WHERE job = 'ingest'"),
        (
            f"{whole.topics.trade_updates}:3",
            "UPDATE stream_cursors SET owner = 'other', epoch = epoch + 1 WHERE partition = 3 AND topic = "
            f"'{whole.topics.trade_updates}'",
        ),
    ):
        whole.rows(steal)
        row = found(whole, "second_writer", subject)
        assert row["attempts"] == 1
        assert row["evidence"]["ours"]["refused"]["owner"] != "other"
        assert by_sweep(found(whole, "second_writer", subject, "resolved"))
    whole.listening()
