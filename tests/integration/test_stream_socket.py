"""One websocket against brokers that misbehave, over real sockets: it always ends, and says why."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import time
from dataclasses import dataclass, field

import pytest
from websockets.utils import accept_key

from stream_reconcile.broker.stream import Ended, StreamSocket, StreamTarget, Waits
from stream_reconcile.core.errors import ConfigError
from stream_reconcile.core.session import Authorized, End, Listening, Timing
from stream_reconcile.core.wire.peek import Kind, Peek
from support.stub_broker import Script, StubBroker, Talk, update
from support.waiting import wait_until_async

CLOSED_1013 = b"\x88\x02" + (1013).to_bytes(2, "big")
WAITS = Waits(Timing(open_s=0.5, auth_s=0.5, listen_s=0.5, ping_every_s=0.2, pong_within_s=0.4), 0.3, 0.6)


@dataclass
class Heard:
    """What came out of a connection."""

    frames: list[bytes] = field(default_factory=list)
    kinds: list[Kind] = field(default_factory=list)
    steps: list[object] = field(default_factory=list)

    def frame(self, raw: bytes, peek: Peek, received_at_ns: int) -> None:
        assert abs(received_at_ns - time.time_ns()) < 5e9
        self.frames.append(raw)
        self.kinds.append(peek.kind)

    def step(self, step: object) -> None:
        self.steps.append(step)


def open_socket(url: str, heard: Heard, *, waits: Waits = WAITS) -> StreamSocket:
    return StreamSocket(StreamTarget(url, "KEY", "SECRET"), heard.frame, heard.step, waits=waits)


async def run(script: Script, *, waits: Waits = WAITS) -> tuple[Ended, Heard]:
    heard = Heard()
    async with StubBroker(script) as broker:
        ended = await asyncio.wait_for(open_socket(broker.stream_url, heard, waits=waits).run(), 10)
    return ended, heard


async def no_word(talk: Talk) -> None:
    await talk.until_closed()


async def no_word_after_auth(talk: Talk) -> None:
    await talk.authorize()
    await talk.until_closed()


async def refuses(talk: Talk) -> None:
    await talk.receive()
    await talk.send({"stream": "authorization", "data": {"message": "code=401, message=Unauthorized", "status": "no"}})
    await talk.until_closed()


async def grants_nothing(talk: Talk) -> None:
    await talk.authorize()
    await talk.receive()
    await talk.send({"stream": "listening", "data": {"streams": []}})
    await talk.until_closed()


async def errs(talk: Talk) -> None:
    await talk.listen()
    await talk.send({"action": "error", "data": {"error_message": "internal server error"}})
    await talk.until_closed()


async def hangs_up(talk: Talk) -> None:
    await talk.listen()
    await talk.socket.close(1012)


async def cuts_the_wire(talk: Talk) -> None:
    await talk.listen()
    talk.socket.transport.abort()


async def goes_dumb(talk: Talk) -> None:
    """Reads nothing any more, so it answers no ping; the connection stays up."""
    await talk.listen()
    talk.socket.transport.pause_reading()
    async with asyncio.timeout(3):
        await talk.until_closed()


async def sends_too_much(talk: Talk) -> None:
    await talk.listen()
    await talk.send(b"x" * (9 * 1024 * 1024))
    await talk.until_closed()


@pytest.mark.parametrize(
    ("script", "end"),
    [
        (no_word, End.AUTH_TIMEOUT),
        (no_word_after_auth, End.LISTEN_TIMEOUT),
        (refuses, End.CREDENTIALS_REFUSED),
        (grants_nothing, End.NOT_GRANTED),
        (errs, End.STREAM_ERROR),
        (hangs_up, End.DISCONNECTED),
        (cuts_the_wire, End.DISCONNECTED),
        (goes_dumb, End.SILENT),
        (sends_too_much, End.DISCONNECTED),
    ],
)
def test_every_fault_ends_the_connection_in_time(script: Script, end: End) -> None:
    async def scenario() -> None:
        begun = time.monotonic()
        ended, heard = await run(script)
        assert ended.end is end
        assert "SECRET" not in ended.detail
        assert time.monotonic() - begun < 20  # each limit is below a second; the rest is room for a busy machine
        assert (Listening() in heard.steps) == (end in (End.STREAM_ERROR, End.DISCONNECTED, End.SILENT))

    asyncio.run(scenario())


def test_all_frames_come_through_verbatim_and_in_order() -> None:
    odd: list[str | bytes] = [
        b"\x01",
        "<html>502</html>",
        b"\xff\xfe",
        "",
        '{"stream":"trade_updates","data":null}',
        "é",
    ]

    async def script(talk: Talk) -> None:
        await talk.listen()
        for frame in odd:
            await talk.send(frame)
        for number in range(2_000):
            await talk.send(update(number))
        await talk.send(b"x" * (7 * 1024 * 1024))
        await talk.socket.close()

    async def scenario() -> None:
        ended, heard = await run(script)
        assert ended.end is End.DISCONNECTED
        assert heard.steps == [Authorized(), Listening()]
        assert [len(heard.frames), len(heard.frames[-1])] == [2 + len(odd) + 2_000 + 1, 7 * 1024 * 1024]
        assert heard.frames[2 : 2 + len(odd)] == [raw.encode() if isinstance(raw, str) else raw for raw in odd]
        assert [b'"order-%d"' % number in heard.frames[8 + number] for number in range(2_000)] == [True] * 2_000

    asyncio.run(scenario())


def test_not_even_at_debug_does_the_secret_get_into_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    ended, heard = asyncio.run(run(hangs_up))
    assert (ended.end, len(heard.frames)) == (End.DISCONNECTED, 2)
    ours = [record.getMessage() for record in caplog.records if record.name != "websockets.server"]  # the stub's own
    assert len(ours) < len(caplog.records)
    assert not [line for line in ours if "SECRET" in line or "authenticate" in line]


def test_a_quiet_but_living_broker_is_kept() -> None:
    async def scenario() -> None:
        heard = Heard()
        async with StubBroker(listens_quietly) as broker:
            stream = open_socket(broker.stream_url, heard)
            running = asyncio.create_task(stream.run())
            await wait_until_async(lambda: Listening() in heard.steps, what="the subscription")
            done, _ = await asyncio.wait(
                {running}, timeout=4 * WAITS.session.ping_every_s + WAITS.session.pong_within_s
            )
            assert not done
            stream.end(End.RECYCLED)
            stream.end(End.STOPPED)
            assert (await asyncio.wait_for(running, 5)).end is End.RECYCLED

    asyncio.run(scenario())


async def listens_quietly(talk: Talk) -> None:
    await talk.listen()
    await talk.until_closed()


def test_frames_that_nobody_reads_end_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that died without an exception: pongs still come, so only the watch notices."""

    async def dead(self: StreamSocket, connection: object) -> None:
        await asyncio.sleep(3600)

    async def script(talk: Talk) -> None:
        await talk.receive()
        await talk.send(update(1))
        await talk.until_closed()

    async def scenario() -> None:
        monkeypatch.setattr(StreamSocket, "_read_all", dead)
        waits = Waits(Timing(auth_s=30), close_s=0.3, reader_stuck_s=0.4)
        ended, heard = await run(script, waits=waits)
        assert ended.end is End.READER_STUCK
        assert heard.frames == []

    asyncio.run(scenario())


