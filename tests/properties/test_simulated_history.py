"""What every generated history must hold, whatever its seed: it is the material that other properties are tried on."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from stream_reconcile.simulator.history import disturbed, generate_history
from stream_reconcile.simulator.values import parse_time

SEEDS = st.integers(min_value=0, max_value=2**32)
MODEST = settings(max_examples=8, deadline=None)
DECIMAL = re.compile(r"^-?\d+(\.\d{1,9})?$")
NUMBERS = ("qty", "notional", "filled_qty", "filled_avg_price", "limit_price", "stop_price", "trail_price", "hwm")


class NaiveFold:
    """The tables, made the simple way: every frame once, in the broker's order."""

    def __init__(self) -> None:
        self.orders: dict[str, dict[str, Any]] = {}
        self.fills: dict[str, dict[str, tuple[Decimal, Decimal]]] = defaultdict(dict)

    def apply(self, data: dict[str, Any]) -> None:
        order = data["order"]
        for seen in [order, *(order["legs"] or [])]:
            self.orders[seen["id"]] = seen
        fills = self.fills[order["id"]]
        if data["event"] in {"fill", "partial_fill"}:
            for leg in data.get("legs") or [{**data, "order_id": order["id"]}]:
                self.fills[leg["order_id"]][leg["execution_id"]] = (Decimal(leg["qty"]), Decimal(leg["price"]))
        elif data["event"] == "trade_bust":
            del fills[data["previous_execution_id"]]
        elif data["event"] == "trade_correct":
            del fills[data["previous_execution_id"]]
            fills[data["execution_id"]] = (Decimal(data["qty"]), Decimal(data["price"]))


def fold(seed: int, orders: int = 60) -> tuple[NaiveFold, Any]:
    history = generate_history(seed, orders)
    naive = NaiveFold()
    for raw in history:
        naive.apply(json.loads(raw)["data"])
    return naive, history


@MODEST
@given(SEEDS)
def test_truth_is_what_a_naive_fold_of_the_frames_gives(seed: int) -> None:
    naive, history = fold(seed)
    assert set(naive.orders) == set(history.truth.by_id)
    for order_id, truth in history.truth.by_id.items():
        told, final = naive.orders[order_id], truth.order_object()
        shared = set(told) & set(final) - {"legs", "asset_id"}
        assert len(shared) >= 30
        assert {key: told[key] for key in shared} == {key: final[key] for key in shared}
        kept = {fill.execution_id: (Decimal(fill.qty), Decimal(fill.price)) for fill in truth.fills}
        assert kept == naive.fills[order_id]


@MODEST
@given(SEEDS)
def test_filled_quantity_and_average_follow_from_the_executions_at_every_frame(seed: int) -> None:
    naive = NaiveFold()
    for raw in generate_history(seed, 60):
        data = json.loads(raw)["data"]
        naive.apply(data)
        order = data["order"]
        for seen in order["legs"] or [order]:
            fills = naive.fills[seen["id"]].values()
            quantity = sum((qty for qty, _ in fills), Decimal(0))
            assert Decimal(seen["filled_qty"]) == quantity, data["event"]
            if quantity:
                average = sum((qty * price for qty, price in fills), Decimal(0)) / quantity
                expected = average.quantize(Decimal("1e-9"), rounding=ROUND_HALF_UP)
                assert Decimal(seen["filled_avg_price"]) == expected
            else:
                assert seen["filled_avg_price"] is None
        for leg in order["legs"] or []:
            assert Decimal(leg["filled_qty"]) == Decimal(order["filled_qty"]) * Decimal(leg["ratio_qty"])


@MODEST
@given(SEEDS)
def test_position_after_a_fill_is_the_one_before_plus_its_signed_quantity(seed: int) -> None:
    held: dict[str, Decimal] = defaultdict(Decimal)
    executions: dict[str, tuple[str, Decimal]] = {}
    history = generate_history(seed, 80)
    for raw in history:
        data = json.loads(raw)["data"]
        order = data["order"]
        sign = -1 if order["side"] == "sell" else 1
        if data["event"] in {"fill", "partial_fill"}:
            sides = {leg["id"]: leg["side"] for leg in order["legs"] or []}
            for leg in data.get("legs", []):
                held[leg["symbol"]] += Decimal(leg["qty"]) * (-1 if sides[leg["order_id"]] == "sell" else 1)
                assert Decimal(data["position_qtys"][leg["symbol"]]) == held[leg["symbol"]]
            if "legs" not in data:
                held[order["symbol"]] += sign * Decimal(data["qty"])
                assert Decimal(data["position_qty"]) == held[order["symbol"]]
                executions[data["execution_id"]] = (order["symbol"], sign * Decimal(data["qty"]))
        elif data["event"] in {"trade_bust", "trade_correct"}:
            symbol, quantity = executions.pop(data["previous_execution_id"])
            held[symbol] -= quantity
            if data["event"] == "trade_correct":
                executions[data["execution_id"]] = (symbol, sign * Decimal(data["qty"]))
                held[symbol] += sign * Decimal(data["qty"])
        assert order["asset_class"] != "crypto" or held[order["symbol"]] >= 0, "coins can't be sold short"
    assert {symbol: Decimal(qty) for symbol, qty in history.positions().items()} == {
        symbol: qty for symbol, qty in held.items() if qty
    }


