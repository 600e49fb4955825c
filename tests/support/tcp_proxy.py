"""A TCP proxy before one server of this machine, on an event loop in a thread of its own.

Subclasses say what is passed on, and when: see `_meet`, `_send`.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from enum import StrEnum
from types import TracebackType
from typing import Any, Final, Self

HOST: Final = "127.0.0.1"
_CHUNK: Final = 65_536
_LIMIT_S: Final = 20.0


class Way(StrEnum):
    """Which way bytes go."""

    THERE = "there"
    BACK = "back"


class TcpProxy:
    """Passes bytes on between clients and `port`.

    `kafka`: piece by piece is message by message (kafka.apache.org/protocol: an int32 of length, then the body), and
    the broker's address is replaced by the proxy's, of the same length, in what it says, so that clients keep to it.
    """

    def __init__(self, port: int, *, kafka: bool = False) -> None:
        self._target, self._kafka = port, kafka
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"proxy to {port}")
        self._writers: set[asyncio.StreamWriter] = set()
        self._clients: dict[int, int] = {}
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_LIMIT_S)
        self._loop.close()

    @property
    def clients(self) -> Mapping[int, int]:
        """Port of the client by the port from which the proxy speaks to the server on its behalf."""
        return self._clients

    def cut(self) -> None:
        """Break what is connected now; who connects again gets through."""
        self._do(self._cut())

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """A client has come: whether it is to be connected with the server."""
        return True

    async def _send(self, way: Way, piece: bytes, writer: asyncio.StreamWriter, client: int) -> None:
        """Pass a piece on; `client` is the client's port."""
        writer.write(piece)
        await writer.drain()

    def _do(self, action: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(action, self._loop).result(_LIMIT_S)

    async def _start(self) -> None:
        self._server = await asyncio.start_server(self._accepted, HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _end(self) -> None:
        self._server.close()
        await self._cut()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _cut(self) -> None:
        for writer in self._writers:
            reset(writer)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if not await self._meet(reader, writer):
                reset(writer)
                return
            far_reader, far_writer = await asyncio.open_connection(HOST, self._target)
        except (OSError, asyncio.CancelledError):
            reset(writer)
            return
        both = {writer, far_writer}
        self._writers |= both
        near, far = writer.get_extra_info("peername")[1], far_writer.get_extra_info("sockname")[1]
        self._clients[far] = near
        try:
            await asyncio.gather(
                self._pass_on(Way.THERE, reader, far_writer, near), self._pass_on(Way.BACK, far_reader, writer, near)
            )
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # one of the two has ended, or the proxy: so does the other
        finally:
            self._writers -= both
            del self._clients[far]
            for each in both:
                each.transport.abort()

    async def _pass_on(self, way: Way, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, client: int) -> None:
        while piece := await self._piece(way, reader):
            await self._send(way, piece, writer, client)
        if writer.can_write_eof():
            writer.write_eof()
        else:
            writer.close()

    async def _piece(self, way: Way, reader: asyncio.StreamReader) -> bytes:
        if not self._kafka:
            return await reader.read(_CHUNK)
        length = await reader.readexactly(4)
        body = await reader.readexactly(int.from_bytes(length, "big"))
        if way is Way.THERE:
            return length + body
        true, ours = (HOST.encode() + struct.pack(">i", port) for port in (self._target, self.port))
        return length + body.replace(true, ours)


def reset(writer: asyncio.StreamWriter) -> None:
    """End it so that the other end is told at once, as by a router that forgot the connection."""
    wire = writer.get_extra_info("socket")  # None of an end that is gone already
    with suppress(OSError):
        if wire is not None:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
