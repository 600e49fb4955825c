"""The official TradingStream works against the simulator unmodified, and parses everything it generates."""

from __future__ import annotations

from stream_reconcile.simulator.runner import running_simulator
from support.official import requests, streaming, trading_client
from support.waiting import wait_until


def test_the_official_stream_follows_an_order_to_its_fill() -> None:
    with running_simulator(seed=5) as sim, streaming(sim) as updates:
        sim.control.wait_for_listener()
        order = trading_client(sim).submit_order(
            requests.MarketOrderRequest(symbol="AAPL", qty=2, side="buy", time_in_force="day")
        )
        wait_until(lambda: len(updates) == 3, what="three updates")
        assert [update.event for update in updates] == ["pending_new", "new", "fill"]
        assert {update.order.id for update in updates} == {order.id}
        fill = updates[-1]
        assert (fill.qty, fill.price, fill.position_qty) == (2.0, 231.4, 2.0)
        assert fill.execution_id is not None


def test_the_official_models_take_every_frame_of_a_busy_flow() -> None:
    with running_simulator(seed=9) as sim, streaming(sim) as updates:
        sim.control.wait_for_listener()
        sim.control.flow(2000, orders=400)
        wait_until(lambda: sim.control.counters()["orders"] >= 400, what="the flow to run out")
        sim.control.settle()
        sent = sim.control.counters()["frames_published"]
        # A frame that a model refuses is dropped by TradingStream with a log line: the count tells.
        wait_until(lambda: len(updates) >= sent, what=f"{sent} updates")
        assert len(updates) == sent > 1200
        # The legs of a multi-leg order come within their parent's updates, all others by themselves.
        alone = {order["id"] for order in sim.control.orders() if "ratio_qty" not in order}
        assert alone == {str(update.order.id) for update in updates}


def test_the_official_stream_comes_back_after_a_cut_and_a_full_house() -> None:
    with running_simulator(seed=6) as sim, streaming(sim) as updates:
        sim.control.wait_for_listener()
        sim.control.fault("refuse_handshake", count=2)
        sim.control.fault("disconnect_abrupt")
        sim.control.wait_until(lambda overview: overview["counters"]["connections_accepted"] == 2)
        sim.control.wait_for_listener()
        assert sim.control.counters()["connections_refused"] == 2
        sim.control.flow(500, orders=5)
        wait_until(lambda: len(updates) > 5, what="updates after the reconnect")