@MODEST
@given(SEEDS)
def test_times_grow_and_numbers_are_decimal_text(seed: int) -> None:
    updated: dict[str, int] = {}
    last_event = last_sent = 0
    for raw in generate_history(seed, 60):
        data = json.loads(raw)["data"]
        event_ns, sent_ns = parse_time(data["timestamp"]), parse_time(data["at"])
        assert event_ns > last_event or data.get("legs")
        last_event = event_ns
        assert sent_ns >= last_sent
        last_sent = sent_ns
        for order in [data["order"], *(data["order"]["legs"] or [])]:
            version = parse_time(order["updated_at"])
            assert version > updated.get(order["id"], 0)
            assert version >= parse_time(order["created_at"])
            updated[order["id"]] = version
            for name in NUMBERS:
                assert order[name] is None or DECIMAL.match(order[name]), name
        for name in ("price", "qty", "position_qty"):
            assert name not in data or DECIMAL.match(data[name])


@MODEST
@given(SEEDS)
def test_the_same_seed_gives_the_same_bytes_and_truth(seed: int) -> None:
    first, second, other = (generate_history(each, 40) for each in (seed, seed, seed + 1))
    assert list(first) == list(second)
    assert first.truth.by_id == second.truth.by_id
    assert list(other) != list(generate_history(seed, 40))


def test_the_bytes_do_not_depend_on_the_process() -> None:
    code = (
        "import hashlib; from stream_reconcile.simulator.history import generate_history; "
        "print(hashlib.sha256(b''.join(generate_history(4, 300))).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert digests == {hashlib.sha256(b"".join(generate_history(4, 300))).hexdigest() + "\n"}


@MODEST
@given(SEEDS)
def test_disturbed_frames_are_all_there_some_twice_and_near_their_place(seed: int) -> None:
    frames = list(generate_history(seed, 100))
    bad = list(disturbed(frames, seed, duplicates=0.05, reordered=0.3, window=10))
    assert set(bad) == set(frames)
    assert len(frames) < len(bad) < len(frames) * 1.3
    assert bad != sorted(bad, key=frames.index)
    place = {raw: number for number, raw in enumerate(frames)}
    extra = Counter(bad)
    drift = sum(extra.values()) - len(frames)
    assert all(abs(place[raw] - number) <= 10 + drift for number, raw in enumerate(bad))


def test_a_long_history_has_every_kind_of_order_and_event() -> None:
    history = generate_history(3, 6000)
    events: Counter[str] = Counter()
    seen: dict[str, set[Any]] = defaultdict(set)
    late = races = chains = 0
    replaced_by: dict[str, str] = {}
    for frame in history.frames():
        events[frame.event] += 1
        order = json.loads(frame.raw)["data"]["order"]
        for key in ("type", "order_class", "asset_class", "time_in_force", "side"):
            seen[key].add(order[key])
        late += frame.event == "partial_fill" and order["status"] in {"canceled", "replaced"}
        races += frame.event == "order_cancel_rejected" and order["status"] == "filled"
        if order["replaced_by"]:
            replaced_by[order["id"]] = order["replaced_by"]
        seen["notional"].add(order["notional"] is not None)
        seen["fractional"].add("." in (order["qty"] or ""))
    chains = sum(1 for successor in replaced_by.values() if successor in replaced_by)
    assert set(events) == {
        *("pending_new", "accepted", "new", "held", "partial_fill", "fill", "pending_cancel", "canceled"),
        *("order_cancel_rejected", "pending_replace", "replaced", "order_replace_rejected", "rejected", "expired"),
        *("done_for_day", "calculated", "stopped", "suspended", "restated", "trade_bust", "trade_correct"),
    }
    assert seen["type"] == {"market", "limit", "stop", "stop_limit", "trailing_stop"}
    assert seen["order_class"] == {"", "bracket", "oco", "oto", "mleg"}
    assert seen["asset_class"] == {"us_equity", "crypto", "us_option", ""}
    assert seen["time_in_force"] == {"day", "gtc", "ioc", "fok", "opg", "cls"}
    assert seen["notional"] == {True, False}
    assert seen["fractional"] == {True, False}
    assert late > 0
    assert races > 0
    assert chains > 0
    assert history.counts.frames == sum(events.values())
    assert len(history.truth) == history.counts.orders
