"""What may happen to an order in the broker's books, one thing at a time."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stream_reconcile.simulator.brokerage import Brokerage
from stream_reconcile.simulator.frames import Frame, settle_date
from stream_reconcile.simulator.groups import after_close
from stream_reconcile.simulator.instruments import find_instrument
from stream_reconcile.simulator.orders import Order, OrderStateError, Ticket, rest_order
from stream_reconcile.simulator.positions import Positions
from stream_reconcile.simulator.values import NANO, decimal_text, parse_decimal, parse_time, seeded

START = parse_time("2026-11-02T14:30:00Z")
AAPL = find_instrument("AAPL")
PRICE = 230 * NANO


class Desk:
    """Books whose frames are kept, and whose clock moves a millisecond with each order."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.books = Brokerage(seeded(1), self.frames.append)
        self.books.at(START)

    @property
    def last(self) -> dict[str, Any]:
        data: dict[str, Any] = json.loads(self.frames[-1].raw)["data"]
        return data

    def working(self, qty: int = 10, side: str = "buy", **details: Any) -> Order:
        self.books.at(self.books.now + 1_000_000)
        ticket = Ticket(AAPL, side, "limit", "day", qty=qty * NANO, limit_price=PRICE, **details)
        order = self.books.open(ticket)
        self.books.receive(order)
        self.books.activate(order)
        return order


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_each_change_sends_one_frame_with_the_order_as_it_is(desk: Desk) -> None:
    order = desk.working()
    desk.books.fill(order, 4 * NANO, PRICE)
    assert [frame.event for frame in desk.frames] == ["pending_new", "new", "partial_fill"]
    assert desk.last["order"] == order.wire
    assert (desk.last["qty"], desk.last["position_qty"], desk.last["order"]["filled_qty"]) == ("4", "4", "4")
    desk.books.fill(order, 6 * NANO, PRICE + NANO)
    assert (desk.last["event"], order.status, desk.last["order"]["filled_avg_price"]) == ("fill", "filled", "230.6")
    assert desk.last["order"]["filled_at"] == desk.last["timestamp"]
    with pytest.raises(OrderStateError, match="is filled"):
        desk.books.fill(order, NANO, PRICE)
    with pytest.raises(OrderStateError, match="is filled"):
        desk.books.cancel(order)


def test_asking_for_a_cancel_does_not_stop_the_exchange(desk: Desk) -> None:
    order = desk.working()
    desk.books.request_cancel(order)
    assert order.wire["cancel_requested_at"] is not None
    desk.books.fill(order, NANO, PRICE)
    assert (desk.last["event"], order.status) == ("partial_fill", "pending_cancel")
    desk.books.fill(order, 9 * NANO, PRICE)
    desk.books.refuse_cancel(order)
    assert (desk.last["event"], order.status) == ("order_cancel_rejected", "filled")


def test_a_refused_cancel_or_replace_leaves_the_order_as_it_was(desk: Desk) -> None:
    order = desk.working()
    desk.books.request_cancel(order)
    desk.books.refuse_cancel(order)
    assert order.status == "new"
    desk.books.fill(order, NANO, PRICE)
    successor = desk.books.request_replace(order, Ticket(AAPL, "buy", "limit", "day", qty=NANO, limit_price=PRICE))
    desk.books.refuse_replace(order)
    desk.books.reject(successor)
    assert (order.status, successor.status) == ("partially_filled", "rejected")
    assert successor.wire["replaces"] == order.id
    assert order.wire["replaced_by"] is None


def test_a_late_fill_leaves_a_closed_order_closed(desk: Desk) -> None:
    order = desk.working()
    desk.books.cancel(order)
    desk.books.fill(order, 3 * NANO, PRICE, late=True, done=False)
    assert (desk.last["event"], order.status, order.wire["filled_qty"]) == ("partial_fill", "canceled", "3")


def test_a_bust_opens_what_was_filled_and_takes_the_position_back(desk: Desk) -> None:
    order = desk.working()
    desk.books.fill(order, 4 * NANO, PRICE)
    whole = desk.books.fill(order, 6 * NANO, PRICE)
    desk.books.bust(whole, negative=True)
    assert (desk.last["event"], desk.last["qty"], desk.last["price"]) == ("trade_bust", "-6", "230")
    assert desk.last["previous_execution_id"] == whole.execution_id != desk.last["execution_id"]
    assert (order.status, order.wire["filled_qty"], order.wire["filled_at"]) == ("partially_filled", "4", None)
    assert desk.books.positions.qty("AAPL") == 4 * NANO
    with pytest.raises(OrderStateError, match="is busted"):
        desk.books.bust(whole)
    desk.books.bust(order.executions[0])
    assert (order.status, order.wire["filled_avg_price"]) == ("new", None)


def test_a_correction_counts_instead_of_its_original(desk: Desk) -> None:
    order = desk.working()
    first = desk.books.fill(order, 10 * NANO, PRICE)
    second = desk.books.correct(first, 10 * NANO, PRICE - NANO)
    assert (order.status, order.wire["filled_avg_price"]) == ("filled", "229")
    assert (first.state, first.reversed_by, second.corrects) == ("corrected", second.execution_id, first.execution_id)
    third = desk.books.correct(second, 9 * NANO, PRICE)
    assert (order.status, order.wire["filled_qty"]) == ("partially_filled", "9")
    assert desk.books.positions.qty("AAPL") == 9 * NANO
    with pytest.raises(OrderStateError, match="greater quantity"):
        desk.books.correct(third, 10 * NANO, PRICE)


