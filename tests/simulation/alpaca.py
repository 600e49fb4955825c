"""Alpaca's two doors as models: the websocket, with what it loses, and REST, with what it is late with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar
from urllib.parse import unquote

from stream_reconcile.broker.http import Answer
from stream_reconcile.broker.rest import RestClient
from stream_reconcile.broker.stream import Ended, FrameHandler, StepHandler
from stream_reconcile.core.errors import BrokerUnreachable
from stream_reconcile.core.lifecycle import is_terminal
from stream_reconcile.core.session import Authorized, Close, End, Listening, Output, Ping, Send, StreamSession
from stream_reconcile.core.timestamps import parse_ns

from .broker import Broker, Frame
from .world import SECOND, Process, Signal, World

T = TypeVar("T")
OnPage = Callable[[Process, str], None]
"""Told of each answer: who asked, and for what."""
PAGE: Final = 4
_NOT_FOUND: Final = b'{"code":40410000,"message":"order not found"}'
_NO_CURSOR: Final = b'{"code":42210000,"message":"no such order id"}'
_AUTHORIZED: Final = b'{"stream":"authorization","data":{"status":"authorized","action":"authenticate"}}'
_LISTENING: Final = b'{"stream":"listening","data":{"streams":["trade_updates"]}}'


class Weather:
    """How the broker behaves now: each until a time, nanoseconds; 0: not at all."""

    def __init__(self) -> None:
        self.refuses_ns = self.loses_ns = self.twice_ns = self.late_ns = self.mute_ns = 0
        self.rest_down_ns = self.rest_cut_ns = self.rest_stale_ns = 0
        self.stale_s = 0.0
        self.lagged_ns = 0
        """When REST last gave something that was out of date."""


class Stream:
    """The side of the broker: one connection of an account at a time."""

    def __init__(self, world: World, broker: Broker, weather: Weather) -> None:
        self.world, self.broker, self.weather = world, broker, weather
        self.held_by: Socket | None = None
        broker.listeners = self._tell

    def close(self) -> None:
        """The broker ends the connection."""
        if self.held_by is not None:
            self.held_by.close()

    def take(self, socket: Socket) -> End | None:
        """A handshake; why it fails, or None."""
        held, now = self.held_by, self.world.now_ns
        if now < self.weather.refuses_ns:
            return End.UNREACHABLE
        if held is not None and not held.closed:
            if held.process.alive or now - held.process.died_ns < 3 * SECOND:
                return End.RATE_LIMITED
            held.close()
        self.held_by = socket
        return None

    def _tell(self, frame: Frame) -> bool:
        """To the socket that listens, if one does; whether it is lost on the way there."""
        socket, now, rng, weather = self.held_by, self.world.now_ns, self.world.rng, self.weather
        if socket is None or socket.closed or not socket.granted or not socket.process.alive:
            return False
        if now < weather.mute_ns or (now < weather.loses_ns and rng.random() < 0.4):
            return True
        for _ in range(2 if now < weather.twice_ns and rng.random() < 0.5 else 1):
            late = now < weather.late_ns and rng.random() < 0.5
            socket.send(frame.raw, rng.random() * (5.0 if late else 0.02), in_order=not late)
        return False


class Socket:
    """In place of `broker.stream.StreamSocket`; the session within is the program's own."""

    def __init__(self, stream: Stream, on_frame: FrameHandler, on_step: StepHandler) -> None:
        self._stream, self._on_frame, self._on_step = stream, on_frame, on_step
        self._world = stream.world
        self.process: Process = self._world.process
        self._signal = Signal(self._world)
        self._inbox: list[bytes] = []
        self._newest_ns = 0
        self._asked: End | None = None
        self._ended: Ended | None = None
        self.granted = self.closed = False

    def send(self, raw: bytes, delay_s: float, *, in_order: bool = True) -> None:
        """From the broker's side."""
        at_ns = self._world.now_ns + int(delay_s * SECOND)
        if in_order:
            at_ns = self._newest_ns = max(at_ns, self._newest_ns)

        def arrive() -> None:
            if not self.closed:
                self._inbox.append(raw)
                self._signal.tell()

        self._world.after((at_ns - self._world.now_ns) / SECOND, arrive)

    def close(self) -> None:
        """From either side. What was sent and not read is lost."""
        self.closed = True
        self._signal.tell()

    def end(self, end: End) -> None:
        self._asked = self._asked or end
        self._signal.tell()

    async def run(self) -> Ended:
        world = self._world
        self._session = StreamSession("key", "secret", now_ns=world.now_ns)
        world.io("connect")
        refused = self._stream.take(self)
        if refused is not None:
            return Ended(refused)
        try:
            self._do(self._session.opened(world.now_ns))
            while self._ended is None:
                self._turn()
        finally:
            self.closed = True
        return self._ended

    def _turn(self) -> None:
        world, session = self._world, self._session
        if self._asked is not None:
            self._do(session.close(self._asked))
        elif self._inbox:
            world.pause(0.0, "frame")
            raw = self._inbox.pop(0)
            peek, outputs = session.received(raw, world.now_ns)
            self._on_frame(raw, peek, world.now_ns)
            self._do(outputs)
        elif self.closed:
            self._ended = Ended(End.DISCONNECTED, "the broker closed")
        else:
            self._do(session.tick(world.now_ns))
            deadline = session.deadline_ns
            if deadline is not None and self._ended is None:
                self._signal.wait(max(0.0, min((deadline - world.now_ns) / SECOND, 5.0)))

    def _do(self, outputs: tuple[Output, ...]) -> None:
        for output in outputs:
            match output:
                case Send(data):
                    self.send(_AUTHORIZED if b"auth" in data else _LISTENING, 0.01)
                    self.granted = self.granted or b"listen" in data
                case Ping():
                    self._world.after(0.01, self._pong)
                case Close(end):
                    self._ended = self._ended or Ended(end)
                case Authorized() | Listening():
                    self._on_step(output)

    def _pong(self) -> None:
        if not self.closed:
            self._session.pong(self._world.now_ns)


