"""One websocket to Alpaca's `/stream`: moves bytes between the socket and `core.session`, and bounds every wait.

websockets' reconnecting iterator is not used: it resets its backoff after any successful connect, so a server that
takes the connection and then refuses the key is hit without end. When to connect again is the caller's
(`core.reconnect`).

Nobody is trusted to be alive: the session's deadlines notice a broker that is silent; the reader task is watched, so
that frames which the socket took and nobody read end the connection; a close that is not answered is cut.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, cast
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidProxy, InvalidStatus, InvalidURI
from websockets.frames import DATA_OPCODES, Frame
from websockets.protocol import Event

from stream_reconcile.broker.addresses import is_loopback
from stream_reconcile.core.errors import ConfigError
from stream_reconcile.core.session import Authorized, Close, End, Listening, Output, Ping, Send, StreamSession, Timing
from stream_reconcile.core.wire.peek import Peek

MAX_FRAME_BYTES: Final = 8 * 1024 * 1024
_QUEUE_FRAMES: Final = 64  # read by the library ahead of us; then TCP holds the broker back

# The library logs every frame at DEBUG, the one with our secret among them.
_library_log = logging.getLogger("stream_reconcile.websockets")
_library_log.setLevel(logging.WARNING)


@dataclass(frozen=True)
class StreamTarget:
    """Where to connect, and with what. `allow_plain` permits ws:// to other machines (a TLS proxy on the way)."""

    url: str
    key_id: str = field(repr=False)
    secret_key: str = field(repr=False)
    allow_plain: bool = False
    tls: ssl.SSLContext | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("ws", "wss") or not parts.hostname:
            raise ConfigError(f"{self.url!r} is not the address of a websocket: write wss://host/stream")
        if parts.scheme == "ws" and not self.allow_plain and not self.is_loopback:
            raise ConfigError(f"{self.url} would carry the secret unencrypted to another machine: write wss://")

    @property
    def is_loopback(self) -> bool:
        """Whether the address is this machine's own."""
        return is_loopback(self.url)


@dataclass(frozen=True)
class Waits:
    """Time limits in seconds, besides those of the session."""

    session: Timing = field(default_factory=Timing)
    close_s: float = 5.0
    reader_stuck_s: float = 10.0


class Ended(NamedTuple):
    """Why a connection is over. `detail` is for people: no payload, no secret."""

    end: End
    detail: str = ""


FrameHandler = Callable[[bytes, Peek, int], None]
StepHandler = Callable[[Authorized | Listening], None]


