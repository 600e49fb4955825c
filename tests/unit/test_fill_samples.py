"""What the broker's own samples say of executions comes to the rows one would write by hand."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from stream_reconcile.core.evidence import Activity, Coordinates, Execution
from stream_reconcile.core.fills import fill_rows
from stream_reconcile.core.sums import LegSum, findings
from stream_reconcile.core.timestamps import parse_ns

SAMPLES = Path(__file__).resolve().parents[2].parent / "shared" / "alpaca-samples"

pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the broker's samples are not beside this checkout")


def load(number):
    (path,) = SAMPLES.glob(f"{number}_*.json")
    return json.loads(path.read_text(), parse_float=Decimal)


def frame(data):
    order = data["order"]
    filled_qty = order.get("filled_qty")
    return Execution(
        "account", order["id"], data["execution_id"], Decimal(data["qty"]), Decimal(data["price"]),
        parse_ns(data["timestamp"]), Decimal(filled_qty) if filled_qty else None, order["symbol"],
        order.get("side", ""), Coordinates("alpaca.trade-updates.v1", 0, 0),
    )  # fmt: skip


def activity(value, offset=0):
    return Activity(
        "account", value["order_id"], value["id"], Decimal(value["qty"]), Decimal(value["price"]),
        parse_ns(value["transaction_time"]), Decimal(value["cum_qty"]) if "cum_qty" in value else None,
        value["symbol"], value["side"], Coordinates("alpaca.fill-activities.v1", 0, offset),
    )  # fmt: skip


@pytest.mark.parametrize("number", ["05", "18", "19", "21", "23"])
def test_a_sample_fill_and_the_activity_of_it_are_one_row(number):
    sample = load(number)
    data = sample.get("data", sample)  # 23 is the data object alone
    execution = frame(data)
    told = Activity(
        "account", execution.order_id, "20260918092450020::a", execution.qty, execution.price,
        execution.transacted_at_ns // 1_000_000 * 1_000_000, execution.cum_qty, execution.symbol.replace("/", ""),
        "buy", Coordinates("alpaca.fill-activities.v1", 0, 0),
    )  # fmt: skip
    alone, both = fill_rows([execution]), fill_rows([told, execution])

    assert [row.fill_key for row in both.rows] == [f"x:{data['execution_id']}"]
    assert both.rows[0].activity_id == "20260918092450020::a"
    assert alone.rows[0] == both.rows[0]._replace(activity_id=None)
    order = data["order"]
    stated = [Decimal(order[name]) if order.get(name) else None for name in ("filled_qty", "qty")]
    assert findings(both.net, *stated) == ()


def test_each_leg_of_the_sample_multi_leg_fill_is_a_fill_of_its_own_order():
    data = load("06")["data"]
    nested = {leg["id"]: leg for leg in data["order"]["legs"]}
    sums = []
    for position, leg in enumerate(data["legs"]):
        order = nested[leg["order_id"]]
        execution = Execution(
            "account", leg["order_id"], leg["execution_id"], Decimal(leg["qty"]), Decimal(leg["price"]),
            parse_ns(leg["timestamp"]), None, leg["symbol"], order["side"],
            Coordinates("alpaca.trade-updates.v1", 0, 0, position),
        )  # fmt: skip
        book = fill_rows([execution])
        assert findings(book.net, Decimal(order["filled_qty"]), Decimal(order["qty"])) == ()
        sums.append(LegSum(book.net, Decimal(order["ratio_qty"])))

    assert len(sums) == 2
    parent = data["order"]
    assert findings(Decimal(0), Decimal(parent["filled_qty"]), Decimal(parent["qty"]), sums) == ()


@pytest.mark.parametrize("number", ["35", "46", "48", "49", "50", "60", "62"])
def test_sample_activities_are_each_a_row_until_a_frame_tells_of_them(number):
    sample = load(number)
    values = [v for v in (sample if isinstance(sample, list) else [sample]) if v["activity_type"] == "FILL"]
    assert len(values) == {"49": 0, "50": 0, "62": 3}.get(number, 1)  # 49 and 50 are dividends
    told = [activity(value, offset) for offset, value in enumerate(values)]
    book = fill_rows(told)

    assert {row.fill_key: row.qty for row in book.rows} == {f"a:{v['id']}": Decimal(v["qty"]) for v in values}
    assert book.conflicts == ()
    frames = [
        Execution(
            "account", told_of.order_id, f"e{n}", told_of.qty, told_of.price, told_of.transacted_at_ns,
            told_of.cum_qty, told_of.symbol, told_of.side, Coordinates("alpaca.trade-updates.v1", 0, n),
        )
        for n, told_of in enumerate(told)
    ]  # fmt: skip
    assert [row.activity_id for row in fill_rows([*told, *frames]).rows] == [v["id"] for v in values]
