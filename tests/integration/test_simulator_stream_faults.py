"""Each fault of the stream does what the catalogue says, and is written into the log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from stream_reconcile.core.errors import ConfigError
from stream_reconcile.simulator.runner import RunningSimulator, running_simulator
from stream_reconcile.simulator.values import parse_time
from support.stream_client import LISTEN, ask, auth, connected, listening, receive, receive_all


@pytest.fixture
def sim() -> Iterator[RunningSimulator]:
    with running_simulator(seed=3) as running:
        yield running


def flow(sim: RunningSimulator, orders: int = 8) -> list[dict[str, Any]]:
    """Let some orders live; what was done on purpose."""
    sim.control.flow(5000, orders=orders)
    sim.control.wait_until(lambda overview: overview["counters"]["orders"] >= orders)
    sim.control.settle()
    return sim.control.fault_log()


def test_the_log_names_the_version_that_a_dropped_frame_told(sim: RunningSimulator) -> None:
    sim.control.fault("drop", events="fill+canceled+expired+rejected", count=0)
    told = flow(sim)
    orders = {order["id"]: order["updated_at"] for order in sim.control.orders()}
    assert told
    assert all(parse_time(line["updated_at"]) <= parse_time(orders[line["order_id"]]) for line in told)
    assert any(line["updated_at"] == orders[line["order_id"]] for line in told)


def plain_flow(orders: int = 8) -> list[Any]:
    """What the same orders give without faults: the ids and events, in order."""
    with running_simulator(seed=3) as sim, listening(sim) as socket:
        flow(sim, orders)
        return names(receive_all(socket))


def names(messages: list[Any]) -> list[tuple[str, str]]:
    return [(message["data"]["order"]["id"], message["data"]["event"]) for message in messages]


def test_drop(sim: RunningSimulator) -> None:
    expected = plain_flow()
    sim.control.fault("drop", count=2, after=3)
    with listening(sim) as socket:
        log = flow(sim)
        got = names(receive_all(socket))
    assert got == expected[:3] + expected[5:]
    assert [(line["order_id"], line["event"]) for line in log] == expected[3:5]
    assert sim.control.counters()["frames_dropped"] == 2


def test_drop_only_what_is_named(sim: RunningSimulator) -> None:
    expected = plain_flow()
    sim.control.fault("drop", count=0, events=["fill", "partial_fill"])
    with listening(sim) as socket:
        flow(sim)
        got = names(receive_all(socket))
    assert got == [(order, event) for order, event in expected if event not in {"fill", "partial_fill"}]
    assert got != expected


def test_drop_by_chance_is_the_same_for_a_seed(sim: RunningSimulator) -> None:
    expected = plain_flow(40)
    sim.control.fault("drop", probability=0.2)
    log = flow(sim, 40)
    assert 0.05 * len(expected) < len(log) < 0.4 * len(expected)
    with running_simulator(seed=3, faults=("drop:probability=0.2",)) as again:
        assert [line["order_id"] for line in flow(again, 40)] == [line["order_id"] for line in log]


def test_duplicate(sim: RunningSimulator) -> None:
    expected = plain_flow()
    sim.control.fault("duplicate", count=1, copies=2)
    sim.control.fault("duplicate", count=1, after=5, within=3)
    with listening(sim) as socket:
        flow(sim)
        got = receive_all(socket)
    assert got[0] == got[1] == got[2], "the very same bytes"
    assert sorted(names(got)) == sorted([*expected, expected[0], expected[0], expected[5]])


def test_reorder(sim: RunningSimulator) -> None:
    expected = plain_flow()
    sim.control.fault("reorder", count=4, window=3)
    with listening(sim) as socket:
        flow(sim)
        got = names(receive_all(socket))
    assert sorted(got) == sorted(expected)
    assert got != expected


def test_delay(sim: RunningSimulator) -> None:
    expected = plain_flow()
    sim.control.fault("delay", count=1, seconds=60)
    with listening(sim) as socket:
        sim.control.flow(5000, orders=8)
        first = receive(socket, 3)
        assert names(first) == expected[1:4]
        sim.control.settle()
        rest = names(receive_all(socket))
    assert expected[0] in rest, "settling sends what was held back"


def test_unknown_field(sim: RunningSimulator) -> None:
    sim.control.fault("unknown_field", name="color")
    with listening(sim) as socket:
        flow(sim)
        first, second = receive(socket, 2)
    assert first["data"]["color"] == {"nested": ["of", "no", "known", "meaning"]}
    assert first["data"]["order"]["color"] == "42"
    assert "color" not in second["data"]


def test_unknown_event_comes_in_addition(sim: RunningSimulator) -> None:
    sim.control.fault("unknown_event", count=2, name="teleported")
    with listening(sim) as socket:
        flow(sim)
        got = receive_all(socket)
    odd = [message["data"] for message in got if message["data"]["event"] == "teleported"]
    assert len(odd) == 2
    assert all(data["order"]["status"] != "teleported" for data in odd)


def test_unknown_status_is_the_truth_until_the_next_change(sim: RunningSimulator) -> None:
    sim.control.fault("unknown_status", events="fill", name="enchanted")
    with listening(sim) as socket:
        log = flow(sim, 12)
        got = receive_all(socket)
    order_id = log[0]["order_id"]
    told = [message["data"]["order"] for message in got if message["data"]["order"]["id"] == order_id]
    assert "enchanted" in {order["status"] for order in told}
    (true,) = [order for order in sim.control.orders() if order["id"] == order_id]
    assert true["status"] == told[-1]["status"]


def test_disconnect_with_a_close_code(sim: RunningSimulator) -> None:
    with listening(sim) as socket:
        sim.control.fault("disconnect", code=1012)
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=5)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012


def test_disconnect_without_a_close_frame(sim: RunningSimulator) -> None:
    with listening(sim) as socket:
        sim.control.fault("disconnect_abrupt")
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=5)
    assert closed.value.rcvd is None


def test_disconnect_before_a_certain_frame(sim: RunningSimulator) -> None:
    sim.control.fault("disconnect_abrupt", after=4)
    with listening(sim) as socket:
        flow(sim)
        with pytest.raises(ConnectionClosed) as closed:
            receive(socket, 1000)
    assert closed.value.rcvd is None
    assert [line["fault"] for line in sim.control.fault_log()] == ["disconnect_abrupt"]


def test_a_silent_socket_answers_pings_and_carries_nothing(sim: RunningSimulator) -> None:
    with listening(sim) as socket:
        sim.control.fault("silent")
        flow(sim)
        assert socket.ping().wait(5), "a pong"
        assert receive_all(socket) == []
    sim.control.wait_until(lambda overview: not overview["sessions"])
    with listening(sim) as socket:
        sim.control.send(b'{"n":1}')
        assert receive(socket, 1) == [{"n": 1}], "a new socket carries again"


def test_a_frozen_socket_does_not_even_answer_pings(sim: RunningSimulator) -> None:
    with listening(sim) as socket:
        sim.control.fault("frozen")
        flow(sim)
        assert not socket.ping().wait(0.5)
        assert receive_all(socket) == []
        assert sim.control.overview()["sessions"][0]["frozen"]


def test_error_frame_then_close(sim: RunningSimulator) -> None:
    with listening(sim) as socket:
        sim.control.fault("error_frame")
        assert receive(socket, 1) == [{"action": "error", "data": {"error_message": "internal server error"}}]
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=5)


def test_odd_frames(sim: RunningSimulator) -> None:
    with listening(sim) as socket:
        sim.control.fault("null_data")
        assert json.loads(socket.recv(timeout=5)) == {"stream": "trade_updates", "data": None}
        sim.control.fault("heartbeat")
        assert socket.recv(timeout=5) == b"\x01"
        sim.control.fault("html_frame")
        html = socket.recv(timeout=5)
        assert isinstance(html, str)
        assert html.startswith("<html>")


@pytest.mark.parametrize("status", [429, 401, 503])
def test_refuse_handshake(sim: RunningSimulator, status: int) -> None:
    sim.control.fault("refuse_handshake", status=status)
    with pytest.raises(InvalidStatus) as refused, connected(sim):
        pass
    assert refused.value.response.status_code == status
    with listening(sim):
        pass


@pytest.mark.parametrize(
    ("shape", "data"),
    [
        ("401", {"message": "code=401, message=Unauthorized", "status": "unauthorized"}),
        (
            "key",
            {"action": "authenticate", "message": "access key verification failed", "status": "unauthorized"},
        ),
        ("plain", {"action": "authenticate", "status": "unauthorized"}),
    ],
)
def test_refuse_auth(sim: RunningSimulator, shape: str, data: dict[str, str]) -> None:
    sim.control.fault("refuse_auth", shape=shape)
    with connected(sim) as socket:
        assert ask(socket, auth(sim)) == {"stream": "authorization", "data": data}
        assert ask(socket, auth(sim))["data"]["status"] == "authorized"


def test_refuse_and_ignore_listen(sim: RunningSimulator) -> None:
    sim.control.fault("refuse_listen")
    sim.control.fault("ignore_listen", after=1)
    with connected(sim) as socket:
        ask(socket, auth(sim))
        assert ask(socket, LISTEN) == {"stream": "listening", "data": {"streams": []}}
        socket.send(json.dumps(LISTEN))
        assert receive_all(socket) == []


def test_ignore_auth(sim: RunningSimulator) -> None:
    sim.control.fault("ignore_auth")
    with connected(sim) as socket:
        socket.send(json.dumps(auth(sim)))
        assert receive_all(socket) == []


def test_faults_are_cleared_and_wrong_ones_refused(sim: RunningSimulator) -> None:
    number = sim.control.fault("drop", count=0)
    assert [fault["fault"] for fault in sim.control.armed()] == ["drop"]
    assert sim.control.clear_faults(number) == 1
    sim.control.fault("drop", count=0)
    sim.control.fault("delay", count=0)
    assert sim.control.clear_faults() == 2
    with pytest.raises(ConfigError, match="there is no fault 'explode'"):
        sim.control.fault("explode")
    with pytest.raises(ConfigError, match="no parameter 'loudness'"):
        sim.control.fault("drop", loudness=3)
    with pytest.raises(ConfigError, match="count must be of type int"):
        sim.control.fault("drop", count="many")
