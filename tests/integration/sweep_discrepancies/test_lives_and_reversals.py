"""Each row of the list of discrepancies that tells of an order's life or of a second writer, and what is judged where a
bust or a correction was lost: made to happen, found, closed, and then quiet.

All share one running program (conftest.py): every order has a decision; faults of frames strike one symbol, and are
gone after the test.
"""

from __future__ import annotations

from decimal import Decimal

from support.discrepancies import RESTING, by_sweep, found, frame, here, not_proved, order, replaced
from support.http_client import Rest
from support.waiting import wait_until
from support.whole import Whole


def executed(whole: Whole, order_id: str) -> list[tuple[str, Decimal, Decimal]]:
    """Its rows of fills: key, quantity and price."""
    rows = whole.rows("SELECT * FROM fills WHERE alpaca_order_id = %(id)s ORDER BY fill_key", id=order_id)
    return [(row["fill_key"], row["qty"], row["price"]) for row in rows]


def both_filled(whole: Whole, order_id: str) -> None:
    wait_until(lambda: len(executed(whole, order_id)) == 2, what="both fills")


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


def test_f7_writes_under_a_lease_or_an_epoch_that_another_has(whole: Whole) -> None:
    query = "UPDATE leases SET owner = 'other', epoch = epoch + 1, expires_at = now() + interval '1 second'"
    for subject, steal in (
        ("sweep", f"{query} WHERE job = 'sweep'"),
        ("ingest", f"{query} WHERE job = 'ingest'"),
        (
            f"{whole.topics.trade_updates}:2",
            "UPDATE stream_cursors SET owner = 'other', epoch = epoch + 1 WHERE partition = 2 AND topic = "
            f"'{whole.topics.trade_updates}'",
        ),
    ):
        whole.rows(steal)
        row = found(whole, "second_writer", subject)
        assert row["attempts"] == 1
        assert row["evidence"]["ours"]["refused"]["owner"] != "other"
        assert by_sweep(found(whole, "second_writer", subject, "resolved"))
    whole.listening()


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


def test_b7_all_that_was_executed_was_taken_back_and_no_frame_told(whole: Whole, rest: Rest) -> None:
    control = whole.simulator.control
    control.fault("drop", symbol="TSLA", events="trade_bust", count=0)
    placed = order(whole, rest, symbol="TSLA", **RESTING)
    here(whole, placed["id"], "new")
    control.operate(placed["id"], "fill", qty="2", price="7")
    wait_until(lambda: len(executed(whole, placed["id"])) == 1, what="the fill")
    control.operate(placed["id"], "bust")
    found(whole, "excess_fill", placed["id"], "resolved")
    assert [qty for _key, qty, _price in executed(whole, placed["id"])] == [-2, 2]
    control.operate(placed["id"], "cancel")
    here(whole, placed["id"], "canceled")


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