class ModelRest(RestClient):
    """`broker.rest.RestClient`, its paging included; requests are answered from the books, a few orders a page."""

    def __init__(self, world: World, broker: Broker, weather: Weather, on_page: OnPage) -> None:
        self._calls = _Calls(world, broker, weather, on_page)  # type: ignore[assignment]
        self._takes_id_cursor = True

    def close(self) -> None:
        """Nothing is open."""

    def orders(self, *, limit: int = PAGE, **options: Any) -> Any:
        return super().orders(limit=limit, **options)


class _Calls:
    """In place of `broker.rest_calls.Calls`."""

    def __init__(self, world: World, broker: Broker, weather: Weather, on_page: OnPage) -> None:
        self._world, self._broker, self._weather, self._on_page = world, broker, weather, on_page
        self.requests = 0

    def ask(
        self,
        route: str,
        path: str,
        query: Mapping[str, str],
        read: Callable[[Answer], T],
        *,
        is_no: Callable[[Answer], bool] | None = None,
    ) -> T | None:
        world, weather = self._world, self._weather
        world.io("page")
        self.requests += 1
        now = world.now_ns
        if now < weather.rest_down_ns or (now < weather.rest_cut_ns and world.rng.random() < 0.3):
            world.pause(0.3)
            raise BrokerUnreachable(f"the model of the broker does not answer for {route}")
        at_ns = now
        self._on_page(world.process, route)
        if now < weather.rest_stale_ns:
            at_ns -= int(weather.stale_s * SECOND)
            weather.lagged_ns = now
        answer = self._answer(route, path, query, at_ns)
        if is_no is not None and is_no(answer):
            return None
        if answer.status != 200:
            raise BrokerUnreachable(f"the model of the broker answered {answer.status} for {route}")
        return read(answer)

    def _answer(self, route: str, path: str, query: Mapping[str, str], at_ns: int) -> Answer:
        now = self._world.now_ns
        if route == "orders":
            body = self._orders(query, at_ns)
            return Answer(422, {}, _NO_CURSOR, now) if body is None else Answer(200, {}, body, now)
        if route == "activities":
            return Answer(200, {}, self._activities(query, at_ns), now)
        for order, version in self._broker.listed(at_ns):
            wanted = query["client_order_id"] if route == "order_by_client_id" else unquote(path.rsplit("/", 1)[1])
            if wanted == (order.client_order_id if route == "order_by_client_id" else order.order_id):
                return Answer(200, {}, version.raw, now)
        return Answer(404, {}, _NOT_FOUND, now)

    def _orders(self, query: Mapping[str, str], at_ns: int) -> bytes | None:
        """The newest first, as the program asks for them; None for a cursor that it does not have."""
        after = parse_ns(query["after"]) if "after" in query else None
        until = parse_ns(query["until"]) if "until" in query else None
        found: list[bytes] = []
        skipping = query.get("before_order_id")
        for order, version in self._broker.listed(at_ns):
            if skipping is not None:
                skipping = None if order.order_id == skipping else skipping
                continue
            outside = (after is not None and order.created_ns <= after) or (
                until is not None and order.created_ns >= until
            )
            if outside or (query["status"] == "open" and is_terminal(version.status)):
                continue
            found.append(version.raw)
            if len(found) == int(query["limit"]):
                break
        return None if skipping is not None else b"[" + b",".join(found) + b"]"

    def _activities(self, query: Mapping[str, str], at_ns: int) -> bytes:
        after = parse_ns(query["after"]) if "after" in query else 0
        listed = [
            raw for since, order_id, trade, raw in self._broker.activities
            if since <= at_ns and trade.at_ns > after and not trade.gone
            and query.get("order_id", order_id) == order_id
        ]  # fmt: skip
        return b"[" + b",".join(listed[: int(query["page_size"])]) + b"]"
