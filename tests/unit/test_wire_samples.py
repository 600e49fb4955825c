"""What each sample of the broker becomes: every websocket message, REST order and activity at hand."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from stream_reconcile.core.evidence import Activity, Execution
from stream_reconcile.core.observation import ORDER_COLUMNS, Observation
from stream_reconcile.core.wire.executions import parse_activity
from stream_reconcile.core.wire.parse import Parser
from support.wire_data import SAMPLES, sample, seen_at

SWEEP = seen_at(source="sweep", topic="snapshots", received_at_ns=7)

# Sample → (kind, event, orders named, executions stated beside the order's own).
FRAMES = {
    1: ("ack", "", 0, 0),
    2: ("ack", "", 0, 0),
    3: ("update", "pending_new", 1, 0),
    4: ("update", "new", 1, 0),
    5: ("update", "fill", 1, 0),
    6: ("update", "fill", 3, 2),
    8: ("error", "", 0, 0),
    11: ("ack", "", 0, 0),
    12: ("ack", "", 0, 0),
    13: ("ack", "", 0, 0),
    14: ("update", "fill", 1, 0),
    15: ("ack", "", 0, 0),
    16: ("ack", "", 0, 0),
    17: ("null_data", "", 0, 0),
    18: ("update", "fill", 1, 0),
    19: ("update", "fill", 1, 0),
    20: ("update", "canceled", 1, 0),
    21: ("update", "partial_fill", 1, 0),
    22: ("update", "pending_new", 1, 0),
    23: ("update", "fill", 1, 0),
    24: ("update", "new", 1, 0),
    25: ("update", "new", 1, 0),
    31: ("update", "fill", 3, 2),
    32: ("update", "new", 1, 0),
}


def columns(observation: Observation) -> dict[str, str]:
    return dict(zip(ORDER_COLUMNS, observation.columns, strict=True))


@pytest.mark.parametrize("number", FRAMES)
def test_a_frame_becomes(number: int) -> None:
    parsed = Parser().frame(sample(number), seen_at())
    assert (parsed.kind, parsed.event, len(parsed.observations), len(parsed.evidence)) == FRAMES[number]


@pytest.mark.parametrize("number", [number for number, (kind, *_) in FRAMES.items() if kind == "update"])
def test_a_frame_states_what_the_sample_states(number: int) -> None:
    value = json.loads(sample(number), parse_float=str, parse_int=str)
    order = value.get("data", value)["order"]
    observation = Parser().frame(sample(number), seen_at()).observations[0]
    for index, (name, text) in enumerate(columns(observation).items()):
        stated = order.get(name, order.get("type", ...) if name == "order_type" else ...)
        assert bool(observation.stated >> index & 1) == (stated is not ...), name
        expected = {None: "\\N", ...: "\\N", False: "f", True: "t"}.get(stated, stated)
        assert text == expected, name


def test_the_captured_fill_of_2026() -> None:
    (fill,) = Parser().frame(sample(5), seen_at(17)).observations
    assert fill.is_fill
    assert fill.order_id == "b28e2b24-b1b2-40cc-8979-63f45e8edc02"
    assert fill.execution_id == "a0b4b946-3ed9-4fd6-bb10-d1c5f28415aa"
    assert fill.version_ns == 1789737890_034148789  # updated_at, to the nanosecond
    assert fill.execution == ["2026-09-18T13:24:50.019957863Z", "129.7", "0.0851119", "0"]
    assert (fill.topic, fill.partition, fill.offset, fill.snapshot_ns) == ("updates", 0, 17, 0)


def test_an_execution_id_does_not_make_a_fill() -> None:
    (new,) = Parser().frame(sample(4), seen_at()).observations
    assert new.execution_id
    assert not new.is_fill


def test_a_multi_leg_fill_is_the_fills_of_its_legs() -> None:
    parsed = Parser().frame(sample(6), seen_at(3))
    parent, *legs = parsed.observations
    data = json.loads(sample(6))["data"]
    assert not parent.is_fill
    assert {leg.parent_order_id for leg in legs} == {parent.order_id}
    assert {leg.order_id: leg.ratio_qty for leg in legs} == {
        leg["id"]: leg["ratio_qty"] for leg in data["order"]["legs"]
    }
    executions = [each for each in parsed.evidence if isinstance(each, Execution)]
    assert [(e.order_id, e.execution_id, e.qty, e.price) for e in executions] == [
        (leg["order_id"], leg["execution_id"], Decimal(leg["qty"]), Decimal(leg["price"])) for leg in data["legs"]
    ]
    assert [each.coordinates.position for each in executions] == [0, 1]
    assert {each.order_id for each in executions} == {leg.order_id for leg in legs}


def test_times_with_an_offset_and_with_seven_digits() -> None:
    (new,) = Parser().frame(sample(32), seen_at()).observations
    assert new.version_ns == 1650377550_609783218  # 10:12:30.609783218-04:00
    (canceled,) = Parser().frame(sample(20), seen_at()).observations
    assert columns(canceled)["canceled_at"] == "2021-03-16T18:39:00.0000000Z"


def test_numbers_that_the_wire_has_as_json_numbers_stay_exact() -> None:
    parsed = Parser().frame(sample(22), seen_at())
    stated = columns(parsed.observations[0])
    assert (stated["qty"], stated["filled_qty"]) == ("271.0", "0.0")
    assert parsed.unknown_fields == ("order.expired_at ",)


@pytest.mark.parametrize("number", [26, 27, 28, 29, 30, 38, 41, 42, 43, 54, 55, 56, 61])
def test_a_rest_order_is_a_snapshot(number: int) -> None:
    value = json.loads(sample(number))
    parsed = Parser().snapshot(sample(number), SWEEP)
    legs = value.get("legs") or []
    assert (parsed.kind, parsed.event, len(parsed.observations)) == ("snapshot", "snapshot", 1 + len(legs))
    order, *nested = parsed.observations
    assert (order.order_id, order.source, order.snapshot_ns) == (value["id"], "sweep", 7)
    assert [(leg.order_id, leg.parent_order_id) for leg in nested] == [(leg["id"], value["id"]) for leg in legs]
    assert not any(observation.is_fill for observation in parsed.observations)


@pytest.mark.parametrize("number", [35, 46, 47, 48, 49, 50, 60, 62, 63])
def test_an_activity_is_evidence_if_it_is_a_fill(number: int) -> None:
    value = json.loads(sample(number))
    for activity in value if isinstance(value, list) else [value]:
        if activity.get("activity_type") == "FILL":
            parsed = parse_activity(json.dumps(activity).encode(), SWEEP)
            (evidence,) = parsed.evidence
            assert isinstance(evidence, Activity)
            assert (evidence.activity_id, evidence.order_id) == (activity["id"], activity["order_id"])
            assert (evidence.qty, evidence.price) == (Decimal(activity["qty"]), Decimal(activity["price"]))
            assert evidence.cum_qty == (Decimal(activity["cum_qty"]) if "cum_qty" in activity else None)
        else:
            assert parse_activity(json.dumps(activity).encode(), SWEEP).evidence == ()


def test_every_sample_that_is_a_websocket_message_is_in_the_table() -> None:
    sample(1)
    index = (SAMPLES / "INDEX.md").read_text().splitlines()
    rows = [line.split("|") for line in index if line.startswith("| ") and "json" in line]
    kinds = {int(row[1].strip()[:2]): row[4].strip() for row in rows}
    wanted = {n for n, kind in kinds.items() if kind.startswith(("WS event", "WS control", "Broker SSE"))}
    requests = {9, 10}  # what a client sends
    assert wanted - requests == set(FRAMES)
