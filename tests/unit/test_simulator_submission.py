"""What POST and PATCH /v2/orders take, and what they refuse with which code."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stream_reconcile.simulator.orders import Order
from stream_reconcile.simulator.refusals import RefusalError
from stream_reconcile.simulator.submission import read_body, read_order, read_replacement
from stream_reconcile.simulator.values import NANO

LIMIT = {"symbol": "AAPL", "qty": "5", "side": "buy", "type": "limit", "limit_price": "200", "time_in_force": "day"}
LEGS = [
    {"symbol": "SPY270115C00600000", "ratio_qty": "1", "side": "buy"},
    {"symbol": "SPY270115C00610000", "ratio_qty": "2", "position_intent": "sell_to_open"},
]
MULTI_LEG = {"order_class": "mleg", "qty": "3", "type": "limit", "limit_price": "-1.5", "legs": LEGS}
BRACKET = {
    **LIMIT,
    "order_class": "bracket",
    "take_profit": {"limit_price": "210"},
    "stop_loss": {"stop_price": "190", "limit_price": "189"},
}


def read(body: dict[str, Any]) -> Any:
    return read_order(read_body(json.dumps(body).encode()))


def changed(body: dict[str, Any], **changes: Any) -> dict[str, Any]:
    merged = {**body, **changes}
    return {key: value for key, value in merged.items() if value is not None}


def test_numbers_may_be_text_or_json_numbers_and_stay_exact() -> None:
    for qty in ("0.123456789", 0.123456789):
        ticket, _ = read(changed(LIMIT, qty=qty, type="market", limit_price=None))
        assert ticket.qty == 123_456_789


def test_a_bracket_has_two_exits_of_the_other_side() -> None:
    entry, legs = read(BRACKET)
    assert entry.role == "entry"
    assert [(leg.role, leg.side, leg.type, leg.qty) for leg in legs] == [
        ("take_profit", "sell", "limit", 5 * NANO),
        ("stop_loss", "sell", "stop_limit", 5 * NANO),
    ]


def test_an_oco_order_is_its_own_take_profit() -> None:
    entry, legs = read(changed(BRACKET, order_class="oco", side="sell", limit_price=None))
    assert (entry.role, entry.side, entry.limit_price) == ("take_profit", "sell", 210 * NANO)
    assert [(leg.role, leg.side) for leg in legs] == [("stop_loss", "sell")]


def test_a_multi_leg_order_has_legs_by_ratio_and_may_be_a_credit() -> None:
    parent, legs = read(MULTI_LEG)
    assert (parent.instrument, parent.side, parent.limit_price) == (None, "buy", -NANO * 3 // 2)
    assert [(leg.side, leg.qty) for leg in legs] == [("buy", 3 * NANO), ("sell", 6 * NANO)]


@pytest.mark.parametrize(
    ("body", "status", "code", "message"),
    [
        (changed(LIMIT, symbol="NOPE1"), 422, 42210000, 'asset "NOPE1" not found'),
        (changed(LIMIT, qty=None), 422, 40010001, "qty or notional is required"),
        (changed(LIMIT, notional="10"), 422, 40010001, "only one of qty or notional"),
        (changed(LIMIT, qty="0"), 422, 40010001, "qty must be > 0"),
        (changed(LIMIT, qty="1.0000000001"), 422, 40010001, "nine decimal places"),
        (changed(LIMIT, side=None), 422, 40010001, "side is required"),
        (changed(LIMIT, side="hold"), 422, 42210000, "invalid side"),
        (changed(LIMIT, type="iceberg"), 422, 42210000, "invalid type"),
        (changed(LIMIT, time_in_force="gtd"), 422, 42210000, "invalid time_in_force"),
        (changed(LIMIT, limit_price=None), 422, 40010001, "limit orders require limit price"),
        (changed(LIMIT, type="market"), 422, 40010001, "market orders require no limit price"),
        (changed(LIMIT, type="stop", limit_price=None), 422, 40010001, "stop orders require stop price"),
        (changed(LIMIT, type="trailing_stop", limit_price=None), 422, 40010001, "one of trail_price or trail_percent"),
        (changed(LIMIT, qty=None, notional="10"), 422, 42210000, "notional orders must be market"),
        (changed(LIMIT, qty="1.5", time_in_force="gtc"), 422, 42210000, "fractional orders must be DAY orders"),
        (changed(LIMIT, symbol="BTC/USD"), 422, 42210000, "invalid time_in_force: day"),
        (changed(LIMIT, symbol="AAPL270115C00200000", qty="1.5"), 422, 42210000, "whole number"),
        (changed(LIMIT, client_order_id="x" * 129), 422, 40010001, "no more than 128 characters"),
        (changed(BRACKET, stop_loss=None), 422, 40010001, "bracket orders require take_profit"),
        (changed(BRACKET, stop_loss={"limit_price": "1"}), 422, 40010001, "stop_loss.stop_price is required"),
        (changed(BRACKET, order_class="oto"), 422, 40010001, "either take_profit or stop_loss"),
        (changed(BRACKET, symbol="BTC/USD", time_in_force="gtc"), 422, 42210000, "for shares only"),
        (changed(MULTI_LEG, legs=LEGS[:1]), 422, 42210000, "between 2 and 4 legs"),
        (changed(MULTI_LEG, legs=[LEGS[0], LEGS[0]]), 422, 42210000, "unique symbols"),
        (changed(MULTI_LEG, legs=[LEGS[0], {"symbol": "AAPL", "side": "buy"}]), 422, 42210000, "option contracts"),
        (changed(MULTI_LEG, limit_price=None), 422, 40010001, "limit orders require limit price"),
        (changed(MULTI_LEG, qty=None), 422, 40010001, "qty is required"),
    ],
)
def test_refusals(body: dict[str, Any], status: int, code: int, message: str) -> None:
    with pytest.raises(RefusalError, match=message) as refused:
        read(body)
    assert (refused.value.status, refused.value.code) == (status, code)


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b"\xff"])
def test_a_body_that_is_no_object_is_refused(raw: bytes) -> None:
    with pytest.raises(RefusalError, match="request body format is invalid") as refused:
        read_body(raw)
    assert (refused.value.status, refused.value.code) == (400, 40010000)


def replaceable(**changes: Any) -> Order:
    ticket, _ = read(changed(LIMIT, **changes))
    return Order(ticket, order_id="o", client_order_id="c", seq=1, now=0)


def test_a_replacement_keeps_what_is_not_changed() -> None:
    ticket = read_replacement({"limit_price": "201"}, replaceable(time_in_force="gtc"))
    assert (ticket.qty, ticket.limit_price, ticket.time_in_force, ticket.type) == (5 * NANO, 201 * NANO, "gtc", "limit")
    trailing = replaceable(type="trailing_stop", limit_price=None, trail_percent="2")
    trailing.wire["hwm"] = "10"
    assert read_replacement({"trail": "3"}, trailing).trail_percent == 3 * NANO


def test_a_replacement_that_changes_nothing_or_asks_too_little_is_refused() -> None:
    with pytest.raises(RefusalError, match="order parameters are not changed") as unchanged:
        read_replacement({"qty": "5"}, replaceable())
    assert (unchanged.value.status, unchanged.value.code) == (403, 40310000)
    partly = replaceable()
    partly.book(4 * NANO, NANO)
    with pytest.raises(RefusalError, match="qty must be > filled_qty"):
        read_replacement({"qty": "4"}, partly)
    by_money = replaceable(qty=None, notional="10", type="market", limit_price=None)
    with pytest.raises(RefusalError, match="notional orders can't be replaced"):
        read_replacement({"qty": "4"}, by_money)
