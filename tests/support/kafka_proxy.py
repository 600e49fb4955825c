"""A TCP proxy before one Kafka broker, through which a test may change what clients and broker say to each other.

Clients keep to it: in every answer the broker's own address is replaced by the proxy's, which is of the same length.
Kafka's protocol (kafka.apache.org/protocol): a message is its length as four bytes big-endian, and its body.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

HOST = "127.0.0.1"


class KafkaProxy:
    """Passes on what `request` and `answer` make of each message's body; they may not change its length.

    They run in threads, two for each connection, and may wait: what comes after on that connection waits too.
    """

    def __init__(
        self, bootstrap_servers: str, request: Callable[[bytes], bytes], answer: Callable[[bytes], bytes]
    ) -> None:
        self._broker = (HOST, int(bootstrap_servers.rpartition(":")[2]))
        self._request, self._answer = request, answer
        self._listener = socket.create_server((HOST, 0))
        self._port: int = self._listener.getsockname()[1]
        self._sockets: set[socket.socket] = {self._listener}
        self._threads: list[threading.Thread] = []

    @property
    def bootstrap_servers(self) -> str:
        return f"{HOST}:{self._port}"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for each in list(self._sockets):
            with contextlib.suppress(OSError):  # closed by its other end
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join(5)
            assert not thread.is_alive()

    def _start(self, target: Callable[..., None], *args: socket.socket) -> None:
        def run() -> None:
            with contextlib.suppress(OSError):  # a connection that ends, or all of them at the end
                target(*args)
            for each in args:
                each.close()

        thread = threading.Thread(target=run, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            broker = socket.create_connection(self._broker)
            self._sockets |= {client, broker}
            self._start(self._requests, client, broker)
            self._start(self._answers, broker, client)

    def _requests(self, client: socket.socket, broker: socket.socket) -> None:
        while (body := _body(client)) is not None:
            broker.sendall(_message(self._request(body)))
        broker.shutdown(socket.SHUT_WR)

    def _answers(self, broker: socket.socket, client: socket.socket) -> None:
        true, ours = (HOST.encode() + struct.pack(">i", port) for port in (self._broker[1], self._port))
        while (body := _body(broker)) is not None:
            client.sendall(_message(self._answer(body.replace(true, ours))))
        client.shutdown(socket.SHUT_WR)


def _message(body: bytes) -> bytes:
    return struct.pack(">i", len(body)) + body


def _body(source: socket.socket) -> bytes | None:
    head = _exactly(source, 4)
    return None if head is None else _exactly(source, int.from_bytes(head, "big"))


def _exactly(source: socket.socket, count: int) -> bytes | None:
    found = b""
    while len(found) < count:
        part = source.recv(count - len(found))
        if not part:
            return None
        found += part
    return found
