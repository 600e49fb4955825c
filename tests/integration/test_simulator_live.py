"""The live simulator: repeatable, true to what it sends, worked by hand, in a thread, a process, or on the loop."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import threading
from collections import defaultdict
from pathlib import Path
from time import time_ns
from typing import Any

import pytest

from stream_reconcile.core.errors import ConfigError, UnreachableError
from stream_reconcile.simulator.client import Control
from stream_reconcile.simulator.control import ControlApi
from stream_reconcile.simulator.live import Simulator
from stream_reconcile.simulator.runner import RunningSimulator, running_simulator, simulator_on_loop
from stream_reconcile.simulator.settings import SimulatorSettings
from stream_reconcile.simulator.values import SECOND, parse_time, rfc3339
from support.http_client import Rest
from support.stream_client import listening, receive, receive_all
from support.waiting import wait_until

LIMIT_ORDER = {
    "symbol": "AAPL",
    "qty": "10",
    "side": "buy",
    "type": "limit",
    "limit_price": "1",
    "time_in_force": "gtc",
}


def live_through(sim: RunningSimulator, orders: int) -> list[dict[str, Any]]:
    """Let so many orders live while somebody listens; the messages."""
    with listening(sim) as stream:
        sim.control.flow(4000, orders=orders)
        sim.control.wait_until(lambda overview: overview["counters"]["orders"] >= orders)
        sim.control.settle()
        return [message["data"] for message in receive_all(stream)]


def test_the_same_seed_gives_the_same_orders_and_events_in_the_same_order() -> None:
    stories = []
    for seed in (8, 8, 9):
        with running_simulator(seed=seed) as sim:
            stories.append([(data["order"]["id"], data["event"], data.get("qty")) for data in live_through(sim, 60)])
    assert stories[0] == stories[1] != stories[2]
    assert len(stories[0]) > 150


@pytest.mark.parametrize("reversals", [True, False])
def test_busts_and_corrections_can_be_left_out_of_the_flow(reversals: bool) -> None:
    with running_simulator(seed=12, reversals=reversals) as sim:
        told = {data["event"] for data in live_through(sim, 200)}
        assert bool(told & {"trade_bust", "trade_correct"}) == reversals


def test_the_truth_is_what_a_listener_was_told() -> None:
    with running_simulator(seed=12) as sim:
        orders: dict[str, dict[str, Any]] = {}
        fills: dict[str, set[str]] = defaultdict(set)
        for data in live_through(sim, 120):
            for order in [data["order"], *(data["order"]["legs"] or [])]:
                orders[order["id"]] = order
            if data["event"] in {"fill", "partial_fill"}:
                for leg in data.get("legs") or [{**data, "order_id": data["order"]["id"]}]:
                    fills[leg["order_id"]].add(leg["execution_id"])
            elif "previous_execution_id" in data:
                fills[data["order"]["id"]].remove(data["previous_execution_id"])
                if data["event"] == "trade_correct":
                    fills[data["order"]["id"]].add(data["execution_id"])
        truth = {order["id"]: order for order in sim.control.orders()}
        assert set(truth) == set(orders)
        for order_id, told in orders.items():
            for key in ("status", "filled_qty", "filled_avg_price", "updated_at", "qty", "replaced_by", "limit_price"):
                assert told[key] == truth[order_id][key], (order_id, key)
        true_fills: dict[str, set[str]] = defaultdict(set)
        for fill in sim.control.fills():
            true_fills[fill["order_id"]].add(fill["execution_id"])
        assert dict(true_fills) == {order_id: ids for order_id, ids in fills.items() if ids}
        states = {execution["state"] for execution in sim.control.executions()}
        assert "real" in states
        held = {view["symbol"]: view["qty"] for view in Rest(sim).get("/v2/positions")}
        assert held == {symbol.replace("/", ""): qty for symbol, qty in sim.control.positions().items()}


def test_what_is_over_can_be_forgotten_from_the_oldest_on() -> None:
    with running_simulator(seed=12, rate_limit=0, activity_delay_seconds=0) as sim:
        live_through(sim, 120)
        control, rest = sim.control, Rest(sim)
        orders, executions = list(control.orders()), list(control.executions())
        activities = [entry["id"] for entry in control.activities()]
        before = control.counters()
        resting = rest("POST", "/v2/orders", json=LIMIT_ORDER).json()["id"]
        assert control.forget(70) == 70
        assert control.forget(50) == 70
        kept = {order["id"] for order in orders[70:]}
        assert [order["id"] for order in control.orders()] == [*(order["id"] for order in orders[70:]), resting]
        assert [order["id"] for order in control.orders(80)] == [*(order["id"] for order in orders[80:]), resting]
        told = list(control.executions(70))
        assert told == [execution for execution in executions if execution["order_id"] in kept]
        assert list(control.executions()) == told
        # Activities are in the order of their times: what is left ends with theirs.
        left = [entry["id"] for entry in control.activities()]
        assert left == activities[-len(left) :] != activities
        assert {entry["order_id"] for entry in control.activities()} >= {one["order_id"] for one in told}
        assert rest("GET", f"/v2/orders/{orders[0]['id']}").status_code == 404
        newest = rest.get("/v2/orders?status=all&limit=500")
        assert [order["id"] for order in newest] == [resting, *(order["id"] for order in reversed(orders[70:]))]
        by_id = rest.get(f"/v2/orders?status=all&limit=500&before_order_id={orders[90]['id']}")
        assert [order["id"] for order in by_id] == [order["id"] for order in reversed(orders[70:90])]
        assert [order["id"] for order in rest.get("/v2/orders?status=open")] == [resting]
        listed = rest.get(f"/v2/account/activities?direction=asc&page_size=100&page_token={activities[0]}")
        assert [entry["id"] for entry in listed] == left[:100]
        # All others are over: none is kept but the one that rests, and what came counts still.
        assert control.forget(1_000) == len(orders)
        assert [order["id"] for order in control.orders()] == [resting]
        after = control.counters()
        assert (after["orders"], after["activities"]) == (before["orders"] + 1, before["activities"])


def test_activities_between_two_times_are_those_and_no_others() -> None:
    with running_simulator(seed=12, rate_limit=0, activity_delay_seconds=0.25) as sim:
        live_through(sim, 150)
        entries = list(sim.control.activities())
        listed = [(parse_time(entry["transaction_time"]) + SECOND // 4, entry["id"]) for entry in entries]
        wait_until(lambda: time_ns() > max(at for at, _ in listed), what="the last one to be listed")
        after, until = sorted(at for at, _ in listed)[20], sorted(at for at, _ in listed)[70]
        wanted = [name for at, name in listed if after < at < until]
        query = f"after={rfc3339(after)}&until={rfc3339(until)}&page_size=100"
        for direction, expected in (("asc", wanted), ("desc", wanted[::-1])):
            found = Rest(sim).get(f"/v2/account/activities?{query}&direction={direction}")
            assert [entry["id"] for entry in found] == expected
        assert len(wanted) >= 40


def test_the_flow_keeps_about_its_rate_and_stops() -> None:
    with running_simulator(seed=1, rate=300) as sim, listening(sim) as stream:
        receive(stream, 150)
        sent = [parse_time(message["data"]["at"]) for message in receive(stream, 301)]
        assert 75 < 300 * SECOND / (sent[-1] - sent[0]) < 1200
        sim.control.flow(0)
        sim.control.settle()
        receive_all(stream)
        published = sim.control.counters()["frames_published"]
        assert sim.control.counters()["scripts_under_way"] == 0
        assert receive_all(stream) == []
        assert sim.control.counters()["frames_published"] == published


def test_a_pause_holds_everything_back_and_sends_what_faults_held() -> None:
    with running_simulator(seed=1) as sim, listening(sim) as stream:
        sim.control.fault("reorder", probability=0.3, window=50, seconds=60)
        sim.control.flow(300)
        receive(stream, 100)
        sim.control.pause()
        before = sim.control.counters()
        assert before["messages_sent"] == before["frames_published"] + 2  # nothing held back, and two answers
        assert before["scripts_under_way"] > 0
        receive_all(stream)
        assert sim.control.counters()["frames_published"] == before["frames_published"]
        sim.control.resume()
        assert len(receive(stream, 20)) == 20


def test_preloaded_orders_are_old_and_finished() -> None:
    with running_simulator(seed=1, preload_orders=50, preload_hours=48) as sim:
        counters = sim.control.counters()
        assert counters["orders"] >= 50
        assert counters["frames_unheard"] == counters["frames_published"] > 100
        assert counters["scripts_under_way"] == 0
        submitted = [order["submitted_at"] for order in sim.control.orders()]
        assert submitted == sorted(submitted)
        assert submitted[0][:10] < submitted[-1][:10]


def test_orders_are_worked_by_hand() -> None:
    with running_simulator(seed=1, auto_fill=False) as sim, listening(sim) as stream, Rest(sim) as rest:
        order_id = rest("POST", "/v2/orders", json={**LIMIT_ORDER, "limit_price": "500"}).json()["id"]
        assert [message["data"]["event"] for message in receive(stream, 2)] == ["pending_new", "new"]
        for operation, details, event, filled in (
            ("fill", {"qty": "4", "price": "231.5"}, "partial_fill", "4"),
            ("correct", {"price": "231.25"}, "trade_correct", "4"),
            ("request_cancel", {}, "pending_cancel", "4"),
            ("fill", {"qty": "1", "price": "231"}, "partial_fill", "5"),
            ("refuse_cancel", {}, "order_cancel_rejected", "5"),
            ("bust", {}, "trade_bust", "4"),
            ("suspended", {}, "suspended", "4"),
            ("activate", {}, "new", "4"),
            ("done_for_day", {}, "done_for_day", "4"),
            ("expire", {}, "expired", "4"),
            ("late_fill", {"qty": "2", "price": "230"}, "partial_fill", "6"),
        ):
            answered = sim.control.operate(order_id, operation, **details)
            (message,) = receive(stream, 1)
            assert message["data"]["event"] == event
            assert message["data"]["order"]["filled_qty"] == answered["filled_qty"] == filled
        assert answered["status"] == "expired"
        assert [(fill["qty"], fill["price"]) for fill in sim.control.fills()] == [("4", "231.25"), ("2", "230")]
        with pytest.raises(ConfigError, match="is expired"):
            sim.control.operate(order_id, "fill", qty="1")
        with pytest.raises(ConfigError, match="no operation 'eat'"):
            sim.control.operate(order_id, "eat")
        with pytest.raises(ConfigError, match="not found"):
            sim.control.operate("nobody", "fill")


def test_a_replace_is_overtaken_by_the_fill_of_the_old_order() -> None:
    with running_simulator(seed=1, acknowledge_seconds=1) as sim, listening(sim) as stream, Rest(sim) as rest:
        order_id = rest("POST", "/v2/orders", json=LIMIT_ORDER).json()["id"]
        receive(stream, 2)
        new_id = rest("PATCH", f"/v2/orders/{order_id}", json={"qty": "11"}).json()["id"]
        sim.control.operate(order_id, "fill", price="1")
        got = [(message["data"]["event"], message["data"]["order"]["id"]) for message in receive(stream, 4)]
        assert got == [
            ("pending_replace", order_id),
            ("fill", order_id),
            ("order_replace_rejected", order_id),
            ("rejected", new_id),
        ]


def test_groups_are_named_where_asked_for() -> None:
    bracket = {
        **LIMIT_ORDER,
        "order_class": "bracket",
        "take_profit": {"limit_price": "2"},
        "stop_loss": {"stop_price": "0.5"},
    }
    for named in (True, False):
        with running_simulator(seed=1, order_groups=named) as sim, Rest(sim) as rest:
            entry = rest("POST", "/v2/orders", json=bracket).json()
            orders = [entry, *entry["legs"]]
            assert [order.get("group_role") for order in orders] == (
                ["entry", "take_profit", "stop_loss"] if named else [None] * 3
            )
            assert len({order.get("group_id") for order in orders}) == 1


def test_canceling_all_ends_the_exits_of_a_filled_entry_once_each() -> None:
    bracket = {
        **LIMIT_ORDER,
        "limit_price": "500",
        "order_class": "bracket",
        "take_profit": {"limit_price": "600"},
        "stop_loss": {"stop_price": "0.5"},
    }
    with running_simulator(seed=1) as sim, listening(sim) as stream, Rest(sim) as rest:
        entry = rest("POST", "/v2/orders", json=bracket).json()
        # pending_new, held, held, new, fill, and new of the take-profit
        receive(stream, 6)
        results = rest("DELETE", "/v2/orders").json()
        exits = {leg["id"] for leg in entry["legs"]}
        assert {result["id"] for result in results} == exits
        told = [(message["data"]["order"]["id"], message["data"]["event"]) for message in receive_all(stream)]
        assert sorted(told) == sorted((leg, event) for leg in exits for event in ("pending_cancel", "canceled"))


def test_faults_set_from_the_start_spare_the_past() -> None:
    with running_simulator(seed=1, preload_orders=20, faults=("drop:count=2", "withhold_activities")) as sim:
        past = sim.control.counters()
        assert (past["frames_dropped"], len(sim.control.armed())) == (0, 2)
        with Rest(sim) as rest, listening(sim) as stream:
            wait_until(lambda: len(rest.get("/v2/account/activities")) == past["activities"], what="past activities")
            rest("POST", "/v2/orders", json={**LIMIT_ORDER, "limit_price": "500"})
            assert receive(stream, 1)[0]["data"]["event"] == "fill", "the two before it were dropped"
            assert len(rest.get("/v2/account/activities")) == past["activities"]


def test_play_sends_a_history_fast_and_in_order() -> None:
    with running_simulator(seed=1, in_process=False) as sim, listening(sim) as stream:
        got: list[bytes] = []
        taker = threading.Thread(target=lambda: got.extend(stream.recv(timeout=20) for _ in range(6000)), daemon=True)
        taker.start()
        played = sim.control.play(2000, seed=5)
        taker.join(30)
        assert len(got) == 6000
        assert played["messages"] > 6000
        assert played["messages"] / played["seconds"] > 2000, played
        assert re.search(rb'"event":"pending_new"', got[0])


def test_play_at_a_rate() -> None:
    with running_simulator(seed=1) as sim, listening(sim) as stream:
        played = sim.control.play(30, seed=5, rate=200)
        assert 0.9 < played["seconds"] / (played["messages"] / 200) < 3
        assert len(receive_all(stream)) == played["messages"]


def test_on_the_running_loop() -> None:
    async def main() -> int:
        async with simulator_on_loop(seed=3, rate=500) as sim:
            await asyncio.to_thread(
                sim.control.wait_until, lambda overview: overview["counters"]["frames_published"] > 20
            )
            return int((await asyncio.to_thread(sim.control.counters))["orders"])

    assert asyncio.run(main()) > 5


def test_a_port_that_is_taken_is_said_so() -> None:
    with running_simulator(seed=1) as sim:
        port = int(sim.base_url.rpartition(":")[2])
        with pytest.raises(UnreachableError, match=f"can't take 127.0.0.1:{port}"), running_simulator(port=port):
            pass
    with pytest.raises(UnreachableError, match="does not answer"):
        sim.control.overview()
    with pytest.raises(ConfigError, match="second_connection"):
        SimulatorSettings(second_connection="shout")


def test_control_answers_on_loopback_only() -> None:
    app = ControlApi(Simulator(SimulatorSettings())).app()
    sent: list[Any] = []

    async def ask(host: str) -> int:
        async def receive_nothing() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def note(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": "GET",
            "path": "/sim",
            "query_string": b"",
            "headers": [],
            "client": (host, 1),
        }
        sent.clear()
        await app(scope, receive_nothing, note)
        return int(sent[0]["status"])

    assert asyncio.run(ask("192.0.2.7")) == 403
    assert asyncio.run(ask("::1")) == 200


def test_the_command_prints_what_to_export_and_ends_on_a_signal(tmp_path: Path) -> None:
    code = "import typer; from stream_reconcile.simulator.command import simulate; typer.run(simulate)"
    command = [sys.executable, "-c", code]
    flags = ["--port", "0", "--seed", "5", "--rate", "50", "--fault", "drop:probability=0.5,events=fill+new"]
    output = tmp_path / "output"
    with output.open("wb") as target:
        process = subprocess.Popen([*command, *flags], stdout=target, env={**os.environ, "COLUMNS": "40"})
    try:
        wait_until(lambda: "Ctrl-C" in output.read_text(), what="the simulator to say where it is")
        lines = output.read_text().splitlines()
        exported = dict(line.removeprefix("export ").split("=", 1) for line in lines[:3])
        settings = SimulatorSettings(seed=5)
        assert exported["APCA_API_KEY_ID"] == settings.key
        assert exported["APCA_API_SECRET_KEY"] == settings.secret
        sim = RunningSimulator(exported["APCA_API_BASE_URL"], settings, Control(exported["APCA_API_BASE_URL"]))
        sim.control.wait_until(lambda overview: overview["counters"]["frames_dropped"] > 3)
        with Rest(sim) as rest:
            assert rest.get("/v2/account")["id"] == settings.account_id
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
