"""The websocket as ALPACA's behaves: no greeting, both forms of auth, listen, one connection for each account."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from stream_reconcile.simulator.runner import RunningSimulator, running_simulator
from support.stream_client import LISTEN, ask, auth, connected, legacy_auth, listening, receive
from support.waiting import wait_until


@pytest.fixture
def sim() -> Iterator[RunningSimulator]:
    with running_simulator(seed=3) as running:
        yield running


def test_the_server_does_not_speak_first(sim: RunningSimulator) -> None:
    with connected(sim) as stream, pytest.raises(TimeoutError):
        stream.recv(timeout=0.2)


def test_current_auth_and_listen_are_answered_in_binary_frames(sim: RunningSimulator) -> None:
    with connected(sim) as stream:
        assert ask(stream, auth(sim)) == {
            "stream": "authorization",
            "data": {"action": "authenticate", "status": "authorized"},
        }
        stream.send(json.dumps(LISTEN).encode())
        raw = stream.recv(timeout=5)
        assert raw == b'{"stream":"listening","data":{"streams":["trade_updates"]}}'


def test_legacy_auth_is_answered_with_a_deprecation_notice(sim: RunningSimulator) -> None:
    with connected(sim) as stream:
        data = ask(stream, legacy_auth(sim))["data"]
        assert data["status"] == "authorized"
        assert data["message"].startswith("this authentication format is being deprecated")


def test_text_frames_where_asked_for() -> None:
    with running_simulator(seed=3, text_frames=True) as sim, connected(sim) as stream:
        stream.send(json.dumps(auth(sim)))
        assert isinstance(stream.recv(timeout=5), str)


@pytest.mark.parametrize(
    "message",
    [
        {"action": "auth", "key": "PKNOBODY", "secret": "x"},
        {"action": "auth"},
        {"action": "authenticate", "data": {"key_id": "PKNOBODY", "secret_key": "x"}},
    ],
)
def test_wrong_keys_are_unauthorized_and_may_not_listen(sim: RunningSimulator, message: dict[str, object]) -> None:
    with connected(sim) as stream:
        assert ask(stream, message) == {
            "stream": "authorization",
            "data": {"message": "code=401, message=Unauthorized", "status": "unauthorized"},
        }
        assert ask(stream, LISTEN) == {
            "stream": "authorization",
            "data": {"status": "unauthorized", "action": "listen"},
        }
        assert ask(stream, auth(sim))["data"]["status"] == "authorized"


def test_listen_replaces_the_set_and_unknown_streams_are_silently_missing(sim: RunningSimulator) -> None:
    def listen(streams: list[str]) -> dict[str, object]:
        return {"action": "listen", "data": {"streams": streams}}

    with connected(sim) as stream:
        ask(stream, auth(sim))
        assert ask(stream, listen(["trade_updates", "account_updates"]))["data"]["streams"] == ["trade_updates"]
        sim.control.send(b'{"n":1}')
        assert receive(stream, 1) == [{"n": 1}]
        assert ask(stream, listen([]))["data"]["streams"] == []
        sim.control.send(b'{"n":2}')
        assert ask(stream, listen(["trade_updates"]))["data"]["streams"] == ["trade_updates"]
        sim.control.send(b'{"n":3}')
        assert receive(stream, 1) == [{"n": 3}], "what came in between is gone: there is no replay"


def test_messages_that_make_no_sense(sim: RunningSimulator) -> None:
    with connected(sim) as stream:
        assert ask(stream, {"action": "sing"}) == {"action": "error", "data": {"error_message": "unknown action"}}
        stream.send("no json")
        assert json.loads(stream.recv(timeout=5))["action"] == "error"
        with pytest.raises(ConnectionClosed):
            stream.recv(timeout=5)


def test_an_extra_connection_gets_429_at_the_handshake(sim: RunningSimulator) -> None:
    with listening(sim):
        with pytest.raises(InvalidStatus) as refused, connected(sim):
            pass
        assert refused.value.response.status_code == 429
    sim.control.wait_until(lambda overview: not overview["sessions"])
    with listening(sim):
        assert sim.control.counters()["connections_refused"] == 1


def test_a_second_connection_may_kick_the_first() -> None:
    with running_simulator(seed=3, second_connection="kick") as sim, listening(sim) as first, listening(sim):
        with pytest.raises(ConnectionClosed) as closed:
            first.recv(timeout=5)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008


def test_too_many_connects_get_429() -> None:
    with running_simulator(seed=3, connect_limit=3, connect_window_seconds=30) as sim:
        for _ in range(3):
            with connected(sim):
                pass
            sim.control.wait_until(lambda overview: not overview["sessions"])
        with pytest.raises(InvalidStatus) as refused, connected(sim):
            pass
        assert refused.value.response.status_code == 429


def test_an_abrupt_end_may_hold_the_slot() -> None:
    with running_simulator(seed=3, slot_hold_seconds=2, connect_limit=0) as sim:
        with connected(sim):
            pass
        sim.control.wait_until(lambda overview: not overview["sessions"])
        with connected(sim) as stream:
            stream.socket.close()
        sim.control.wait_until(lambda overview: not overview["sessions"])
        with pytest.raises(InvalidStatus), connected(sim):
            pass

        def gets_in() -> bool:
            try:
                with connected(sim):
                    return True
            except InvalidStatus:
                return False

        wait_until(gets_in, timeout=10, what="the slot to be free again")


def test_server_pings_and_drops_who_does_not_answer() -> None:
    with running_simulator(seed=3, ping_interval_seconds=0.05, ping_timeout_seconds=0.1) as sim:
        host, _, port = sim.base_url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=5) as plain:
            plain.sendall(
                b"GET /stream HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            )
            heard = b""
            while data := plain.recv(4096):
                heard += data
    head, _, frames = heard.partition(b"\r\n\r\n")
    assert b"101 Switching Protocols" in head
    assert frames[0] == 0x89, "a ping"
    assert b"keepalive ping timeout" in frames


def test_no_other_path_is_a_websocket(sim: RunningSimulator) -> None:
    sim_elsewhere = RunningSimulator(sim.base_url + "/elsewhere", sim.settings, sim.control)
    with pytest.raises(InvalidStatus) as refused, connected(sim_elsewhere):
        pass
    assert refused.value.response.status_code == 404
