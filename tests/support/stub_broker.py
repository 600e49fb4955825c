"""A broker for protocol faults: each connection follows a script, `GET /v2/account` answers what it is told.

For what a well-behaved Alpaca does there is the simulator; this one misbehaves frame by frame.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from types import TracebackType
from typing import Self

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

Script = Callable[["Talk"], Coroutine[None, None, None]]

ACCOUNT_ID = "11111111-2222-4333-8444-555555555555"


class Talk:
    """One connection, from the broker's side."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket

    async def send(self, frame: object) -> None:
        """An object as JSON in a binary frame, bytes and text as they are."""
        if isinstance(frame, str | bytes):
            await self.socket.send(frame)
        else:
            await self.socket.send(json.dumps(frame).encode())

    async def receive(self) -> dict[str, object]:
        message: dict[str, object] = json.loads(await self.socket.recv())
        return message

    async def authorize(self) -> None:
        await self.receive()
        await self.send({"stream": "authorization", "data": {"status": "authorized", "action": "authenticate"}})

    async def listen(self) -> None:
        """The whole way to a granted subscription."""
        await self.authorize()
        await self.receive()
        await self.send({"stream": "listening", "data": {"streams": ["trade_updates"]}})

    async def until_closed(self) -> None:
        await self.socket.wait_closed()


def update(number: int, *, event: str = "new", timestamp: str = "2026-09-18T13:24:50.019957863Z") -> dict[str, object]:
    """A trade update of order `order-<number>`."""
    order = {"id": f"order-{number}", "status": event, "updated_at": timestamp}
    return {"stream": "trade_updates", "data": {"event": event, "timestamp": timestamp, "order": order}}


async def quiet(talk: Talk) -> None:
    """Grants the subscription and says nothing more."""
    await talk.listen()
    await talk.until_closed()


class Line:
    """A script that sends what the test puts in, when it puts it in."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[object] = asyncio.Queue()

    async def __call__(self, talk: Talk) -> None:
        await talk.listen()
        while True:
            await talk.send(await self.queue.get())

    def send(self, *frames: object) -> None:
        for frame in frames:
            self.queue.put_nowait(frame)


class StubBroker:
    """`scripts` are followed one per connection; the last one again and again. 429 where `busy`."""

    def __init__(self, *scripts: Script) -> None:
        self.scripts = list(scripts)
        self.connections = 0
        self.handshakes = 0
        self.account_reads = 0
        self.account_id = ACCOUNT_ID
        self.account_status = HTTPStatus.OK
        self.busy = False
        self._server: Server | None = None
        self._talks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            0,
            process_request=self._process,
            ping_interval=None,
            max_size=2**24,
            close_timeout=0.5,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for talk in self._talks:
            talk.cancel()
        await self._server.wait_closed()

    @property
    def port(self) -> int:
        assert self._server is not None
        port: int = next(iter(self._server.sockets)).getsockname()[1]
        return port

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def stream_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/stream"

    async def _serve(self, socket: ServerConnection) -> None:
        script = self.scripts[min(self.connections, len(self.scripts) - 1)]
        self.connections += 1
        talk = asyncio.create_task(script(Talk(socket)))
        self._talks.add(talk)
        await asyncio.wait({talk})
        self._talks.discard(talk)
        if not talk.cancelled() and isinstance(talk.exception(), TimeoutError):
            socket.transport.abort()  # the script's way to say that it has been dumb for long enough

    def _process(self, socket: ServerConnection, request: Request) -> Response | None:
        if request.path.startswith("/v2/account"):
            self.account_reads += 1
            body = json.dumps({"id": self.account_id, "account_number": "PA0000"}).encode()
            return _response(self.account_status, body)
        self.handshakes += 1
        if self.busy:
            return _response(HTTPStatus.TOO_MANY_REQUESTS, b"")
        return None


def _response(status: HTTPStatus, body: bytes) -> Response:
    headers = Headers({"Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close"})
    return Response(status.value, status.phrase, headers, body)
