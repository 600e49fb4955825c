"""Generated messages have exactly the keys of the real ones. The samples lie beside the repository; else skipped."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from stream_reconcile.simulator.account import account_view, position_view
from stream_reconcile.simulator.history import generate_history
from stream_reconcile.simulator.orders import rest_shape
from stream_reconcile.simulator.positions import Position, Positions
from stream_reconcile.simulator.tickets import Market
from stream_reconcile.simulator.values import NANO, parse_time

SAMPLES = Path(__file__).resolve().parents[2].parent / "shared" / "alpaca-samples"
needs_samples = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the sample payloads are not on this machine")


def sample(name: str) -> Any:
    return json.loads((SAMPLES / name).read_text())


@cache
def generated() -> tuple[dict[str, Any], ...]:
    return tuple(json.loads(raw) for raw in generate_history(5, 600))


def data_of(event: str, order_class: str = "") -> list[dict[str, Any]]:
    found = [
        message["data"]
        for message in generated()
        if message["data"]["event"] == event and message["data"]["order"]["order_class"] == order_class
    ]
    assert found, f"no {event} of {order_class or 'simple'} orders was generated"
    return found


@needs_samples
@pytest.mark.parametrize(
    ("name", "event", "order_class"),
    [
        ("03_ws_pending_new_crypto_ccxt.json", "pending_new", ""),
        ("04_ws_new_crypto_ccxt.json", "new", ""),
        ("05_ws_fill_crypto_ccxt.json", "fill", ""),
        ("05_ws_fill_crypto_ccxt.json", "partial_fill", ""),
        ("06_ws_fill_mleg_docs.json", "fill", "mleg"),
    ],
)
def test_frames_have_the_keys_of_the_captured_ones_in_their_order(name: str, event: str, order_class: str) -> None:
    real = sample(name)
    for data in data_of(event, order_class):
        # `04` was stored with its keys in another order than captured (INDEX.md): there the set counts.
        assert set(data) == set(real["data"])
        assert list(data["order"]) == list(real["data"]["order"])
        for leg in data["order"]["legs"] or []:
            assert list(leg) == list(real["data"]["order"]["legs"][0])
        for leg in data.get("legs", []):
            assert list(leg) == list(real["data"]["legs"][0])
        assert {key: type(value) for key, value in data.items() if value is not None} == {
            key: type(value) for key, value in real["data"].items() if value is not None
        }


@needs_samples
def test_every_frame_is_enveloped_alike_and_has_all_order_fields() -> None:
    real = sample("05_ws_fill_crypto_ccxt.json")
    for message in generated():
        assert list(message) == list(real)
        if message["data"]["order"]["order_class"] != "mleg":
            assert list(message["data"]["order"]) == list(real["data"]["order"])
            assert len(message["data"]["order"]) == 35


@needs_samples
def test_rest_orders_have_the_keys_of_the_documented_ones() -> None:
    documented = set(sample("26_rest_order_equity_spec.json"))
    order = rest_shape(data_of("fill")[0]["order"])
    assert set(order) == documented | {"position_intent", "expires_at"}, "both since 2025, the example is older"
    parents = [truth.order_object() for truth in _history().truth if truth.order_object()["order_class"] == "mleg"]
    real = sample("29_rest_order_multilegoptions_spec.json")
    assert {frozenset(order) for order in parents} == {frozenset(real), frozenset(real["legs"][0])}


@needs_samples
def test_activities_positions_and_account_have_the_documented_keys() -> None:
    history = generate_history(5, 30, activities=True)
    assert list(history)
    documented = set(sample("35_rest_activity_fill_example1_spec.json"))
    assert {frozenset(activity) for activity in history.activities or []} == {frozenset(documented)}
    market = Market()
    position = position_view("BTC/USD", Position(NANO, NANO * NANO), market, 0)
    assert set(position) == set(sample("34_rest_position_example2_spec.json"))
    account = account_view("id", Positions(), market, 1.0)
    assert set(sample("37_rest_account_example1_spec.json")) <= set(account)
    assert not {"pattern_day_trader", "daytrade_count", "daytrading_buying_power"} & set(account), "gone 2026-07-06"


def test_pending_new_has_no_execution_id_and_new_has_one() -> None:
    assert all("execution_id" not in data for data in data_of("pending_new"))
    assert all("execution_id" in data for data in data_of("new"))
    assert all("execution_id" not in data for data in data_of("new", "mleg"))


def test_things_happen_before_they_are_told_and_not_long_before() -> None:
    for message in generated():
        data = message["data"]
        at, happened = parse_time(data["at"]), parse_time(data["timestamp"])
        assert 0 < at - happened < NANO // 100
        assert parse_time(data["order"]["submitted_at"]) < happened


def _history() -> Any:
    history = generate_history(5, 300)
    list(history)
    return history
