"""REST by the rules of ALPACA: filters, exclusive times, paging, ids, headers, refusals."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from stream_reconcile.simulator.runner import RunningSimulator, running_simulator
from support.http_client import Rest
from support.waiting import wait_until

ORDERS = 260
ORDER = {"symbol": "T", "qty": 1, "side": "buy", "type": "market", "time_in_force": "day"}


@pytest.fixture(scope="module")
def sim() -> Iterator[RunningSimulator]:
    with running_simulator(seed=21, preload_orders=ORDERS, preload_hours=2, rate_limit=0) as running:
        yield running


@pytest.fixture(scope="module")
def rest(sim: RunningSimulator) -> Iterator[Rest]:
    with Rest(sim) as client:
        yield client


@pytest.fixture(scope="module")
def all_orders(sim: RunningSimulator) -> list[dict[str, Any]]:
    """As the ground truth lists them: in the order of submission."""
    return list(sim.control.orders())


def without_parent(order: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in order.items() if key != "parent_order_id"}


def test_status_limit_direction_and_side(rest: Rest, all_orders: list[dict[str, Any]]) -> None:
    newest = rest.get("/v2/orders", status="all")
    assert newest == [without_parent(order) for order in reversed(all_orders[-50:])], "50 by default, newest first"
    oldest = rest.get("/v2/orders", status="all", limit=500, direction="asc")
    assert oldest == [without_parent(order) for order in all_orders]
    closed = {"filled", "canceled", "expired", "replaced", "rejected"}
    listed = rest.get("/v2/orders", status="closed", limit=500, direction="asc")
    assert [each["id"] for each in listed] == [each["id"] for each in all_orders if each["status"] in closed]
    open_ids = {each["id"] for each in rest.get("/v2/orders", limit=500)}
    assert open_ids == {each["id"] for each in all_orders if each["status"] not in closed | {"held"}}
    sold = rest.get("/v2/orders", status="all", limit=500, side="sell")
    assert {each["id"] for each in sold} == {each["id"] for each in all_orders if each["side"] == "sell"}


def test_symbols_and_asset_classes(rest: Rest, all_orders: list[dict[str, Any]]) -> None:
    wanted = {"AAPL", "BTC/USD"}
    for symbols in ("AAPL,BTC/USD", "AAPL,BTCUSD"):
        listed = rest.get("/v2/orders", status="all", limit=500, symbols=symbols)
        assert {each["id"] for each in listed} == {each["id"] for each in all_orders if each["symbol"] in wanted}
    coins = rest.get("/v2/orders", status="all", limit=500, asset_class="crypto,us_option")
    assert {each["asset_class"] for each in coins} == {"crypto", "us_option"}
    assert len(rest.get("/v2/orders", status="all", limit=500, asset_class="all")) == len(all_orders)


def test_nested_rolls_legs_up_and_flat_lists_them(rest: Rest, all_orders: list[dict[str, Any]]) -> None:
    nested = rest.get("/v2/orders", status="all", limit=500, nested="true", direction="asc")
    assert [each["id"] for each in nested] == [each["id"] for each in all_orders if not each["parent_order_id"]]
    parents = [each for each in nested if each["legs"]]
    assert parents
    for parent in parents:
        legs = [each["id"] for each in all_orders if each["parent_order_id"] == parent["id"]]
        assert [leg["id"] for leg in parent["legs"]] == legs
    assert all(each["legs"] is None for each in rest.get("/v2/orders", status="all", limit=500))
    one = rest.get(f"/v2/orders/{parents[0]['id']}", nested="true")
    assert one == parents[0]
    assert rest.get(f"/v2/orders/{parents[0]['id']}")["legs"] is None


def test_times_are_exclusive_so_equal_ones_at_a_page_boundary_are_lost(
    rest: Rest, all_orders: list[dict[str, Any]]
) -> None:
    middle = next(each for each in all_orders if each["parent_order_id"])
    at = middle["submitted_at"]
    same = {each["id"] for each in all_orders if each["submitted_at"] == at}
    assert len(same) > 1, "a group is submitted in one moment"
    before = rest.get("/v2/orders", status="all", limit=500, until=at)
    after = rest.get("/v2/orders", status="all", limit=500, after=at)
    assert {each["id"] for each in before + after} == {each["id"] for each in all_orders} - same
    with_offset = rest.get("/v2/orders", status="all", limit=500, after=at.replace("Z", "+00:00"))
    assert with_offset == after


def test_pages_by_order_id_lose_nothing(rest: Rest, all_orders: list[dict[str, Any]]) -> None:
    seen: list[str] = []
    page = rest.get("/v2/orders", status="all", limit=37)
    while page:
        seen += [each["id"] for each in page]
        page = rest.get("/v2/orders", status="all", limit=37, before_order_id=seen[-1])
    assert seen == [each["id"] for each in reversed(all_orders)]
    first = all_orders[0]["id"]
    upwards = rest.get("/v2/orders", status="all", limit=10, direction="asc", after_order_id=first)
    assert [each["id"] for each in upwards] == [each["id"] for each in all_orders[1:11]]


def test_activities_page_by_the_last_id_seen(rest: Rest, sim: RunningSimulator) -> None:
    expected = [each["id"] for each in sim.control.activities()]
    # The last second's activities are listed with their delay.
    wait_until(
        lambda: rest.get("/v2/account/activities", page_size=1)[0]["id"] == expected[-1], what="the newest activity"
    )
    for direction, order in (("desc", list(reversed(expected))), ("asc", expected)):
        seen: list[str] = []
        page = rest.get("/v2/account/activities/FILL", direction=direction)
        assert len(page) == 100
        while page:
            seen += [each["id"] for each in page]
            page = rest.get("/v2/account/activities/FILL", direction=direction, page_size=30, page_token=seen[-1])
        assert seen == order


def test_activities_are_filtered(rest: Rest, sim: RunningSimulator) -> None:
    some = rest.get("/v2/account/activities", direction="asc")[10]
    of_order = rest.get("/v2/account/activities", order_id=some["order_id"])
    assert some in of_order
    assert {each["order_id"] for each in of_order} == {some["order_id"]}
    sim.control.add_activity("CFEE", symbol="BTC/USD", qty="-0.00001", position="-0.00001")
    fees = rest.get("/v2/account/activities", category="non_trade_activity")
    assert [each["activity_type"] for each in fees] == ["CFEE"]
    assert fees == rest.get("/v2/account/activities/CFEE")
    assert fees == rest.get("/v2/account/activities", activity_types="CFEE,DIV")
    cut = some["transaction_time"]
    later = rest.get("/v2/account/activities", after=cut, direction="asc", category="trade_activity")
    assert later[0]["id"] == some["id"], "`after` counts from the listing, which is a second after the execution"
    day = some["transaction_time"][:10]
    assert rest.get("/v2/account/activities", date=day)


def test_every_answer_has_a_request_id_and_rate_headers() -> None:
    with running_simulator(seed=2, rate_limit=3, rate_window_seconds=3600) as sim, Rest(sim) as rest:
        answers = [rest("GET", "/v2/clock") for _ in range(4)]
        assert [each.status_code for each in answers] == [200, 200, 200, 429]
        assert [each.headers["X-Ratelimit-Remaining"] for each in answers] == ["2", "1", "0", "0"]
        assert {each.headers["X-Ratelimit-Limit"] for each in answers} == {"3"}
        assert len({each.headers["X-Ratelimit-Reset"] for each in answers}) == 1
        assert answers[0].headers["X-Ratelimit-Reset"].isdecimal()
        assert len({each.headers["X-Request-ID"] for each in answers}) == 4
        assert "Retry-After" not in answers[-1].headers
        (window,) = sim.control.overview()["windows"]  # the control endpoints have no limit, and count nowhere
        assert (window["requests"], window["refused"]) == ({"GET": 4}, {"GET": 1})
        assert str(round(window["ends_at"])) == answers[0].headers["X-Ratelimit-Reset"]


def test_the_rate_limit_starts_anew_with_its_window() -> None:
    with running_simulator(seed=2, rate_limit=1, rate_window_seconds=0.2) as sim, Rest(sim) as rest:
        wait_until(lambda: rest("GET", "/v2/clock").status_code == 429, what="the limit to be hit")
        wait_until(lambda: rest("GET", "/v2/clock").status_code == 200, what="a new window")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code", "message"),
    [
        ("GET", "/v2/orders?status=odd", None, 422, 40010001, "invalid status"),
        ("GET", "/v2/orders?limit=501", None, 422, 40010001, "limit must be from 1 to 500"),
        ("GET", "/v2/orders?after=yesterday", None, 422, 40010001, "invalid after"),
        ("GET", "/v2/orders?before_order_id=a&after_order_id=b", None, 422, 40010001, "mutually exclusive"),
        ("GET", "/v2/orders?before_order_id=a&after=2026-01-01", None, 422, 40010001, "can't be combined"),
        ("GET", "/v2/orders?before_order_id=a", None, 404, 40410000, "order not found"),
        ("GET", "/v2/orders/61e69015-8549-4bfd-b9c3-01e75843f47e", None, 404, 40410000, "order not found"),
        ("DELETE", "/v2/orders/61e69015-8549-4bfd-b9c3-01e75843f47e", None, 404, 40410000, "order not found"),
        ("GET", "/v2/account/activities/FFFFF", None, 422, 40010001, "invalid activity type: FFFFF"),
        ("GET", "/v2/account/activities?category=odd", None, 422, 40010001, "category"),
        ("GET", "/v2/account/activities?page_size=101", None, 422, 40010001, "page_size"),
        ("GET", "/v2/positions/ZZZZ", None, 404, 40410000, "position not found"),
        ("GET", "/v2/nowhere", None, 404, None, "Not Found"),
        ("POST", "/v2/orders", b"not json", 400, 40010000, "request body format is invalid"),
        ("POST", "/v2/orders", b"{}", 422, 40010001, "symbol is required"),
    ],
)
def test_refusals_have_the_documented_bodies(
    rest: Rest, method: str, path: str, body: bytes | None, status: int, code: int | None, message: str
) -> None:
    response = rest(method, path, data=body)
    assert response.status_code == status
    told = response.json()
    assert told.get("code") == code
    assert message in told["message"]


def test_executions_that_are_taken_back_keep_or_lose_their_activity() -> None:
    for withdraw, left in ((False, 1), (True, 0)):
        with (
            running_simulator(seed=2, activity_delay_seconds=0, withdraw_busted=withdraw) as sim,
            Rest(sim) as rest,
        ):
            order = rest(
                "POST",
                "/v2/orders",
                json=ORDER,
            ).json()
            wait_until(
                lambda: rest.get(f"/v2/orders/{order['id']}")["status"] == "filled",  # noqa: B023 - called at once
                what="the fill",
            )
            sim.control.operate(order["id"], "bust")
            assert rest.get(f"/v2/orders/{order['id']}")["filled_qty"] == "0"
            assert len(rest.get("/v2/account/activities")) == left
            assert list(sim.control.fills()) == []


def test_a_fill_is_listed_only_after_its_delay() -> None:
    with running_simulator(seed=2, activity_delay_seconds=1.5) as sim, Rest(sim) as rest:
        rest("POST", "/v2/orders", json=ORDER)
        wait_until(lambda: list(sim.control.fills()), what="the execution")
        assert rest.get("/v2/account/activities") == []
        (listed,) = wait_until(lambda: rest.get("/v2/account/activities"), what="the activity")
        assert re.match(r"^\d{17}::[0-9a-f-]{36}$", listed["id"])