class StreamSocket:
    """One connection, from the attempt to connect to its end; use it once.

    `on_frame(raw, peek, received_at_ns)` gets every frame, text and binary alike, understood or not, in order and on
    the event loop: it must not block. `on_step` is told of the authorization and of the granted subscription, after
    the frame that brought it.
    """

    def __init__(
        self, target: StreamTarget, on_frame: FrameHandler, on_step: StepHandler, *, waits: Waits | None = None
    ) -> None:
        self._target = target
        self._on_frame = on_frame
        self._on_step = on_step
        self._waits = waits or Waits()
        self._asked_to_end: asyncio.Future[End] = asyncio.get_running_loop().create_future()
        self._ended: Ended | None = None
        self._read = 0
        self._pings: set[asyncio.Task[None]] = set()

    def end(self, end: End) -> None:
        """Ask for the end of the connection, from the event loop; a second time is ignored."""
        if not self._asked_to_end.done():
            self._asked_to_end.set_result(end)

    async def run(self) -> Ended:
        """Connect, authenticate, listen, until it ends for whatever reason. Does not raise for any fault outside."""
        self._session = StreamSession(
            self._target.key_id,
            self._target.secret_key,
            now_ns=time.monotonic_ns(),
            timing=self._waits.session,
        )
        opening = asyncio.create_task(self._open())
        try:
            await self._wait_for(opening, timeout_s=None)
            if not opening.done():
                return Ended(self._asked_to_end.result())
            opened = opening.result()
        finally:
            await _cancel(opening)
        if isinstance(opened, Ended):
            return opened
        try:
            await self._attend(opened)
        finally:
            await self._shut(opened)
        return self._ended or Ended(End.DISCONNECTED)

    async def _wait_for(self, task: asyncio.Task[Any], *, timeout_s: float | None) -> None:
        """Until the task is done, somebody asks for the end, or time is up."""
        awaited: set[asyncio.Future[Any]] = {task, self._asked_to_end}
        await asyncio.wait(awaited, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)

    async def _open(self) -> _Connection | Ended:
        timing = self._waits.session
        options: dict[str, Any] = {} if self._target.tls is None else {"ssl": self._target.tls}
        try:
            # The library's own limit covers TCP, TLS and handshake together.
            connection = await _NoRedirects(
                self._target.url,
                create_connection=_Connection,
                compression=None,
                open_timeout=timing.open_s,
                ping_interval=None,
                close_timeout=self._waits.close_s,
                max_size=MAX_FRAME_BYTES,
                max_queue=_QUEUE_FRAMES,
                logger=_library_log,
                proxy=None if self._target.is_loopback else True,
                **options,
            )
            return cast("_Connection", connection)
        except TimeoutError:
            return Ended(End.OPEN_TIMEOUT, f"no handshake within {timing.open_s:g} s")
        except InvalidStatus as error:
            status = error.response.status_code
            return Ended(_STATUS_ENDS.get(status, End.HANDSHAKE_REFUSED), f"HTTP {status} at the handshake")
        except (InvalidHandshake, InvalidURI, InvalidProxy) as error:
            return Ended(End.HANDSHAKE_REFUSED, type(error).__name__)
        except OSError as error:
            return Ended(End.UNREACHABLE, error.strerror or type(error).__name__)

    async def _attend(self, socket: _Connection) -> None:
        try:
            await self._do(socket, self._session.opened(time.monotonic_ns()))
        except (ConnectionClosed, TimeoutError) as error:
            self._ended = _lost(error, socket)
            return
        reader = asyncio.create_task(self._read_all(socket))
        try:
            while self._ended is None:
                await self._wait_for(reader, timeout_s=self._until_deadline())
                if self._asked_to_end.done():
                    await self._do(socket, self._session.close(self._asked_to_end.result()))
                elif reader.done():
                    self._ended = self._ended or _reader_end(reader, socket)
                else:
                    await self._do(socket, self._session.tick(time.monotonic_ns()))
                    self._watch_reader(socket)
        finally:
            await _cancel(reader, *self._pings)

    async def _read_all(self, socket: _Connection) -> None:
        session, on_frame = self._session, self._on_frame
        receive, monotonic_ns, time_ns = socket.recv, time.monotonic_ns, time.time_ns
        while True:
            raw = await receive(decode=False)
            self._read += 1
            peek, outputs = session.received(raw, monotonic_ns())
            on_frame(raw, peek, time_ns())
            if outputs:
                await self._do(socket, outputs)
                if self._ended is not None:
                    return

    async def _do(self, socket: _Connection, outputs: tuple[Output, ...]) -> None:
        for output in outputs:
            match output:
                case Send(data):
                    # Short, but a peer that reads nothing could hold even this.
                    async with asyncio.timeout(self._waits.close_s):
                        await socket.send(data, text=True)
                case Ping():
                    task = asyncio.create_task(self._ping(socket))
                    self._pings.add(task)
                    task.add_done_callback(self._pings.discard)
                case Close(end):
                    self._ended = self._ended or Ended(end)
                case Authorized() | Listening():
                    self._on_step(output)

    async def _ping(self, socket: _Connection) -> None:
        try:
            async with asyncio.timeout(self._waits.session.pong_within_s):
                await (await socket.ping())
        except (ConnectionClosed, TimeoutError):
            return  # the session's deadline and the reader tell what it was
        self._session.pong(time.monotonic_ns())

    def _until_deadline(self) -> float:
        deadline = self._session.deadline_ns
        left_s = (deadline - time.monotonic_ns()) / 1e9 if deadline is not None else 0.0
        return max(0.0, min(left_s, self._waits.reader_stuck_s / 2))

    def _watch_reader(self, socket: _Connection) -> None:
        if socket.unread_since(self._read, time.monotonic()) > self._waits.reader_stuck_s:
            self._ended = self._ended or Ended(End.READER_STUCK, "frames arrived and were not read")

    async def _shut(self, socket: _Connection) -> None:
        try:
            async with asyncio.timeout(2 * self._waits.close_s):
                await socket.close()
        except TimeoutError:
            socket.transport.abort()


class _NoRedirects(connect):
    """A redirect is refused: the secret goes to the host that was configured, and to no other."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class _Connection(ClientConnection):
    """Counts messages as they come off the wire, which shows whether anybody reads them."""

    _arrived = 0
    _seen_read = 0
    _since = 0.0

    def process_event(self, event: Event) -> None:
        super().process_event(event)
        if isinstance(event, Frame) and event.fin and event.opcode in DATA_OPCODES:
            self._arrived += 1

    def unread_since(self, read: int, now: float) -> float:
        """Seconds for which messages have been lying here without any being read; 0 if none lies here."""
        if read >= self._arrived or read != self._seen_read or not self._since:
            self._seen_read, self._since = read, now if read < self._arrived else 0.0
        return now - self._since if self._since else 0.0


_STATUS_ENDS: Final = {
    401: End.CREDENTIALS_REFUSED,
    403: End.CREDENTIALS_REFUSED,
    429: End.RATE_LIMITED,
}


def _reader_end(reader: asyncio.Task[None], socket: _Connection) -> Ended:
    error = reader.exception() if not reader.cancelled() else None
    if isinstance(error, ConnectionClosed | TimeoutError):
        return _lost(error, socket)
    if error is not None:
        # A fault of ours: it must be seen, not retried for ever.
        raise error
    return Ended(End.READER_STUCK, "the reader stopped")


def _lost(error: ConnectionClosed | TimeoutError, socket: _Connection) -> Ended:
    if isinstance(error, TimeoutError):
        return Ended(End.DISCONNECTED, "the broker takes no bytes")
    return Ended(End.DISCONNECTED, f"close code {socket.close_code}")


async def _cancel(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
