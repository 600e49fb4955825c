"""A TCP proxy before one server: a line that can be cut, slow, or dead while both ends think that it stands."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from types import TracebackType
from typing import Final, Self

HOST: Final = "127.0.0.1"
_CHUNK: Final = 65_536


class Way(StrEnum):
    """Which way bytes go."""

    THERE = "there"
    BACK = "back"


class Link:
    """Passes bytes on between clients and `port` of this machine.

    `kafka`: its broker's address is replaced by the link's in what it says, so that clients keep to it
    (kafka.apache.org/protocol: an int32 of length, then the body).
    """

    def __init__(self, port: int, *, kafka: bool = False) -> None:
        self._target, self._kafka = port, kafka
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"link to {port}")
        self._open = {way: asyncio.Event() for way in Way}
        self._delay_s, self._refusing = 0.0, False
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._start)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(20)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(20)
        self._loop.close()

    def cut(self) -> None:
        """Break what is connected now; who connects again gets through."""
        self._do(self._cut)

    def refuse(self) -> None:
        """Break what is connected, and whatever connects until `heal`."""

        async def refuse() -> None:
            self._refusing = True
            await self._cut()

        self._do(refuse)

    def hold(self, *ways: Way) -> None:
        """Let nothing through in these directions until `heal`, without a word to either end."""

        async def hold() -> None:
            for way in ways:
                self._open[way].clear()

        self._do(hold)

    def slow(self, delay_s: float) -> None:
        """From now on each piece, of 64 kB at most, takes so long."""
        self._delay_s = delay_s

    def heal(self) -> None:
        """As it was; what was held back goes through."""

        async def heal() -> None:
            self._refusing = False
            for event in self._open.values():
                event.set()

        self._delay_s = 0.0
        self._do(heal)

    def _do(self, action: Callable[[], object]) -> None:
        asyncio.run_coroutine_threadsafe(action(), self._loop).result(20)  # type: ignore[arg-type]  # coroutines all

    async def _start(self) -> None:
        for event in self._open.values():
            event.set()
        self._server = await asyncio.start_server(self._accepted, HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _end(self) -> None:
        self._server.close()
        for event in self._open.values():
            event.set()
        await self._cut()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _cut(self) -> None:
        for writer in self._writers:
            _reset(writer)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refusing:
            _reset(writer)
            return
        try:
            far_reader, far_writer = await asyncio.open_connection(HOST, self._target)
        except OSError:
            _reset(writer)
            return
        both = {writer, far_writer}
        self._writers |= both
        try:
            await asyncio.gather(
                self._pass_on(Way.THERE, reader, far_writer), self._pass_on(Way.BACK, far_reader, writer)
            )
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # one of the two has ended, or the link: so does the other
        finally:
            self._writers -= both
            for each in both:
                each.transport.abort()

    async def _pass_on(self, way: Way, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await self._piece(way, reader):
            if self._delay_s:
                await asyncio.sleep(self._delay_s)
            await self._open[way].wait()
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()

    async def _piece(self, way: Way, reader: asyncio.StreamReader) -> bytes:
        if not self._kafka or way is Way.THERE:
            return await reader.read(_CHUNK)
        length = await reader.readexactly(4)
        body = await reader.readexactly(int.from_bytes(length, "big"))
        true, ours = (HOST.encode() + struct.pack(">i", port) for port in (self._target, self.port))
        return length + body.replace(true, ours)


def _reset(writer: asyncio.StreamWriter) -> None:
    """End it so that the other end is told at once, as by a router that forgot the connection."""
    with suppress(OSError):  # an end that is gone already
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
