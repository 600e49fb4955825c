"""Each row of the list of discrepancies that the sweep answers for: made to happen, found, repaired, closed, and then
quiet: states, chains and legs, records, and sweeps.

All share one running program (conftest.py): every order has a decision, unless the lack of one is what the test is
about; faults of frames strike one symbol, and are gone after the test.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from confluent_kafka import Producer

from support.discrepancies import (
    RESTING,
    by_sweep,
    found,
    frame,
    here,
    not_proved,
    order,
    read_late,
    replaced,
)
from support.http_client import Rest
from support.waiting import wait_until
from support.whole import Whole

NO_ID = {"status": 422, "code": 40010001}
"""How the broker answers what it does not take for an id."""

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
    fresh = "SELECT fresh_within(%(id)s, '1 hour')"
    wait_until(lambda: whole.value(fresh, id=placed["id"]), what="the end of the sweep that found it again")


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


def test_c5_an_order_that_the_broker_does_not_take_the_id_of_is_not_called_absent(whole: Whole, rest: Rest) -> None:
    placed = order(whole, rest, symbol="TSLA", **RESTING)
    here(whole, placed["id"], "new")
    control = whole.simulator.control
    control.fault("forget_order", order_id=placed["id"])
    control.fault("rest_status", method="GET", path=f"/v2/orders/{placed['id']}", count=0, **NO_ID)
    # Longer than it takes to prove an absence.
    begin = whole.value("SELECT clock_timestamp() + interval '1 second'")
    query = "SELECT unchecked, proven_equal_at FROM sweeps WHERE complete AND started_at > %(begin)s"
    wait_until(lambda: len(whole.rows(query, begin=begin)) >= 6, what="complete sweeps")
    assert {tuple(row.values()) for row in whole.rows(query, begin=begin)} == {(1, None)}
    assert [row["subject"] for row in whole.discrepancies(kind="missing_at_broker")].count(placed["id"]) == 0


# -- chains and legs ---------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize(("order_id", "status"), [("no-such-order", 404), ("no-uuid", 400), ("no-uuid-either", 422)])
def test_f2_an_unreadable_record_of_an_order_that_the_broker_does_not_know(
    whole: Whole, order_id: str, status: int
) -> None:
    if status != 404:
        refused = {**NO_ID, "status": status}
        whole.simulator.control.fault("rest_status", path=f"/v2/orders/{order_id}", count=0, **refused)
    whole.simulator.control.send(frame(order={"id": order_id, "qty": "a lot"}))
    (letter,) = wait_until(
        lambda: whole.rows("SELECT * FROM dead_letters WHERE order_id = %(id)s", id=order_id), what="the letter"
    )
    row = found(whole, "undecodable", f"{letter['topic']}:{letter['partition']}:{letter['offset']}", "resolved")
    assert row["resolution"] == "a complete sweep has read all of its time again"
    assert order_id not in {each["subject"] for each in whole.discrepancies()}


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
    # A gap sweep is asked for; a hot one that reaches as far may come first.
    assert sweep["kind"] in ("gap", "hot")
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
