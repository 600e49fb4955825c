"""Anything that may be said of a few orders: frames, snapshots, activities, busts, corrections, adjustments, in small
sets of values, so that versions, times, prices, ids and receipts collide.

Nothing here has to make sense; it decides the properties that hold whatever the broker says.
"""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from support.log_records import LogRecords
from support.wire_data import activity_json, envelope, order_json, update_json

PARENT, LEGS, SINGLE = "parent", ("leg-a", "leg-b"), "single"
ORDERS = (SINGLE, SINGLE, PARENT, *LEGS)

times = st.sampled_from(
    ["2026-09-18T13:24:50Z", "2026-09-18T13:24:50.000000400Z", "2026-09-18T13:24:51.5Z", "2026-09-18T13:25:10Z"]
)
some_times = st.one_of(st.none(), times)
quantities = st.sampled_from(["1", "1.00", "2", "0.5"])
prices = st.sampled_from(["10", "10.0", "10.000000001"])
cumulatives = st.sampled_from([None, "0", "1", "1.0", "2", "3"])
statuses = st.sampled_from(["new", "partially_filled", "filled", "canceled", "teleported", None])
# What a shape may leave out: absent is not null.
_OMITTED = st.sets(
    st.sampled_from(["position_intent", "hwm", "filled_qty", "status", "qty", "updated_at", "client_order_id"]),
    max_size=3,
)


@st.composite
def orders(draw: st.DrawFn, order_id: str) -> dict[str, Any]:
    """An order in one of few states, some fields left out."""
    leg = order_id in LEGS
    stated = order_json(
        id=order_id,
        updated_at=draw(some_times),
        filled_qty=draw(cumulatives),
        status=draw(statuses),
        qty=draw(st.sampled_from([None, "2", "3"])),
        limit_price=draw(st.sampled_from([None, "5", "6"])),
        client_order_id=draw(st.sampled_from(["c-1", "c-2"])),
        order_class="mleg" if order_id == PARENT else "",
        symbol="" if order_id == PARENT else "DOGE/USD",
        hwm=draw(st.sampled_from([None, "7"])),
        ratio_qty=draw(st.sampled_from(["1", "2", 2])) if leg else ...,
    )
    omitted = draw(_OMITTED)
    return {name: value for name, value in stated.items() if name not in omitted}


@st.composite
def families(draw: st.DrawFn, order_id: str) -> dict[str, Any]:
    """An order with what is nested in it."""
    order = draw(orders(order_id))
    if order_id == PARENT:
        order["legs"] = [draw(orders(leg)) for leg in draw(st.sampled_from([(), LEGS[:1], LEGS]))] or None
    return order


@st.composite
def frames(draw: st.DrawFn) -> bytes:
    order_id = draw(st.sampled_from(ORDERS))
    event = draw(st.sampled_from(["new", "fill", "fill", "partial_fill", "trade_bust", "trade_correct", "brand_new"]))
    execution_id = f"{order_id}-x{draw(st.integers(1, 3))}"
    fields: dict[str, Any] = {"timestamp": draw(some_times), "qty": None, "price": None, "execution_id": execution_id}
    if event in {"fill", "partial_fill", "trade_correct"}:
        fields |= {"qty": draw(quantities), "price": draw(prices)}
    if event in {"trade_bust", "trade_correct"}:
        fields |= {
            "timestamp": draw(times),
            "previous_execution_id": draw(st.sampled_from([None, f"{order_id}-x1", f"{order_id}-x2"])),
        }
    if order_id == PARENT and event == "fill":
        fields |= {
            "execution_id": None,
            "timestamp": draw(times),
            "legs": [
                {
                    "execution_id": f"{leg}-x{draw(st.integers(1, 3))}", "order_id": leg, "qty": draw(quantities),
                    "price": draw(prices), "symbol": "DOGE/USD", "timestamp": draw(some_times),
                }
                for leg in LEGS
            ],
        }  # fmt: skip
    return envelope(update_json(event, draw(families(order_id)), **fields))


@st.composite
def activities(draw: st.DrawFn) -> bytes:
    order_id = draw(st.sampled_from([SINGLE, *LEGS, "never-seen"]))
    activity = activity_json(
        id=f"{order_id}-a{draw(st.integers(1, 3))}",
        order_id=order_id,
        qty=draw(quantities),
        price=draw(prices),
        transaction_time=draw(times),
        cum_qty=draw(cumulatives),
        symbol="DOGE/USD",
    )
    return json.dumps(activity).encode()


