"""One read of the account over real HTTP: each answer is told apart, each wait ends, nothing is asked twice."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from stream_reconcile.broker.account import read_account_id
from stream_reconcile.core.errors import BrokerUnreachable, CredentialsRefused, RateLimited, ReconcileError
from stream_reconcile.simulator.runner import running_simulator

SECRET = "the-secret-key"


class Broker(ThreadingHTTPServer):
    """Answers every request with `status` and `body`, after `delay_s`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status, self.body = 200, b'{"id": "A"}'
        self.paths: list[str] = []
        self.enough = threading.Event()
        self.mute = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Broker

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        if self.server.mute:
            self.server.enough.wait(30)
            return
        self.send_response(self.server.status)
        if 300 <= self.server.status < 400:
            self.send_header("Location", f"{self.server.url}/elsewhere")
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the one it replaces
        """Says nothing."""


@pytest.fixture
def broker() -> Iterator[Broker]:
    with Broker() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.enough.set()
        server.shutdown()
        thread.join()


def read(broker: Broker, *, read_s: float = 5) -> str:
    return read_account_id(broker.url, "KEY", SECRET, connect_s=2, read_s=read_s)


def test_the_id_and_not_the_number(broker: Broker) -> None:
    broker.body = json.dumps({"id": "the-id", "account_number": "PA123"}).encode()
    assert read(broker) == "the-id"
    assert broker.paths == ["/v2/account"]


def test_the_simulators_account() -> None:
    with running_simulator(seed=3) as simulator:
        assert read_account_id(simulator.base_url, simulator.key, simulator.secret) == simulator.account_id
        with pytest.raises(CredentialsRefused):
            read_account_id(simulator.base_url, simulator.key, "wrong")


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, b'{"message": "unauthorized."}', CredentialsRefused),
        (403, b"forbidden", CredentialsRefused),
        (429, b'{"message": "too many requests."}', RateLimited),
        (500, b"", BrokerUnreachable),
        (504, b"<html>gateway</html>", BrokerUnreachable),
        (404, b'{"code": 40410000, "message": "not found"}', BrokerUnreachable),
        (200, b"<html>a captive portal</html>", BrokerUnreachable),
        (200, b"", BrokerUnreachable),
        (200, b"[]", BrokerUnreachable),
        (200, b'{"id": 7}', BrokerUnreachable),
        (200, b'{"id": ""}', BrokerUnreachable),
        (200, b'{"id": "a\\u0000b"}', BrokerUnreachable),
        (302, b"", BrokerUnreachable),
    ],
)
def test_each_other_answer_is_told_apart_and_asked_for_once(
    broker: Broker, status: int, body: bytes, error: type[ReconcileError]
) -> None:
    broker.status, broker.body = status, body
    with pytest.raises(error) as raised:
        read(broker)
    assert type(raised.value) is error
    assert SECRET not in str(raised.value)
    assert raised.value.__cause__ is None
    # alpaca-py would have asked three times for 429 and 504, and would have waited 3 s each time
    assert broker.paths == ["/v2/account"]


def test_a_broker_that_does_not_answer_is_not_waited_for(broker: Broker) -> None:
    broker.mute = True
    begun = time.monotonic()
    with pytest.raises(BrokerUnreachable):
        read(broker, read_s=0.3)
    assert time.monotonic() - begun < 5


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with pytest.raises(BrokerUnreachable, match="APCA_API_BASE_URL"):
        read_account_id(f"http://127.0.0.1:{port}", "KEY", SECRET)
