"""The official TradingClient works against the simulator unmodified, models and all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from alpaca.common.exceptions import APIError

from stream_reconcile.simulator.runner import RunningSimulator, running_simulator
from support.official import TradingClient, models, requests, trading_client
from support.waiting import wait_until


@pytest.fixture(scope="module")
def sim() -> Iterator[RunningSimulator]:
    with running_simulator(seed=11, activity_delay_seconds=0, rate_limit=0) as running:
        yield running


@pytest.fixture(scope="module")
def client(sim: RunningSimulator) -> TradingClient:
    return trading_client(sim)


def status_of(client: TradingClient, order: models.Order) -> str:
    return str(client.get_order_by_id(order.id).status.value)


def wait_for_status(client: TradingClient, order: models.Order, status: str) -> models.Order:
    wait_until(lambda: status_of(client, order) == status, what=f"order to be {status}")
    return client.get_order_by_id(order.id)


SIMPLE_ORDERS: list[tuple[str, Any]] = [
    ("shares at market", requests.MarketOrderRequest(symbol="AAPL", qty=3, side="buy", time_in_force="day")),
    ("a fraction", requests.MarketOrderRequest(symbol="SPY", qty=0.123456789, side="buy", time_in_force="day")),
    ("by money", requests.MarketOrderRequest(symbol="MSFT", notional=250.5, side="buy", time_in_force="day")),
    (
        "at a limit",
        requests.LimitOrderRequest(symbol="F", qty=10, side="buy", time_in_force="gtc", limit_price=99.5),
    ),
    (
        "in extended hours",
        requests.LimitOrderRequest(
            symbol="T", qty=1, side="buy", time_in_force="day", limit_price=99, extended_hours=True
        ),
    ),
    (
        "a stop that is reached",
        requests.StopOrderRequest(symbol="GNL", qty=2, side="buy", time_in_force="day", stop_price=0.5),
    ),
    (
        "a stop limit",
        requests.StopLimitOrderRequest(
            symbol="QQQ", qty=1, side="buy", time_in_force="day", stop_price=1, limit_price=9999
        ),
    ),
    ("coins", requests.MarketOrderRequest(symbol="BTC/USD", qty=0.01, side="buy", time_in_force="gtc")),
    (
        "an option",
        requests.LimitOrderRequest(
            symbol="AAPL270115C00200000", qty=2, side="buy", time_in_force="day", limit_price=500
        ),
    ),
    ("or cancel at once", requests.MarketOrderRequest(symbol="TSLA", qty=1, side="sell", time_in_force="ioc")),
]


@pytest.mark.parametrize("request_of", [order for _, order in SIMPLE_ORDERS], ids=[name for name, _ in SIMPLE_ORDERS])
def test_simple_orders_of_each_kind_fill(client: TradingClient, request_of: Any) -> None:
    order = client.submit_order(request_of)
    assert order.status.value == "pending_new"
    filled = wait_for_status(client, order, "filled")
    assert filled.filled_at is not None
    assert float(filled.filled_avg_price) > 0
    if request_of.qty is not None:
        assert float(filled.filled_qty) == request_of.qty == float(filled.qty)
    else:
        assert filled.qty is None
        spent = float(filled.filled_qty) * float(filled.filled_avg_price)
        assert spent == pytest.approx(request_of.notional, rel=1e-6)


def test_a_multi_leg_option_order_fills_with_its_legs(client: TradingClient) -> None:
    order = client.submit_order(
        requests.LimitOrderRequest(
            qty=2,
            time_in_force="day",
            order_class="mleg",
            limit_price=50,
            legs=[
                requests.OptionLegRequest(symbol="SPY270115C00600000", ratio_qty=1, side="buy"),
                requests.OptionLegRequest(symbol="SPY270115C00610000", ratio_qty=2, position_intent="sell_to_open"),
            ],
        )
    )
    assert [leg.side.value for leg in order.legs] == ["buy", "sell"]
    wait_for_status(client, order, "filled")
    nested = client.get_order_by_id(order.id, requests.GetOrderByIdRequest(nested=True))
    assert [(leg.status.value, leg.filled_qty) for leg in nested.legs] == [("filled", "2"), ("filled", "4")]
    fills = client.get("/account/activities/FILL", {"order_id": str(nested.legs[1].id)})
    assert [(fill["qty"], fill["side"]) for fill in fills] == [("4", "sell")]


def test_a_bracket_waits_with_its_exits_until_the_entry_fills(client: TradingClient, sim: RunningSimulator) -> None:
    sim.control.set_price("NVDA", "187.6")
    entry = client.submit_order(
        requests.LimitOrderRequest(
            symbol="NVDA",
            qty=5,
            side="buy",
            time_in_force="gtc",
            limit_price=150,
            order_class="bracket",
            take_profit=requests.TakeProfitRequest(limit_price=200),
            stop_loss=requests.StopLossRequest(stop_price=120, limit_price=119),
        )
    )
    assert [leg.status.value for leg in entry.legs] == ["held", "held"]
    wait_for_status(client, entry, "new")
    listed = client.get_orders(requests.GetOrdersRequest(status="open", symbols=["NVDA"]))
    assert [order.id for order in listed] == [entry.id], "held legs are not among the open orders"
    sim.control.set_price("NVDA", "149")
    wait_for_status(client, entry, "filled")
    profit, loss = entry.legs
    wait_for_status(client, profit, "new")
    assert status_of(client, loss) == "held"
    nested_open = client.get_orders(requests.GetOrdersRequest(status="open", symbols=["NVDA"], nested=True))
    assert nested_open == [], "nested and open hides the legs of an entry that has filled"
    sim.control.set_price("NVDA", "201")
    wait_for_status(client, profit, "filled")
    wait_for_status(client, loss, "canceled")


def test_a_stop_loss_that_is_reached_cancels_the_other_exit(client: TradingClient, sim: RunningSimulator) -> None:
    client.submit_order(requests.MarketOrderRequest(symbol="AMZN", qty=4, side="buy", time_in_force="day"))
    exit_order = client.submit_order(
        requests.LimitOrderRequest(
            symbol="AMZN",
            qty=4,
            side="sell",
            time_in_force="gtc",
            order_class="oco",
            take_profit=requests.TakeProfitRequest(limit_price=300),
            stop_loss=requests.StopLossRequest(stop_price=200),
        )
    )
    wait_for_status(client, exit_order, "new")
    sim.control.set_price("AMZN", "199")
    wait_for_status(client, exit_order.legs[0], "filled")
    wait_for_status(client, exit_order, "canceled")


def test_one_triggers_the_other(client: TradingClient) -> None:
    entry = client.submit_order(
        requests.MarketOrderRequest(
            symbol="TSLA",
            qty=1,
            side="buy",
            time_in_force="gtc",
            order_class="oto",
            stop_loss=requests.StopLossRequest(stop_price=100),
        )
    )
    wait_for_status(client, entry, "filled")
    wait_for_status(client, entry.legs[0], "new")
    client.cancel_order_by_id(entry.legs[0].id)
    wait_for_status(client, entry.legs[0], "canceled")


def test_a_trailing_stop_follows_the_market_and_is_reached(client: TradingClient, sim: RunningSimulator) -> None:
    sim.control.set_price("F", "11")
    order = client.submit_order(
        requests.TrailingStopOrderRequest(symbol="F", qty=7, side="sell", time_in_force="gtc", trail_price=1)
    )
    assert (order.hwm, order.stop_price) == ("11", "10")
    wait_for_status(client, order, "new")
    sim.control.set_price("F", "14")
    trailed = client.get_order_by_id(order.id)
    assert (trailed.hwm, trailed.stop_price, trailed.status.value) == ("14", "13", "new")
    sim.control.set_price("F", "12.9")
    wait_for_status(client, order, "filled")


def test_replace_gives_a_new_id_and_links_both(client: TradingClient) -> None:
    order = client.submit_order(
        requests.LimitOrderRequest(symbol="AAPL", qty=2, side="buy", time_in_force="gtc", limit_price=10)
    )
    wait_for_status(client, order, "new")
    new = client.replace_order_by_id(order.id, requests.ReplaceOrderRequest(qty=3, limit_price=11))
    assert new.id != order.id
    assert (new.replaces, new.qty, new.limit_price) == (order.id, "3", "11")
    old = wait_for_status(client, order, "replaced")
    assert old.replaced_by == new.id
    assert old.replaced_at is not None
    with pytest.raises(APIError, match="not changed"):
        client.replace_order_by_id(
            wait_for_status(client, new, "new").id, requests.ReplaceOrderRequest(qty=3, limit_price=11)
        )


def test_cancel_one_and_all(client: TradingClient) -> None:
    orders = [
        client.submit_order(
            requests.LimitOrderRequest(symbol="T", qty=1, side="buy", time_in_force="gtc", limit_price=price)
        )
        for price in (1, 2, 3)
    ]
    wait_for_status(client, orders[0], "new")
    client.cancel_order_by_id(orders[0].id)
    wait_for_status(client, orders[0], "canceled")
    with pytest.raises(APIError, match="canceled") as refused:
        client.cancel_order_by_id(orders[0].id)
    assert refused.value.status_code == 422
    results = client.cancel_orders()
    assert {result.status for result in results} == {200}
    assert {order.id for order in orders[1:]} <= {result.id for result in results}
    wait_for_status(client, orders[2], "canceled")
    assert client.get_orders() == []


def test_an_order_is_found_by_client_order_id_once(client: TradingClient) -> None:
    name = f"sell-GNL/{uuid4()} at open "
    order = client.submit_order(
        requests.MarketOrderRequest(symbol="AAPL", qty=1, side="buy", time_in_force="day", client_order_id=name)
    )
    found = client.get_order_by_client_id(name)
    assert (found.id, found.client_order_id) == (order.id, name)
    with pytest.raises(APIError, match="must be unique") as twice:
        client.submit_order(
            requests.MarketOrderRequest(symbol="AAPL", qty=1, side="buy", time_in_force="day", client_order_id=name)
        )
    assert (twice.value.status_code, twice.value.code) == (422, 40010001)
    with pytest.raises(APIError, match="order not found") as missing:
        client.get_order_by_client_id("nobody's")
    assert (missing.value.status_code, missing.value.code) == (404, 40410000)
    with pytest.raises(APIError, match="order not found"):
        client.get_order_by_id(uuid4())


def test_account_clock_assets_positions_and_fills(client: TradingClient, sim: RunningSimulator) -> None:
    account = client.get_account()
    assert str(account.id) == sim.account_id
    assert account.status.value == "ACTIVE"
    assert client.get_clock().next_open.tzinfo is not None
    assert {asset.symbol for asset in client.get_all_assets(requests.GetAssetsRequest(asset_class="crypto"))} >= {
        "BTC/USD"
    }
    coin = client.get_asset("ETH/USD")
    order = client.submit_order(requests.MarketOrderRequest(symbol="ETH/USD", qty=1.5, side="buy", time_in_force="gtc"))
    wait_for_status(client, order, "filled")
    position = client.get_open_position("ETHUSD")
    assert (position.symbol, position.qty, position.side.value) == ("ETHUSD", "1.5", "long")
    assert position.asset_id != coin.id, "a coin's position goes by another asset id"
    assert position.symbol in {each.symbol for each in client.get_all_positions()}
    fills = client.get("/account/activities/FILL", {"order_id": str(order.id)})
    assert [(fill["qty"], fill["cum_qty"], fill["symbol"]) for fill in fills] == [("1.5", "1.5", "ETH/USD")]
    with pytest.raises(APIError, match="insufficient balance") as refused:
        client.submit_order(requests.MarketOrderRequest(symbol="ETH/USD", qty=9, side="sell", time_in_force="gtc"))
    assert refused.value.status_code == 403
    client.submit_order(requests.MarketOrderRequest(symbol="ETH/USD", qty=1.5, side="sell", time_in_force="gtc"))
    wait_until(lambda: "ETHUSD" not in {each.symbol for each in client.get_all_positions()}, what="it to go")


def test_wrong_keys_are_refused(sim: RunningSimulator) -> None:
    stranger = TradingClient("PKWRONG", "wrong", url_override=sim.base_url)
    stranger._retry = 0
    with pytest.raises(APIError) as refused:
        stranger.get_account()
    assert refused.value.status_code == 401
