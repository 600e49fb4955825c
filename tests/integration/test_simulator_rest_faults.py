"""Each fault of REST does what the catalogue says, with and without carrying the request out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from stream_reconcile.simulator.runner import RunningSimulator, running_simulator
from support.http_client import Rest
from support.waiting import wait_until

ORDER = {"symbol": "AAPL", "qty": "1", "side": "buy", "type": "market", "time_in_force": "day"}


@pytest.fixture(scope="module")
def shared() -> Iterator[RunningSimulator]:
    with running_simulator(seed=4, activity_delay_seconds=0) as running:
        yield running


@pytest.fixture
def sim(shared: RunningSimulator) -> Iterator[RunningSimulator]:
    yield shared
    shared.control.clear_faults()


@pytest.fixture
def rest(sim: RunningSimulator) -> Iterator[Rest]:
    with Rest(sim) as client:
        yield client


def orders(sim: RunningSimulator) -> int:
    return int(sim.control.counters()["orders"])


@pytest.mark.parametrize("status", [500, 503, 504, 403])
def test_rest_status(sim: RunningSimulator, rest: Rest, status: int) -> None:
    sim.control.fault("rest_status", status=status)
    response = rest("GET", "/v2/account")
    assert response.status_code == status
    assert set(response.json()) == {"message"}
    assert rest("GET", "/v2/account").status_code == 200


def test_rest_rate_limit_lasts_until_the_reset() -> None:
    with running_simulator(seed=4, rate_window_seconds=1) as sim, Rest(sim) as rest:
        sim.control.fault("rest_rate_limit")
        refused = [rest("GET", "/v2/clock") for _ in range(2)]
        if [each.status_code for each in refused] != [429, 429]:
            # The window of one second ended between the two: once more, at its beginning.
            sim.control.fault("rest_rate_limit")
            refused = [rest("GET", "/v2/clock") for _ in range(2)]
        assert [each.status_code for each in refused] == [429, 429]
        assert refused[0].headers["X-Ratelimit-Remaining"] == "0"
        wait_until(lambda: rest("GET", "/v2/clock").status_code == 200, what="the reset")


def test_rest_html(sim: RunningSimulator, rest: Rest) -> None:
    sim.control.fault("rest_html", status=502)
    response = rest("GET", "/v2/account")
    assert response.status_code == 502
    assert response.headers["Content-Type"] == "text/html"
    assert "502 Bad Gateway" in response.text


def test_rest_empty(sim: RunningSimulator, rest: Rest) -> None:
    sim.control.fault("rest_empty")
    response = rest("GET", "/v2/account")
    assert (response.status_code, response.content) == (200, b"")


def test_rest_cut(sim: RunningSimulator, rest: Rest) -> None:
    sim.control.fault("rest_cut")
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        rest("GET", "/v2/account")
    assert rest("GET", "/v2/account").status_code == 200


def test_rest_hang(sim: RunningSimulator) -> None:
    sim.control.fault("rest_hang", seconds=30)
    with Rest(sim, timeout=0.3) as impatient, pytest.raises(requests.exceptions.ReadTimeout):
        impatient("GET", "/v2/account")
    sim.control.fault("rest_hang", seconds=0.3)
    with Rest(sim) as patient:
        assert patient("GET", "/v2/account").elapsed.total_seconds() >= 0.3


def test_a_hanging_request_does_not_keep_the_simulator_from_stopping() -> None:
    with running_simulator(seed=4) as sim:
        sim.control.fault("rest_hang", seconds=600)
        with Rest(sim, timeout=0.2) as impatient, pytest.raises(requests.exceptions.ReadTimeout):
            impatient("GET", "/v2/account")


@pytest.mark.parametrize("perform", [True, False])
@pytest.mark.parametrize("fault", ["rest_status", "rest_html", "rest_empty", "rest_rate_limit"])
def test_an_order_may_be_placed_though_the_answer_says_nothing_of_it(fault: str, perform: bool) -> None:
    with running_simulator(seed=4) as sim, Rest(sim) as rest:
        sim.control.fault(fault, method="POST", perform=perform)
        assert rest("GET", "/v2/account").status_code == 200, "another method is no chance"
        rest("POST", "/v2/orders", json=ORDER)
        assert orders(sim) == int(perform)


def test_a_cut_or_slow_answer_has_carried_the_request_out(sim: RunningSimulator, rest: Rest) -> None:
    before = orders(sim)
    sim.control.fault("rest_cut", path="/v2/orders")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        rest("POST", "/v2/orders", json=ORDER)
    assert orders(sim) == before + 1


def test_only_the_path_that_is_named(sim: RunningSimulator, rest: Rest) -> None:
    sim.control.fault("rest_status", path="/v2/account/activities", count=0)
    assert rest("GET", "/v2/account").status_code == 200
    assert rest("GET", "/v2/account/activities/FILL").status_code == 503
    log = [line for line in sim.control.fault_log() if line.get("path") == "/v2/account/activities/FILL"]
    assert log[-1]["fault"] == "rest_status"


def test_withheld_activities_are_listed_once_cleared(sim: RunningSimulator, rest: Rest) -> None:
    sim.control.settle()
    before = len(rest.get("/v2/account/activities"))
    executed = len(list(sim.control.fills()))
    sim.control.fault("withhold_activities")
    rest("POST", "/v2/orders", json=ORDER)
    wait_until(lambda: len(list(sim.control.fills())) > executed, what="the execution")
    assert len(rest.get("/v2/account/activities")) == before
    sim.control.clear_faults()
    assert len(rest.get("/v2/account/activities")) == before + 1


def test_wrong_account_until_cleared(sim: RunningSimulator, rest: Rest) -> None:
    sim.control.fault("wrong_account")
    for _ in range(2):
        assert rest.get("/v2/account")["id"] != sim.account_id
    sim.control.clear_faults()
    assert rest.get("/v2/account")["id"] == sim.account_id