def test_a_replacement_takes_over_the_group(desk: Desk) -> None:
    entry = desk.working(order_class="bracket", role="entry")
    exits = [
        desk.books.open(Ticket(AAPL, "sell", "limit", "day", qty=10 * NANO, limit_price=PRICE, role=role), entry)
        for role in ("take_profit", "stop_loss")
    ]
    for leg in exits:
        desk.books.hold(leg)
    successor = desk.books.request_replace(entry, Ticket(AAPL, "buy", "limit", "day", qty=10 * NANO, limit_price=PRICE))
    desk.books.replace(entry)
    desk.books.activate(successor)
    assert list(after_close(desk.books, entry)) == [], "the group lives on"
    assert (entry.leg_orders, successor.leg_orders) == ([], exits)
    desk.books.fill(successor, 10 * NANO, PRICE)
    list(after_close(desk.books, successor))
    assert [leg.status for leg in exits] == ["new", "held"]
    desk.books.fill(exits[0], 10 * NANO, PRICE)
    list(after_close(desk.books, exits[0]))
    assert [leg.status for leg in exits] == ["filled", "canceled"]


def test_an_entry_that_ends_unfilled_takes_its_exits_along(desk: Desk) -> None:
    entry = desk.working(order_class="oto", role="entry")
    leg = desk.books.open(Ticket(AAPL, "sell", "limit", "day", qty=NANO, limit_price=PRICE, order_class="oto"), entry)
    desk.books.hold(leg)
    desk.books.expire(entry)
    list(after_close(desk.books, entry))
    assert leg.status == "canceled"


def test_legs_of_a_multi_leg_order_move_with_it(desk: Desk) -> None:
    books = desk.books
    parent = books.open(Ticket(None, "buy", "limit", "day", qty=2 * NANO, limit_price=-NANO, order_class="mleg"))
    legs = [
        books.open(
            Ticket(find_instrument(symbol), side, "", "day", qty=2 * ratio * NANO, ratio_qty=ratio * NANO), parent
        )
        for symbol, side, ratio in (("SPY270115C00600000", "buy", 1), ("SPY270115C00610000", "sell", 3))
    ]
    books.receive(parent)
    books.activate(parent)
    assert [leg["status"] for leg in desk.last["order"]["legs"]] == ["new", "new"]
    books.fill_legs(parent, NANO, [9 * NANO, 4 * NANO])
    assert (desk.last["event"], desk.last["price"], desk.last["qty"]) == ("partial_fill", "-3", "1")
    assert desk.last["position_qtys"] == {"SPY270115C00600000": "1", "SPY270115C00610000": "-3"}
    assert {leg["order_id"] for leg in desk.last["legs"]} == {leg.id for leg in legs}
    assert "execution_id" not in desk.last
    books.fill_legs(parent, NANO, [8 * NANO, 4 * NANO])
    assert [leg.status for leg in (parent, *legs)] == ["filled"] * 3
    assert [leg.wire["filled_avg_price"] for leg in (parent, *legs)] == ["-3.5", "8.5", "4"]
    with pytest.raises(OrderStateError, match="no frame can tell that"):
        books.bust(legs[0].executions[0])
    told = rest_order(parent, nested=True)
    assert told["asset_id"] == ""
    assert [leg["position_intent"] for leg in told["legs"]] == ["buy_to_open", "sell_to_open"]


@pytest.mark.parametrize(
    ("day", "asset_class", "settles"),
    [
        ("2026-11-02", "us_equity", "2026-11-03"),
        ("2026-11-06", "us_equity", "2026-11-09"),
        ("2026-11-07", "crypto", "2026-11-07"),
        ("2026-11-07", "us_equity", "2026-11-09"),
        ("2026-11-08", "us_option", "2026-11-09"),
    ],
)
def test_settlement_is_on_the_next_trading_day(desk: Desk, day: str, asset_class: str, settles: str) -> None:
    order = desk.working()
    order.wire["asset_class"] = asset_class
    assert settle_date(order, parse_time(day)) == settles


def test_positions_keep_their_average_entry_price() -> None:
    positions = Positions()
    ten, twelve = 10 * NANO, 12 * NANO
    assert positions.book("F", 2 * NANO, ten) == 2 * NANO
    assert positions.book("F", 2 * NANO, twelve) == 4 * NANO
    assert positions.book("F", -NANO, 100 * NANO) == 3 * NANO
    held = positions.held()["F"]
    assert held.cost // held.qty == 11 * NANO
    assert positions.book("F", -5 * NANO, ten) == -2 * NANO
    assert positions.held()["F"].cost == -2 * NANO * ten, "turned over: the rest was bought at that price"
    assert positions.intent("F", "buy") == "buy_to_close"
    positions.book("F", 2 * NANO, ten)
    assert positions.held() == {}
    assert positions.intent("F", "sell") == "sell_to_open"
    assert decimal_text(positions.cash) == "86"
    assert positions.adjust("BTC/USD", -parse_decimal("0.1")) == -NANO // 10
