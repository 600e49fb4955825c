"""A line to one server: it can be cut, slow, or dead while both ends think that it stands."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from support.tcp_proxy import HOST, TcpProxy, Way

__all__ = ["HOST", "Link", "Trap", "Way", "produces"]


class Trap:
    """What a link waits for, to hold everything on its way back from then on."""

    def __init__(self, is_it: Callable[[bytes], bool]) -> None:
        self.is_it = is_it
        self._sprung = threading.Event()
        self._port = 0

    def spring(self, port: int) -> None:
        """It came from this port, and is passed on."""
        self._port = port
        self._sprung.set()

    def wait(self, timeout: float) -> int:
        """The port of the client that said it. AssertionError where nobody has in time."""
        assert self._sprung.wait(timeout), f"waited {timeout:g} s for a message to be passed on"
        return self._port


def produces(topic: str) -> Callable[[bytes], bool]:
    """Whether a message of a client of Kafka's brings records of the topic: key 0, which up to version 12 names it."""
    name = topic.encode()
    return lambda message: message[4:6] == b"\0\0" and name in message


class Link(TcpProxy):
    """Passes bytes on between clients and a port of this machine. With `kafka`, a piece is one whole message."""

    def __init__(self, port: int, *, kafka: bool = False) -> None:
        super().__init__(port, kafka=kafka)
        self._open = {way: asyncio.Event() for way in Way}
        for event in self._open.values():
            event.set()
        self._delay_s, self._refusing = 0.0, False
        self._trap: Trap | None = None

    def refuse(self) -> None:
        """Break what is connected, and whatever connects until `heal`."""
        self._refusing = True
        self.cut()

    def hold(self, *ways: Way) -> None:
        """Let nothing through in these directions until `heal`, without a word to either end."""

        async def hold() -> None:
            for way in ways:
                self._open[way].clear()

        self._do(hold())

    def trap(self, is_it: Callable[[bytes], bool]) -> Trap:
        """From the moment on when such a piece is passed on to the server, nothing comes back, until `heal`."""
        self._trap = trap = Trap(is_it)
        return trap

    def slow(self, delay_s: float) -> None:
        """From now on each piece, of 64 kB at most, takes so long."""
        self._delay_s = delay_s

    def heal(self) -> None:
        """As it was; what was held back goes through."""

        async def heal() -> None:
            self._refusing, self._trap = False, None
            for event in self._open.values():
                event.set()

        self._delay_s = 0.0
        self._do(heal())

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        return not self._refusing

    async def _send(self, way: Way, piece: bytes, writer: asyncio.StreamWriter, client: int) -> None:
        if self._delay_s:
            await asyncio.sleep(self._delay_s)
        await self._open[way].wait()
        trap = self._trap if way is Way.THERE and self._trap is not None and self._trap.is_it(piece) else None
        if trap is not None:
            self._trap = None
            self._open[Way.BACK].clear()
        await super()._send(way, piece, writer, client)
        if trap is not None:
            trap.spring(client)
