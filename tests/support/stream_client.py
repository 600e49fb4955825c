"""A plain websocket client for `/stream`: it sends and expects exactly what a test says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from websockets.sync.client import ClientConnection, connect

LISTEN = {"action": "listen", "data": {"streams": ["trade_updates"]}}


@contextmanager
def connected(simulator: Any) -> Iterator[ClientConnection]:
    """A socket, not yet authorized. Closed at the end without waiting long for a server that may be frozen."""
    with connect(simulator.stream_url, close_timeout=0.2, max_queue=None, ping_interval=None) as socket:
        yield socket


@contextmanager
def listening(simulator: Any) -> Iterator[ClientConnection]:
    """A socket that has been granted trade_updates."""
    with connected(simulator) as socket:
        assert ask(socket, auth(simulator))["data"]["status"] == "authorized"
        assert ask(socket, LISTEN)["data"]["streams"] == ["trade_updates"]
        yield socket


def auth(simulator: Any) -> dict[str, str]:
    """The current form of the authentication message."""
    return {"action": "auth", "key": simulator.key, "secret": simulator.secret}


def legacy_auth(simulator: Any) -> dict[str, Any]:
    """The old form."""
    return {"action": "authenticate", "data": {"key_id": simulator.key, "secret_key": simulator.secret}}


def ask(socket: ClientConnection, message: dict[str, Any]) -> Any:
    """Send a message and return the answer, decoded."""
    socket.send(json.dumps(message))
    return json.loads(socket.recv(timeout=5))


def receive(socket: ClientConnection, count: int) -> list[Any]:
    """So many messages, decoded."""
    return [json.loads(socket.recv(timeout=5)) for _ in range(count)]


def receive_all(socket: ClientConnection, seconds: float = 0.3) -> list[Any]:
    """All messages until none has come for so long."""
    messages = []
    while True:
        try:
            messages.append(json.loads(socket.recv(timeout=seconds)))
        except TimeoutError:
            return messages
