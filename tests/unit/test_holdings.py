"""Positions and the account as records of the log state them."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from stream_reconcile.core.errors import WireError
from stream_reconcile.core.holdings import HoldingKind
from stream_reconcile.core.wire.holdings import parse_holding
from support.wire_data import sample, seen_at

SEEN = seen_at(7, topic="account-snapshots", source="sweep")
POSITION = {
    "asset_id": "a", "symbol": "AAPL", "exchange": "NASDAQ", "asset_class": "us_equity", "qty": "2.5", "side": "long",
    "avg_entry_price": "100.000000001", "market_value": "", "cost_basis": None, "current_price": 12, "unheard_of": {},
}  # fmt: skip
ACCOUNT = {"id": "account-1", "status": "ACTIVE", "cash": "-23140.2", "multiplier": 4, "trading_blocked": False}


def parsed(value: object) -> Any:
    return parse_holding(json.dumps(value).encode(), SEEN, 1_000)


def test_positions_are_rows_with_exact_numbers() -> None:
    holding = parsed([POSITION, POSITION | {"symbol": "T", "qty": "3", "side": "short"}])
    assert (holding.kind, holding.as_of_ms, holding.seen) == (HoldingKind.POSITIONS, 1_000, SEEN)
    first, second = holding.rows
    assert first["avg_entry_price"] == "100.000000001"
    assert (first["market_value"], first["cost_basis"], first["current_price"]) == (None, None, "12")
    assert (first["symbol"], first["qty"], second["symbol"], second["qty"]) == ("AAPL", "2.5", "T", "-3")


def test_a_short_position_of_more_digits_than_python_reckons_with_is_exact() -> None:
    (row,) = parsed([POSITION | {"qty": "12345678901234567890.123456789012345678", "side": "short"}]).rows
    assert row["qty"] == "-12345678901234567890.123456789012345678"


def test_nothing_held_is_a_statement_too() -> None:
    assert parsed([]).rows == ({"symbol": "", "qty": "0"},)


def test_the_account_is_one_row() -> None:
    holding = parsed(ACCOUNT)
    (row,) = holding.rows
    assert holding.kind is HoldingKind.ACCOUNT
    assert (row["cash"], row["multiplier"], row["trading_blocked"], row["equity"]) == ("-23140.2", "4", False, None)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([POSITION, {"symbol": "", "qty": "1"}], "no_id"),
        ([POSITION | {"symbol": "A\x00"}], "no_id"),
        ([POSITION | {"qty": "many"}], "bad_number"),
        ([POSITION | {"qty": "NaN"}], "bad_number"),
        ([POSITION | {"market_value": "1e99"}], "bad_number"),
        ([POSITION | {"exchange": True}], "bad_type"),
        ([7], "bad_type"),
        (ACCOUNT | {"trading_blocked": "no"}, "bad_type"),
        ({"code": 40310000, "message": "forbidden"}, "no_id"),
        ("account", "bad_type"),
    ],
)
def test_what_can_not_be_read_is_refused_whole(value: object, reason: str) -> None:
    with pytest.raises(WireError) as refused:
        parsed(value)
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("number", "wrapped"), [(33, True), (34, True), (37, False), (44, False), (45, False), (51, True), (57, True)]
)
def test_what_the_broker_documents_is_read(number: int, wrapped: bool) -> None:
    raw = sample(number)
    holding = parse_holding(b"[" + raw + b"]" if wrapped else raw, SEEN, 1_000)
    assert holding.rows
    for row in holding.rows:
        if holding.kind is HoldingKind.POSITIONS:
            assert row["symbol"]
            assert Decimal(str(row["avg_entry_price"])) > 0
        else:
            assert Decimal(str(row["cash"]))


def test_a_holding_shows_no_values() -> None:
    assert "23140" not in repr(parsed(ACCOUNT))
