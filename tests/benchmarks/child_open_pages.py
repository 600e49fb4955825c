"""Who has the page open, and fetches what changes as its script does; who reads the API; and who is deaf.

Settings: port. One command, `pages`, `deaf`, `seconds`; it is answered by `measured`.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Coroutine
from typing import Any, Final

from children import say, settings, told

READERS: Final = 20
READS_A_SECOND: Final = 1.0  # of each
PATHS: Final = (
    "/api/v1/status",
    "/api/v1/lag",
    "/api/v1/executions?limit=50",
    "/api/v1/fills?limit=50",
    "/api/v1/cursors",
    "/api/v1/sweeps?limit=50",
    "/api/v1/discrepancies?limit=50",
)
_SETTLES_S: Final = 0.4  # page.js waits so long after an event before it fetches
_LONGEST_LINE: Final = 4 * 1024 * 1024


class Client:
    """A connection that is kept, as browsers do."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def get(self, path: str) -> int:
        """Fetch; how many bytes came. Raises OSError for anything but a 200."""
        try:
            return await self._get(path)
        except (OSError, asyncio.IncompleteReadError):
            # The server ends a connection that was idle for 5 s; asked once more as browsers do.
            self.close()
            return await self._get(path)

    async def _get(self, path: str) -> int:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(_request(path))
        head = await reader.readuntil(b"\r\n\r\n")
        fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
        body = await reader.readexactly(int(fields[b"content-length"]))
        if not head.startswith(b"HTTP/1.1 200"):
            raise OSError(head.split(b"\r\n")[0].decode())
        return len(body)

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


class Measured:
    """What all of them saw."""

    def __init__(self) -> None:
        self.events: list[int] = []
        self.bytes: list[int] = []
        self.refresh_s: list[float] = []
        self.api_s: list[float] = []
        self.by_path: dict[str, list[float]] = {}
        self.deaf_s: list[float] = []
        self.failed = 0


async def page(port: int, seen: Measured) -> None:
    """One open page."""
    number = len(seen.events)
    seen.events.append(0)
    seen.bytes.append(0)
    fresh = asyncio.Event()

    async def refresh() -> None:
        client = Client(port)
        with contextlib.closing(client):
            while True:
                await fresh.wait()
                await asyncio.sleep(_SETTLES_S)
                fresh.clear()
                begun = time.monotonic()
                try:
                    seen.bytes[number] += await client.get("/?part=live")
                    seen.refresh_s.append(time.monotonic() - begun)
                except (OSError, asyncio.IncompleteReadError):
                    seen.failed += 1

    async with ended(refresh()):
        while True:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=_LONGEST_LINE)
            writer.write(_request("/api/v1/events"))
            with contextlib.closing(writer), contextlib.suppress(OSError):
                while line := await reader.readline():
                    seen.bytes[number] += len(line)
                    if line.startswith(b"event: "):
                        seen.events[number] += 1
                        fresh.set()
            seen.failed += 1  # it was cut off, which no page that reads should be
            await asyncio.sleep(1)


async def api_reader(port: int, first: int, seen: Measured) -> None:
    """Reads at a fixed schedule; what comes late counts from when it was due."""
    client = Client(port)
    with contextlib.closing(client):
        begun, number = time.monotonic(), 0
        while True:
            due = begun + (number + first / READERS) / READS_A_SECOND
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            path = PATHS[(first + number) % len(PATHS)]
            try:
                await client.get(path)
                seen.api_s.append(time.monotonic() - due)
                seen.by_path.setdefault(path, []).append(seen.api_s[-1])
            except (OSError, asyncio.IncompleteReadError):
                seen.failed += 1
            number += 1


async def deaf(port: int, seen: Measured) -> None:
    """Asks for the events and reads none of them; a byte now and then tells when the connection is gone."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", port))
        connection.sendall(_request("/api/v1/events"))
        connection.setblocking(False)
        begun = time.monotonic()
        try:
            while True:
                await asyncio.sleep(1)
                connection.send(b"\r\n")
        except BlockingIOError:
            return
        except OSError:
            seen.deaf_s.append(time.monotonic() - begun)


async def measure(port: int, pages: int, unhearing: int, seconds: float) -> Measured:
    """All of them for so long."""
    seen = Measured()
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(unhearing):
            await stack.enter_async_context(ended(deaf(port, seen)))
        for _ in range(pages):
            await stack.enter_async_context(ended(page(port, seen)))
        for first in range(READERS):
            await stack.enter_async_context(ended(api_reader(port, first, seen)))
        await asyncio.sleep(seconds)
    return seen


@contextlib.asynccontextmanager
async def ended(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Do it until the block is left."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def _request(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def main() -> None:
    given = settings()
    while (command := told()) is not None:
        seen = asyncio.run(measure(given["port"], command["pages"], command["deaf"], command["seconds"]))
        say("measured", **vars(seen))
    say("result")


if __name__ == "__main__":
    main()