def test_a_fault_of_our_own_is_not_taken_for_the_brokers() -> None:
    async def scenario() -> None:
        heard = Heard()

        def broken(raw: bytes, peek: Peek, received_at_ns: int) -> None:
            raise KeyError("ours")

        async with StubBroker(listens_quietly) as broker:
            stream = StreamSocket(StreamTarget(broker.stream_url, "K", "S"), broken, heard.step, waits=WAITS)
            with pytest.raises(KeyError):
                await asyncio.wait_for(stream.run(), 5)

    asyncio.run(scenario())


def test_http_429_at_the_handshake() -> None:
    async def scenario() -> None:
        async with StubBroker(listens_quietly) as broker:
            broker.busy = True
            ended = await open_socket(broker.stream_url, Heard()).run()
        assert ended == Ended(End.RATE_LIMITED, "HTTP 429 at the handshake")

    asyncio.run(scenario())


def test_nobody_there() -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as unused:
            port = unused.getsockname()[1]
        ended = await open_socket(f"ws://127.0.0.1:{port}/stream", Heard()).run()
        assert ended.end is End.UNREACHABLE

    asyncio.run(scenario())


def test_a_server_that_never_answers_the_handshake() -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as mute:
            stream = open_socket(f"ws://127.0.0.1:{mute.getsockname()[1]}/stream", Heard())
            assert (await asyncio.wait_for(stream.run(), 5)).end is End.OPEN_TIMEOUT
            again = open_socket(f"ws://127.0.0.1:{mute.getsockname()[1]}/stream", Heard())
            running = asyncio.create_task(again.run())
            again.end(End.STOPPED)
            assert (await asyncio.wait_for(running, 0.4)).end is End.STOPPED

    asyncio.run(scenario())


