"""Activities, adjustments, busts and corrections: bytes → statements about executions."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from stream_reconcile.core.errors import WireError
from stream_reconcile.core.evidence import (
    Activity,
    Bust,
    Coordinates,
    Execution,
    ExecutionAdjustment,
    Residual,
)
from stream_reconcile.core.wire.executions import parse_activity, parse_adjustment
from stream_reconcile.core.wire.parse import Parser
from stream_reconcile.store.rows import execution_from_frame
from support.wire_data import ACCOUNT, activity_json, frame, order_json, seen_at

SWEEP = seen_at(9, source="sweep", topic="activities", partition=3)
PLACE = Coordinates("activities", 3, 9)
AT_NS = 1789737890_019957863

RESIDUAL = {
    "kind": "residual", "key": "k", "order_id": "o", "qty": "1.5", "price": "2", "as_of": "2026-09-18T13:24:50.5Z",
    "explained_from": "3", "symbol": "A", "side": "buy",
}  # fmt: skip
EXECUTION = {
    "kind": "execution", "execution_id": "x", "order_id": "o", "qty": "1", "price": "2", "symbol": "A", "side": "sell",
    "transacted_at": "2026-09-18T13:24:50.5Z",
}  # fmt: skip
HALF_PAST_NS = 1789737890_500000000


def activity(**changes: Any) -> bytes:
    return json.dumps(activity_json(**changes)).encode()


def test_a_fill_activity() -> None:
    parsed = parse_activity(activity(), SWEEP)
    assert parsed.kind == "activity"
    assert parsed.observations == parsed.unknown_fields == ()
    assert parsed.evidence == (
        Activity(
            ACCOUNT, "order-1", "20260918092450019::a0b4b946", Decimal(4), Decimal("2.5"), 1789737890_019957000,
            Decimal(4), "DOGEUSD", "buy", PLACE,
        ),
    )  # fmt: skip


def test_an_activity_with_less_and_with_more() -> None:
    parsed = parse_activity(activity(cum_qty=..., symbol=..., side=None, brand_new=1), SWEEP)
    (evidence,) = parsed.evidence
    assert isinstance(evidence, Activity)
    assert (evidence.cum_qty, evidence.symbol, evidence.side) == (None, "", "")
    assert parsed.unknown_fields == ("brand_new",)


def test_an_activity_in_json_numbers_is_exact_and_its_quantity_unsigned() -> None:
    (evidence,) = parse_activity(activity().replace(b'"4"', b"-0.000000001").replace(b'"2.5"', b"2.50"), SWEEP).evidence
    assert isinstance(evidence, Activity)
    assert (evidence.qty, str(evidence.price)) == (Decimal("0.000000001"), "2.50")


def test_a_quantity_of_more_digits_than_python_reckons_with_is_exact() -> None:
    long = "12345678901234567890.123456789012345678"
    (evidence,) = parse_activity(activity(qty=f"-{long}"), SWEEP).evidence
    assert isinstance(evidence, Activity)
    assert str(evidence.qty) == long
    names = ("account_id", "alpaca_order_id", "execution_id", "symbol", "side", "topic")
    row: dict[str, Any] = dict.fromkeys(names, "x") | {"partition": 0, "offset": 0}
    row |= {"event_qty": Decimal(f"-{long}"), "event_price": Decimal(1), "transacted_at_ns": 1, "filled_qty": None}
    assert str(execution_from_frame(row).qty) == long


@pytest.mark.parametrize("kind", ["DIV", "", "CFEE", None])
def test_other_activities_state_no_execution(kind: str | None) -> None:
    parsed = parse_activity(activity(activity_type=kind), SWEEP)
    assert (parsed.kind, parsed.event, parsed.evidence) == ("other_activity", kind or "", ())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"id": ""}, "no_id"),
        ({"id": ...}, "no_id"),
        ({"id": "x" * 201}, "no_id"),
        ({"order_id": None}, "no_id"),
        ({"order_id": "a\x00"}, "nul_character"),
        ({"symbol": "A\x00"}, "nul_character"),
        ({"side": "b\x00"}, "nul_character"),
        ({"qty": ...}, "bad_number"),
        ({"qty": "NaN"}, "bad_number"),
        ({"price": "Infinity"}, "bad_number"),
        ({"price": True}, "bad_type"),
        ({"cum_qty": "many"}, "bad_number"),
        ({"transaction_time": ...}, "bad_timestamp"),
        ({"transaction_time": "now"}, "bad_timestamp"),
        ({"symbol": ["A"]}, "bad_type"),
    ],
)
def test_an_activity_that_cannot_be_read(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(WireError) as error:
        parse_activity(activity(**changes), SWEEP)
    assert error.value.reason == reason


def test_adjustments() -> None:
    assert parse_adjustment(json.dumps(RESIDUAL).encode(), SWEEP).evidence == (
        Residual(ACCOUNT, "o", "k", Decimal("1.5"), Decimal(2), HALF_PAST_NS, Decimal(3), "A", "buy", PLACE),
    )
    assert parse_adjustment(json.dumps(EXECUTION).encode(), SWEEP).evidence == (
        ExecutionAdjustment(ACCOUNT, "o", "x", Decimal(1), Decimal(2), HALF_PAST_NS, "A", "sell", PLACE),
    )
    other = parse_adjustment(b'{"kind":"corporate_action","key":"k"}', SWEEP)
    assert (other.kind, other.event, other.evidence) == ("other_adjustment", "corporate_action", ())


@pytest.mark.parametrize("adjustment", [RESIDUAL, EXECUTION])
def test_an_adjustment_needs_all_that_it_is_made_of(adjustment: dict[str, str]) -> None:
    for name in adjustment.keys() - {"kind", "symbol", "side"}:
        for value in ("", "x\x00", None):
            with pytest.raises(WireError):
                parse_adjustment(json.dumps(adjustment | {name: value}).encode(), SWEEP)


@pytest.mark.parametrize("parse", [parse_activity, parse_adjustment])
@pytest.mark.parametrize("raw", [b"", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_what_is_no_object_is_refused(parse: Any, raw: bytes) -> None:
    with pytest.raises(WireError):
        parse(raw, SWEEP)


def test_a_bust_takes_an_execution_back() -> None:
    parsed = Parser().frame(frame("trade_bust", qty="-4", price="2.5", previous_execution_id="x1"), seen_at(5))
    assert not parsed.observations[0].is_fill
    assert parsed.evidence == (Bust(ACCOUNT, "order-1", "x1", AT_NS, Coordinates("updates", 0, 5), Decimal(-4)),)
    (without_qty,) = Parser().frame(frame("trade_bust", previous_execution_id="x1"), seen_at()).evidence
    assert isinstance(without_qty, Bust)
    assert without_qty.qty is None


def test_a_bust_that_names_nothing_is_an_observation_only() -> None:
    parsed = Parser().frame(frame("trade_bust", qty="-4", price="2.5"), seen_at())
    assert len(parsed.observations) == 1
    assert parsed.evidence == ()


def test_a_correction_states_a_new_execution() -> None:
    raw = frame("trade_correct", qty="3", price="2.4", execution_id="x2", previous_execution_id="x1")
    parsed = Parser().frame(raw, seen_at(5))
    assert not parsed.observations[0].is_fill
    assert parsed.evidence == (
        Execution(
            ACCOUNT, "order-1", "x2", Decimal(3), Decimal("2.4"), AT_NS, None, "DOGE/USD", "buy",
            Coordinates("updates", 0, 5), "x1",
        ),
    )  # fmt: skip
    (of_nothing,) = Parser().frame(raw.replace(b'"x1"', b"null"), seen_at()).evidence
    assert isinstance(of_nothing, Execution)
    assert of_nothing.previous_execution_id == ""


@pytest.mark.parametrize("without", ["qty", "price", "execution_id"])
def test_a_correction_to_nothing_is_an_observation_only(without: str) -> None:
    fields = {"qty": "3", "price": "2.4", "execution_id": "x2", "previous_execution_id": "x1"}
    assert Parser().frame(frame("trade_correct", **(fields | {without: None})), seen_at()).evidence == ()


def test_previous_execution_id_means_nothing_on_other_events() -> None:
    assert Parser().frame(frame("new", previous_execution_id="x1"), seen_at()).evidence == ()


def test_legs_of_a_fill_whose_orders_are_not_nested() -> None:
    legs = [
        {"execution_id": "x1", "order_id": "leg-1", "qty": "-1", "price": "0.5", "symbol": "AAPL270115C00250000"},
        {"execution_id": "x2", "order_id": "leg-2", "qty": 2, "price": 0.25, "timestamp": "2026-09-18T13:24:50.5Z"},
    ]
    parsed = Parser().frame(frame("fill", order_json(order_class="mleg"), legs=legs), seen_at(1))
    assert [observation.order_id for observation in parsed.observations] == ["order-1"]
    first, second = parsed.evidence
    assert first == Execution(
        ACCOUNT, "leg-1", "x1", Decimal(1), Decimal("0.5"), AT_NS, None, "AAPL270115C00250000", "",
        Coordinates("updates", 0, 1, 0),
    )  # fmt: skip
    assert isinstance(second, Execution)
    assert (second.qty, second.price, second.transacted_at_ns) == (Decimal(2), Decimal("0.25"), HALF_PAST_NS)


def test_a_leg_with_a_json_number_is_exact_on_the_strict_way_too() -> None:
    leg = order_json(id="leg-1", ratio_qty="HERE", qty="HERE")
    raw = frame(order=order_json(order_class="mleg", legs=[leg])).replace(b'"HERE"', b"1.10")
    _, observation = Parser().frame(raw, seen_at()).observations
    assert (observation.ratio_qty, observation.columns[0]) == ("1.10", "1.10")


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59.9999999Z", "1600-01-01T00:00:00Z"])
def test_a_leg_at_a_time_that_no_table_holds_is_refused(time: str) -> None:
    leg = {"execution_id": "x-1", "order_id": "leg-1", "qty": "1", "price": "2", "symbol": "A", "timestamp": time}
    with pytest.raises(WireError) as error:
        Parser().frame(frame("fill", order_json(order_class="mleg"), legs=[leg]), seen_at())
    assert error.value.reason == "bad_timestamp"
