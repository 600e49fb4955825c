"""Lists that lag, lists that leave out, answers that never come: each as the catalogue says, and no further."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from stream_reconcile.simulator.runner import RunningSimulator, running_simulator
from support.http_client import Rest
from support.rest import Recorded
from support.waiting import wait_until

ORDER = {"symbol": "AAPL", "qty": "1", "side": "buy", "type": "market", "time_in_force": "day"}
RESTING = {**ORDER, "type": "limit", "limit_price": "1", "time_in_force": "gtc"}
LONG = 3600


@pytest.fixture(scope="module")
def shared() -> Iterator[RunningSimulator]:
    with running_simulator(seed=4, activity_delay_seconds=0, rate_limit=0) as running:
        yield running


@pytest.fixture
def sim(shared: RunningSimulator) -> Iterator[RunningSimulator]:
    yield shared
    shared.control.clear_faults()


@pytest.fixture
def rest(sim: RunningSimulator) -> Iterator[Rest]:
    with Rest(sim) as client:
        yield client


def place(rest: Rest, **order: object) -> dict[str, Any]:
    response = rest("POST", "/v2/orders", json={**ORDER, **order})
    assert response.status_code == 200, response.text
    placed: dict[str, Any] = response.json()
    return placed


def filled(rest: Rest, order_id: str) -> None:
    wait_until(lambda: rest.get(f"/v2/orders/{order_id}")["status"] == "filled", what="the fill")


def statuses(rest: Rest, **query: object) -> dict[str, str]:
    return {each["id"]: each["status"] for each in rest.get("/v2/orders", limit=500, **query)}


@pytest.mark.parametrize("perform", [True, False])
def test_rest_reset(sim: RunningSimulator, rest: Rest, perform: bool) -> None:
    before = sim.control.counters()["orders"]
    sim.control.fault("rest_reset", perform=perform)
    with pytest.raises(requests.ConnectionError):
        rest("POST", "/v2/orders", json=ORDER)
    assert sim.control.counters()["orders"] == before + perform
    sim.control.fault("rest_reset")
    with pytest.raises(requests.ConnectionError, match="Connection reset"):
        rest("GET", "/v2/account")
    assert rest("GET", "/v2/account").status_code == 200


def test_our_client_lives_through_resets(sim: RunningSimulator) -> None:
    sim.control.fault("rest_reset", count=2)
    with Recorded(sim.base_url, sim.key, sim.secret) as ours:
        assert ours.client.account()
        assert ours.outcomes == ["cut", "cut", "200"]


@pytest.mark.parametrize("status", [504, 0])
def test_ambiguous_submit(sim: RunningSimulator, rest: Rest, status: int) -> None:
    sim.control.fault("ambiguous_submit", seconds=0.2, status=status)
    assert rest("GET", "/v2/orders").status_code == 200, "a submission is meant, no list"
    began = time.monotonic()
    own = f"mine {status}"
    if status:
        response = rest("POST", "/v2/orders", json={**ORDER, "client_order_id": own})
        assert (response.status_code, response.headers["Content-Type"]) == (504, "text/html")
    else:
        with pytest.raises(requests.ConnectionError):
            rest("POST", "/v2/orders", json={**ORDER, "client_order_id": own})
    assert time.monotonic() - began >= 0.2
    placed = rest.get("/v2/orders:by_client_order_id", client_order_id=own)
    assert placed["client_order_id"] == own
    assert rest("POST", "/v2/orders", json={**ORDER, "client_order_id": own}).status_code == 422


def test_a_submission_whose_caller_has_gone_is_placed_all_the_same(sim: RunningSimulator, rest: Rest) -> None:
    sim.control.fault("ambiguous_submit", seconds=30)
    with Rest(sim, timeout=0.3) as impatient, pytest.raises(requests.exceptions.ReadTimeout):
        impatient("POST", "/v2/orders", json={**ORDER, "client_order_id": "gone"})
    filled(rest, rest.get("/v2/orders:by_client_order_id", client_order_id="gone")["id"])


def test_stale_orders(sim: RunningSimulator, rest: Rest) -> None:
    canceled, resting = (place(rest, **RESTING)["id"] for _ in range(2))
    wait_until(lambda: statuses(rest).get(resting) == "new", what="both to be open")
    before = {nested: rest.get("/v2/orders", status="all", limit=500, nested=nested) for nested in ("true", "false")}
    sim.control.fault("stale_orders", seconds=LONG)
    assert rest("DELETE", f"/v2/orders/{canceled}").status_code == 204
    wait_until(lambda: rest.get(f"/v2/orders/{canceled}")["status"] == "canceled", what="the cancel")
    new = place(rest)["id"]
    filled(rest, new)
    for nested, page in before.items():
        assert rest.get("/v2/orders", status="all", limit=500, nested=nested) == page
    assert {canceled, resting} <= statuses(rest).keys(), "open, as it was then"
    assert canceled not in statuses(rest, status="closed")
    sim.control.clear_faults()
    assert statuses(rest, status="all")[new] == "filled"
    assert canceled not in statuses(rest)


def test_stale_orders_catch_up(sim: RunningSimulator, rest: Rest) -> None:
    sim.control.fault("stale_orders", seconds=1.0)
    began = time.monotonic()
    new = place(rest)["id"]
    assert new not in statuses(rest, status="all")
    filled(rest, new)
    seen: list[str | None] = []
    wait_until(lambda: seen.append(statuses(rest, status="all").get(new)) or seen[-1] == "filled", what="the list")
    assert time.monotonic() - began >= 1.0
    assert seen[0] is None


def test_stale_legs(sim: RunningSimulator, rest: Rest) -> None:
    sim.control.set_price("AAPL", "200")
    bracket = place(
        rest,
        **{**RESTING, "limit_price": "150"},
        order_class="bracket",
        take_profit={"limit_price": "300"},
        stop_loss={"stop_price": "100"},
    )
    legs = [leg["id"] for leg in bracket["legs"]]
    wait_until(lambda: rest.get(f"/v2/orders/{bracket['id']}")["status"] == "new", what="the entry")
    sim.control.fault("stale_orders", seconds=LONG)
    sim.control.set_price("AAPL", "140")
    wait_until(lambda: rest.get(f"/v2/orders/{legs[0]}")["status"] == "new", what="the leg")
    (stale,) = [
        each for each in rest.get("/v2/orders", status="all", nested="true", limit=500) if each["id"] == bracket["id"]
    ]
    assert stale["status"] == "new"
    assert [leg["status"] for leg in stale["legs"]] == ["held", "held"]
    assert rest.get(f"/v2/orders/{bracket['id']}", nested="true")["status"] == "filled"


def test_an_order_that_lists_leave_out(sim: RunningSimulator, rest: Rest) -> None:
    one, other = place(rest), place(rest, symbol="T")
    sim.control.fault("miss_in_list", order_id=one["id"])
    listed = statuses(rest, status="all")
    assert one["id"] not in listed
    assert other["id"] in listed
    assert rest.get(f"/v2/orders/{one['id']}")["id"] == one["id"]
    assert rest.get("/v2/orders:by_client_order_id", client_order_id=one["client_order_id"])["id"] == one["id"]
    sim.control.fault("miss_in_list", symbol="T")
    assert not {one["id"], other["id"]} & statuses(rest, status="all").keys()
    assert any(each["id"] == one["id"] for each in sim.control.orders()), "the truth is the truth"
    sim.control.clear_faults()
    assert {one["id"], other["id"]} <= statuses(rest, status="all").keys()


@pytest.mark.parametrize("by", ["order_id", "client_order_id"])
def test_an_order_that_the_broker_forgets(sim: RunningSimulator, rest: Rest, by: str) -> None:
    one, other = place(rest, **RESTING), place(rest, **RESTING)
    sim.control.fault("forget_order", **{by: one["id" if by == "order_id" else by]})
    listed = statuses(rest, status="all")
    assert one["id"] not in listed
    assert other["id"] in listed
    assert rest("GET", f"/v2/orders/{one['id']}").status_code == 404
    assert rest("GET", f"/v2/orders:by_client_order_id?client_order_id={one['client_order_id']}").status_code == 404
    assert rest("DELETE", f"/v2/orders/{one['id']}").status_code == 404
    sim.control.clear_faults()
    assert {one["id"], other["id"]} <= statuses(rest, status="all").keys()


def test_late_activities(sim: RunningSimulator, rest: Rest) -> None:
    first = place(rest)["id"]
    filled(rest, first)
    seen = rest.get("/v2/account/activities", order_id=first)
    sim.control.fault("late_activities", seconds=1.0)
    began = time.monotonic()
    order = place(rest)["id"]
    filled(rest, order)
    assert rest.get("/v2/account/activities", order_id=order) == []
    (late,) = wait_until(lambda: rest.get("/v2/account/activities", order_id=order), what="the activity")
    assert time.monotonic() - began >= 1.0
    # By its own time it is where it belongs: a reader that has gone past that time does not find it any more.
    assert late in rest.get("/v2/account/activities", after=seen[0]["transaction_time"], direction="asc")
    sim.control.clear_faults()
    sim.control.fault("late_activities", seconds=LONG)
    assert rest.get("/v2/account/activities") == []
    assert late["id"] in {each["id"] for each in sim.control.activities()}


def test_lagging_positions(sim: RunningSimulator, rest: Rest) -> None:
    filled(rest, place(rest, symbol="MSFT")["id"])
    before = rest.get("/v2/positions")
    sim.control.fault("lagging_positions", seconds=LONG)
    filled(rest, place(rest, symbol="MSFT", qty="5")["id"])
    sim.control.add_activity("CFEE", symbol="BTC/USD", qty="1", position="1")
    assert rest.get("/v2/positions") == before
    assert rest.get("/v2/positions/MSFT")["qty"] == next(each["qty"] for each in before if each["symbol"] == "MSFT")
    held = sim.control.positions()
    assert held["BTC/USD"] == "1"
    sim.control.clear_faults()
    assert {each["symbol"]: each["qty"] for each in rest.get("/v2/positions")} == {
        symbol.replace("/", ""): qty for symbol, qty in held.items()
    }


def test_lagging_positions_catch_up(sim: RunningSimulator, rest: Rest) -> None:
    sim.control.fault("lagging_positions", seconds=1.0)
    began = time.monotonic()
    filled(rest, place(rest, symbol="SPY", qty="2")["id"])
    assert "SPY" not in json.dumps(rest.get("/v2/positions"))
    wait_until(lambda: "SPY" in json.dumps(rest.get("/v2/positions")), what="the position")
    assert time.monotonic() - began >= 1.0