def test_a_close_in_the_same_breath_as_the_handshake() -> None:
    """So some brokers and proxies say that there is one connection too many: before we have said a word."""

    async def accepts_and_closes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        (key,) = [line.split(": ", 1)[1] for line in lines if line.lower().startswith("sec-websocket-key:")]
        upgrade = f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept_key(key)}\r\n\r\n"
        writer.write(f"HTTP/1.1 101 Switching Protocols\r\n{upgrade}".encode() + CLOSED_1013)
        await reader.read(1)
        writer.close()

    async def scenario() -> None:
        async with await asyncio.start_server(accepts_and_closes, "127.0.0.1", 0) as server:
            url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/stream"
            ended = await asyncio.wait_for(open_socket(url, Heard()).run(), 10)
        assert ended.end is End.DISCONNECTED

    asyncio.run(scenario())


def test_a_redirect_is_not_followed() -> None:
    async def scenario() -> None:
        reached: list[bytes] = []

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            reached.append(await reader.readline())
            writer.write(b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            writer.close()
            await writer.wait_closed()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        async with server:
            url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/stream"
            ended = await asyncio.wait_for(open_socket(url, Heard()).run(), 5)
        assert ended == Ended(End.HANDSHAKE_REFUSED, "HTTP 302 at the handshake")
        assert reached == [b"GET /stream HTTP/1.1\r\n"]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "url", ["ws://paper-api.alpaca.markets/stream", "http://127.0.0.1/stream", "wss:///stream", "x"]
)
def test_addresses_that_would_give_the_secret_away_or_are_none(url: str) -> None:
    with pytest.raises(ConfigError) as refused:
        StreamTarget(url, "KEY", "SECRET")
    assert "SECRET" not in str(refused.value)


def test_addresses_that_will_do() -> None:
    for url in (
        "wss://paper-api.alpaca.markets/stream",
        "ws://localhost:1/stream",
        "ws://[::1]:1/s",
        "ws://127.1.2.3/s",
    ):
        assert "SECRET" not in repr(StreamTarget(url, "KEY", "SECRET"))
    StreamTarget("ws://proxy.internal/stream", "KEY", "SECRET", allow_plain=True)


def test_a_certificate_that_is_not_trusted() -> None:
    async def scenario() -> None:
        heard = Heard()
        async with StubBroker(listens_quietly) as broker:
            url = broker.stream_url.replace("ws:", "wss:")
            target = StreamTarget(url, "K", "S", tls=ssl.create_default_context())
            ended = await StreamSocket(target, heard.frame, heard.step, waits=WAITS).run()
        assert ended.end is End.UNREACHABLE

    asyncio.run(scenario())