@st.composite
def adjustments(draw: st.DrawFn) -> bytes:
    order_id = draw(st.sampled_from([SINGLE, *LEGS]))
    common = {"order_id": order_id, "qty": draw(quantities), "price": draw(prices), "symbol": "DOGE/USD", "side": "buy"}
    if draw(st.booleans()):
        specific = {
            "kind": "residual", "key": f"{order_id}-k", "as_of": draw(times),
            "explained_from": draw(st.sampled_from(["1", "2", "3"])),
        }  # fmt: skip
    else:
        specific = {
            "kind": "execution", "execution_id": f"{order_id}-x{draw(st.integers(1, 3))}", "transacted_at": draw(times),
        }  # fmt: skip
    return json.dumps(common | specific).encode()


@st.composite
def anything(draw: st.DrawFn, *, most: int = 14) -> LogRecords:
    """A log of at most `most` records of every kind, some said twice."""
    log = LogRecords()
    kinds = st.sampled_from(["frame", "frame", "frame", "snapshot", "snapshot", "activity", "adjustment", "again"])
    for kind in draw(st.lists(kinds, min_size=1, max_size=most)):
        if kind == "frame" or not log.records:
            log.frame(draw(frames()))
        elif kind == "snapshot":
            raw = json.dumps(draw(families(draw(st.sampled_from(ORDERS))))).encode()
            log.snapshot(raw, received_at_ns=draw(st.integers(1, 3)))
        elif kind == "activity":
            log.activity(draw(activities()))
        elif kind == "adjustment":
            log.adjustment(draw(adjustments()))
        else:
            said = draw(st.sampled_from(log.records))
            log.add(said.place.topic, said.payload, received_at_ns=draw(st.integers(1, 3)))
    return log


@st.composite
def one_version(draw: st.DrawFn) -> LogRecords:
    """One order in one version, told in a few ways, again and again: all that is left to decide are the ties."""
    log = LogRecords()
    contents = st.sampled_from(
        [
            order_json(status=draw(st.sampled_from(["new", "filled"])), filled_qty=filled_qty, limit_price=limit_price)
            for filled_qty, limit_price in (("0", "5"), ("0", "6"), (draw(st.sampled_from(["0", "0.0", None])), "5"))
        ]
    )
    for _ in range(draw(st.integers(2, 8))):
        if draw(st.integers(0, 4)):
            log.snapshot(json.dumps(draw(contents)).encode(), received_at_ns=draw(st.integers(1, 4)))
        else:
            log.frame(envelope(update_json("new", draw(contents))))
    return log


@st.composite
def one_execution(draw: st.DrawFn) -> LogRecords:
    """Frames of one execution that agree in quantity and price, and differ elsewhere or not at all."""
    log = LogRecords()
    for _ in range(draw(st.integers(2, 5))):
        order = order_json(filled_qty=draw(st.sampled_from(["1", "2"])), side=draw(st.sampled_from(["buy", "sell"])))
        log.frame(
            envelope(
                update_json("fill", order, execution_id="x", qty="1", price="10", timestamp=draw(times))
            )
        )  # fmt: skip
    return log


@st.composite
def legs_alone(draw: st.DrawFn) -> LogRecords:
    """A multi-leg parent and its legs, each told by itself."""
    log = LogRecords()
    legs = [order_json(id=leg, ratio_qty="1", filled_qty="1", order_class="mleg") for leg in LEGS]
    parent = order_json(id=PARENT, order_class="mleg", symbol="", filled_qty="1")
    nested = [*legs] if draw(st.booleans()) else legs[:1]
    log.frame(envelope(update_json("new", parent | {"legs": nested})))
    for _ in range(draw(st.integers(1, 6))):
        leg = draw(st.sampled_from(legs))
        match draw(st.sampled_from(["activity", "fill", "parent"])):
            case "activity":
                activity = activity_json(
                    id=f"{leg['id']}-a", order_id=leg["id"], qty="1", price="10", cum_qty="1", symbol="DOGE/USD",
                    transaction_time=draw(times),
                )  # fmt: skip
                log.activity(json.dumps(activity).encode())
            case "fill":
                fill = {"execution_id": f"{leg['id']}-x", "qty": "1", "price": "10", "timestamp": draw(times)}
                log.frame(envelope(update_json("fill", leg, **fill)))
            case _:
                log.frame(envelope(update_json("new", parent | {"status": draw(statuses), "legs": None})))
    return log


logs = st.one_of(anything(), anything(), one_version(), one_execution(), legs_alone())
