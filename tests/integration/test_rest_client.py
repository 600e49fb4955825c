"""The REST client on the simulated broker: what it reads is the truth, and no fault is taken for an answer."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from stream_reconcile.broker.rest import RestClient, RestTiming
from stream_reconcile.core.budget import RateBudget
from stream_reconcile.core.errors import BrokerUnreachable, CredentialsRefused, RateLimited, Stopped
from stream_reconcile.core.timestamps import parse_ns
from stream_reconcile.simulator.runner import RunningSimulator, running_simulator
from support.http_client import Rest
from support.rest import QUICK, Recorded
from support.waiting import wait_until

ORDERS = 260
ABSENT = "61e69015-8549-4bfd-b9c3-01e75843f47e"


@pytest.fixture(scope="module")
def shared() -> Iterator[RunningSimulator]:
    with running_simulator(
        seed=31, preload_orders=ORDERS, preload_hours=2, rate_limit=0, activity_delay_seconds=0
    ) as running:
        yield running


@pytest.fixture
def sim(shared: RunningSimulator) -> Iterator[RunningSimulator]:
    yield shared
    shared.control.clear_faults()


@pytest.fixture
def rest(sim: RunningSimulator) -> Iterator[Recorded]:
    with Recorded(sim.base_url, sim.key, sim.secret) as recorded:
        yield recorded


@pytest.fixture(scope="module")
def truth(shared: RunningSimulator) -> list[dict[str, Any]]:
    return list(shared.control.orders())


def test_one_object_byte_for_byte(sim: RunningSimulator, rest: Recorded, truth: list[dict[str, Any]]) -> None:
    before = time.time_ns()
    account = rest.client.account()
    assert before < account.received_at_ns < time.time_ns()
    assert json.loads(account.raw)["id"] == sim.account_id
    assert len(account.request_id) == 32
    parent = next(each["parent_order_id"] for each in truth if each["parent_order_id"])
    with Rest(sim) as plain:
        for nested in (True, False):
            found = rest.client.order(parent, nested=nested)
            assert found is not None
            assert found.raw == plain("GET", f"/v2/orders/{parent}", params={"nested": str(nested)}).content
        by_client = rest.client.order_by_client_id(truth[0]["client_order_id"])
        assert by_client is not None
        assert json.loads(by_client.raw)["id"] == truth[0]["id"]
    assert rest.client.requests == 4
    assert [route for route, _ in rest.sent] == ["account", "order", "order", "order_by_client_id"]


def test_positions_and_activities(sim: RunningSimulator, rest: Recorded) -> None:
    positions = rest.client.positions()
    with Rest(sim) as plain:
        assert [json.loads(item) for item in positions.items] == plain.get("/v2/positions")
    assert set(positions.ids) == {""}
    expected = list(sim.control.activities())
    assert len(expected) > 100, "more than a page"
    pages = list(rest.client.activities())
    assert [json.loads(item) for page in pages for item in page.items] == expected
    assert [id_ for page in pages for id_ in page.ids] == [each["id"] for each in expected]
    some = expected[len(expected) // 2]
    of_order = [json.loads(item) for page in rest.client.activities(order_id=some["order_id"]) for item in page.items]
    assert of_order == [each for each in expected if each["order_id"] == some["order_id"]]
    cut = parse_ns(some["transaction_time"])
    later = [id_ for page in rest.client.activities(types=(), after_ns=cut) for id_ in page.ids]
    wanted = [each["id"] for each in expected if parse_ns(each["transaction_time"]) > cut]
    assert set(wanted) <= set(later)
    assert len(later) <= len(wanted) + 3, "no more than the overlap"


def test_not_there_is_the_brokers_own_word(rest: Recorded) -> None:
    assert rest.client.order(ABSENT) is None
    assert rest.client.order_by_client_id("no such client id / at all") is None
    assert rest.outcomes == ["404", "404"]


@pytest.mark.parametrize("cursors", ["take", "refuse", "ignore"])
def test_all_orders_by_whatever_cursor_the_broker_takes(cursors: str) -> None:
    with (
        running_simulator(seed=31, preload_orders=ORDERS, preload_hours=2, rate_limit=0, order_cursors=cursors) as sim,
        Recorded(sim.base_url, sim.key, sim.secret) as rest,
    ):
        truth = list(sim.control.orders())
        ids = [each["id"] for each in truth]
        tops = [each["id"] for each in truth if not each["parent_order_id"]]
        times = {each["id"]: parse_ns(each["submitted_at"]) for each in truth}
        low, high = times[ids[60]], times[ids[200]]
        for descending in (True, False):
            every = [
                id_ for page in rest.client.orders(nested=False, descending=descending, limit=40) for id_ in page.ids
            ]
            assert every == (ids[::-1] if descending else ids)
            nested = [id_ for page in rest.client.orders(descending=descending, limit=40) for id_ in page.ids]
            assert sorted(nested) == sorted(tops)
            part = [
                id_
                for page in rest.client.orders(
                    nested=False, after_ns=low, until_ns=high, descending=descending, limit=25
                )
                for id_ in page.ids
            ]
            assert sorted(part) == sorted(id_ for id_ in ids if low < times[id_] < high)
        refused = rest.outcomes.count("422")
        assert refused == (1 if cursors == "refuse" else 0), "asked once, then known"


def test_a_descending_walk_ends_where_it_is_told_to(rest: Recorded, truth: list[dict[str, Any]]) -> None:
    after = parse_ns(truth[-30]["submitted_at"])
    pages = list(rest.client.orders(nested=False, after_ns=after, limit=20))
    assert len(pages) <= 3
    assert [id_ for page in pages for id_ in page.ids] == [
        each["id"] for each in reversed(truth) if parse_ns(each["submitted_at"]) > after
    ]


def test_an_empty_list_is_a_page_of_nothing(rest: Recorded) -> None:
    (page,) = rest.client.orders(after_ns=time.time_ns())
    assert page.items == ()
    assert page.received_at_ns > 0


ASK: dict[str, Callable[[RestClient], object]] = {
    "account": lambda client: client.account(),
    "positions": lambda client: client.positions(),
    "order": lambda client: client.order(ABSENT),
    "order_by_client_id": lambda client: client.order_by_client_id("nobody"),
    "orders": lambda client: list(client.orders(limit=100)),
    "activities": lambda client: list(client.activities()),
}
FAULTS: list[tuple[str, dict[str, object], str]] = [
    ("rest_status", {"status": 500}, "500"),
    ("rest_status", {"status": 503}, "503"),
    ("rest_status", {"status": 504}, "504"),
    ("rest_html", {"status": 502}, "502"),
    ("rest_html", {"status": 404}, "404"),
    ("rest_html", {"status": 200}, "html"),
    ("rest_empty", {}, "empty"),
    ("rest_cut", {}, "cut"),
    ("rest_hang", {"seconds": 5}, "timeout"),
]


@pytest.mark.parametrize("route", ASK)
@pytest.mark.parametrize(("fault", "parameters", "outcome"), FAULTS)
def test_a_fault_is_never_an_answer(
    sim: RunningSimulator, route: str, fault: str, parameters: dict[str, object], outcome: str
) -> None:
    impatient = RestTiming(2.0, 0.4, 5.0, 3, 0.02, 0.1)
    with Recorded(sim.base_url, sim.key, sim.secret, timing=impatient) as rest:
        expected = ASK[route](rest.client)
        first = len(rest.sent)
        sim.control.fault(fault, count=2, **parameters)
        found = ASK[route](rest.client)
        assert rest.outcomes[first : first + 2] == [outcome, outcome]
        assert rest.outcomes[first + 2] in {"200", "404"}
        if expected is None:
            assert found is None
        sim.control.fault(fault, count=3, **parameters)
        sent = rest.client.requests
        with pytest.raises(BrokerUnreachable, match=rf"\({route}[,)]") as raised:
            ASK[route](rest.client)
        assert rest.client.requests == sent + 3
        assert sim.secret not in str(raised.value)
        assert raised.value.__cause__ is None


def test_what_can_not_change_by_itself_is_asked_once(sim: RunningSimulator, rest: Recorded) -> None:
    sim.control.fault("rest_status", status=400)
    with pytest.raises(BrokerUnreachable, match="HTTP 400"):
        rest.client.order(ABSENT)
    sim.control.fault("rest_status", status=404)  # `{"message": "Not Found"}`: a gateway's, not a word of orders
    with pytest.raises(BrokerUnreachable, match="HTTP 404"):
        rest.client.order(ABSENT)
    with Recorded(sim.base_url, sim.key, "wrong") as wrong:
        with pytest.raises(CredentialsRefused, match="401"):
            wrong.client.positions()
        assert wrong.client.requests == 1
    assert rest.client.requests == 2


def test_a_refusal_for_the_rate_is_waited_out() -> None:
    with (
        running_simulator(seed=4, rate_window_seconds=1, rate_limit=1000) as sim,
        Recorded(sim.base_url, sim.key, sim.secret) as rest,
    ):
        sim.control.fault("rest_rate_limit")
        assert rest.client.account()
        assert rest.outcomes[0] == "429"
        assert rest.outcomes[-1] == "200"
        assert len(rest.outcomes) <= 3, "waited for the reset, did not try until it came"


def test_refused_for_the_rate_to_the_end(sim: RunningSimulator, rest: Recorded) -> None:
    sim.control.fault("rest_status", status=429, count=0)
    with pytest.raises(RateLimited, match="positions, X-Request-ID"):
        rest.client.positions()
    assert rest.outcomes == ["429"] * QUICK.attempts


def test_no_more_than_our_share_of_a_window() -> None:
    """Three clients of one budget, as fast as they can: the broker never sees more than half of its limit."""
    with running_simulator(seed=4, rate_limit=40, rate_window_seconds=2) as sim:
        budget = RateBudget(0.5, 40)
        counts: list[int] = []

        def hurry() -> None:
            with Recorded(sim.base_url, sim.key, sim.secret, budget=budget) as rest:
                for _ in range(20):
                    rest.client.account()
                counts.append(rest.outcomes.count("429"))

        with Recorded(sim.base_url, sim.key, sim.secret, budget=budget) as first:
            first.client.account()
        threads = [threading.Thread(target=hurry) for _ in range(3)]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert counts == [0, 0, 0]
        # 61 requests at 20 a window: the fourth window at the earliest, and the first may have been almost over
        assert time.monotonic() - began > 2 * 2.0


def test_the_trading_program_keeps_its_room() -> None:
    with running_simulator(seed=4, rate_limit=40, rate_window_seconds=300) as sim, Rest(sim) as trading:
        budget = RateBudget(0.5)
        for _ in range(30):
            trading("GET", "/v2/clock")
        with Recorded(sim.base_url, sim.key, sim.secret, budget=budget) as rest:
            rest.client.account()
            assert budget.limit == 40
            # 9 of the 40 are left, of which we leave 5 (19 of ours, should the window have ended just then)
            assert budget.left(time.time()) in {4, 19}


@pytest.mark.parametrize("where", ["budget", "pause", "request"])
def test_stop_ends_every_wait_at_once(sim: RunningSimulator, where: str) -> None:
    slow = RestTiming(2.0, 30.0, 60.0, 5, 30.0, 60.0)
    budget = RateBudget(1.0, 1 if where == "budget" else 1000)
    with Recorded(sim.base_url, sim.key, sim.secret, timing=slow, budget=budget) as rest:
        if where == "budget":
            rest.client.account()
        elif where == "pause":
            sim.control.fault("rest_status", status=500)
        else:
            sim.control.fault("rest_hang", seconds=30)
        ended: list[BaseException] = []

        def ask() -> None:
            try:
                rest.client.account()
            except Stopped as error:
                ended.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        if where == "request":
            wait_until(lambda: sim.control.fault_log()[-1]["fault"] == "rest_hang", what="the request under way")
        elif where == "pause":
            wait_until(lambda: rest.sent, what="the first failure")
        began = time.monotonic()
        rest.stop.set()
        thread.join(10)
        assert not thread.is_alive()
        assert time.monotonic() - began < 3
        assert len(ended) == 1
        assert sim.secret not in str(ended[0])
        with pytest.raises(Stopped):
            rest.client.account()
