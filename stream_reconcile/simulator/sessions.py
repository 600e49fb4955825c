"""The websocket `/stream`: who may connect, what is answered, and what each connection gets to hear."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec
import structlog
from starlette.responses import JSONResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from stream_reconcile.simulator.fault_catalogue import Place
from stream_reconcile.simulator.faults import ArmedFault, Faults
from stream_reconcile.simulator.protocols import SocketConnection
from stream_reconcile.simulator.settings import SimulatorSettings

log = structlog.get_logger()

STREAMS = ("trade_updates",)
LEGACY_NOTICE = (
    "this authentication format is being deprecated. Please use the format: "
    '{"action": "auth", "key": "x", "secret": "x"}'
)
HTML = b"<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>"

# A reader that is this far behind is dropped: the simulator's memory is not the place for its backlog.
_MAX_UNSENT = 64 << 20
_CLOSE_SECONDS = 2.0
_UNAUTHORIZED: dict[str, dict[str, str]] = {
    "401": {"message": "code=401, message=Unauthorized", "status": "unauthorized"},
    "key": {"action": "authenticate", "message": "access key verification failed", "status": "unauthorized"},
    "plain": {"action": "authenticate", "status": "unauthorized"},
}
_encode = msgspec.json.Encoder().encode


class StreamSession:
    """One open websocket."""

    def __init__(self, websocket: WebSocket, connection: SocketConnection, *, text: bool) -> None:
        self._websocket = websocket
        self._connection = connection
        self._text = text
        self.authorized = False
        self.streams: list[str] = []
        self.silent = False
        self.sent = 0
        self.most_unsent = 0
        self.closing = False

    @property
    def listening(self) -> bool:
        return bool(self.streams) and not self.closing

    @property
    def connection(self) -> SocketConnection:
        return self._connection

    def send(self, raw: bytes, *, text: bool | None = None) -> None:
        """Send a message, unless the session has gone silent."""
        if self.silent:
            return
        unsent = self._connection.unsent
        self.most_unsent = max(self.most_unsent, unsent)
        if unsent > _MAX_UNSENT:
            log.warning("simulator_dropped_slow_reader", unsent_bytes=unsent)
            self._connection.cut()
            return
        self._connection.write_message(raw, text=self._text if text is None else text)
        self.sent += 1

    def reply(self, message: dict[str, Any]) -> None:
        """Answer a client's message."""
        self.send(_encode(message))

    async def close(self, code: int) -> None:
        """Close with a close frame; a reader that has stopped reading is cut off instead."""
        if self.closing or self._connection.transport.is_closing():
            return
        self.closing = True
        try:
            await asyncio.wait_for(self._websocket.close(code), _CLOSE_SECONDS)
        except (TimeoutError, WebSocketDisconnect):
            self._connection.cut()

    def view(self) -> dict[str, Any]:
        return {
            "authorized": self.authorized,
            "streams": self.streams,
            "silent": self.silent,
            "frozen": self._connection.frozen,
            "sent": self.sent,
            "unsent_bytes": self._connection.unsent,
        }


class Sessions:
    """All open websockets of the account, and the door."""

    def __init__(self, settings: SimulatorSettings, faults: Faults, later: Callable[[Any], None]) -> None:
        """`later` runs a coroutine on the server's loop."""
        self._settings = settings
        self._faults = faults
        self._later = later
        self._handshakes: deque[float] = deque()
        self._slot_free_at = 0.0
        self.open: list[StreamSession] = []
        self.accepted = 0
        self.refused = 0
        self.unheard = 0
        self.most_at_once = 0
        self._sent_before = 0
        self._most_unsent_before = 0

    @property
    def sent(self) -> int:
        """Messages sent so far over all connections, answers too; those of `play` are not counted."""
        return self._sent_before + sum(session.sent for session in self.open)

    @property
    def most_unsent(self) -> int:
        """Most bytes that a reader had not taken yet when one more message was due to it, over all connections."""
        return max([self._most_unsent_before, *(session.most_unsent for session in self.open)])

    def broadcast(self, raw: bytes, *, text: bool | None = None) -> None:
        """Send a trade update to whoever listens; nobody does: it is gone, as with the real one."""
        heard = False
        for session in self.open:
            if session.listening:
                session.send(raw, text=text)
                heard = True
        self.unheard += not heard

    def strike(self, fault: ArmedFault) -> None:
        """Let a fault of the socket strike every open one."""
        self._later(self._strike(fault))

    async def serve(self, websocket: WebSocket) -> None:
        """The life of one connection, from handshake to end."""
        status = self._refusal()
        if status is not None:
            self.refused += 1
            await websocket.send_denial_response(JSONResponse({"message": "too many requests"}, status))
            return
        connection: SocketConnection = websocket.scope["state"]["connection"]
        await websocket.accept()
        session = StreamSession(websocket, connection, text=self._settings.text_frames)
        if self._settings.second_connection == "kick":
            for other in list(self.open):
                await other.close(1008)
        self.open.append(session)
        self.accepted += 1
        clean = False
        try:
            clean = await self._converse(session, websocket)
        finally:
            self.open.remove(session)
            self._sent_before += session.sent
            self._most_unsent_before = max(self._most_unsent_before, session.most_unsent)
            if not clean:
                self._slot_free_at = time.monotonic() + self._settings.slot_hold_seconds

    def cut_all(self) -> None:
        """End every connection at once, at the server's end."""
        for session in list(self.open):
            session.connection.cut()

    def _refusal(self) -> int | None:
        """The HTTP status with which a handshake is refused; None: welcome."""
        now = time.monotonic()
        window = self._settings.connect_window_seconds
        while self._handshakes and self._handshakes[0] <= now - window:
            self._handshakes.popleft()
        self._handshakes.append(now)
        for fault in self._faults.strikes(Place.HANDSHAKE):
            return int(fault.parameters["status"])
        if self._settings.connect_limit and len(self._handshakes) > self._settings.connect_limit:
            return 429
        if self._settings.second_connection == "reject" and (self.open or now < self._slot_free_at):
            return 429
        return None

    async def _converse(self, session: StreamSession, websocket: WebSocket) -> bool:
        """Answer messages until the connection ends; True if it ended with a close frame."""
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                # uvicorn says 1005 or 1006 where no close frame came.
                return message.get("code") not in {None, 1005, 1006}
            raw = message.get("bytes") or (message.get("text") or "").encode()
            if not await self._answer(session, raw):
                return True

    async def _answer(self, session: StreamSession, raw: bytes) -> bool:
        """Answer one message; False if that ended the session."""
        try:
            message = msgspec.json.decode(raw)
            action = message["action"]
            data = message.get("data") or {}
        except (msgspec.DecodeError, KeyError, TypeError, AttributeError):
            session.reply({"action": "error", "data": {"error_message": "invalid message"}})
            await session.close(1008)
            return False
        if action == "auth":
            self._authenticate(session, message.get("key"), message.get("secret"), legacy=False)
        elif action == "authenticate":
            self._authenticate(session, data.get("key_id"), data.get("secret_key"), legacy=True)
        elif action == "listen":
            self._listen(session, data.get("streams"))
        else:
            session.reply({"action": "error", "data": {"error_message": "unknown action"}})
        return True

    def _authenticate(self, session: StreamSession, key: object, secret: object, *, legacy: bool) -> None:
        shape = ""
        for fault in self._faults.strikes(Place.AUTH):
            if fault.kind.name == "ignore_auth":
                return
            shape = str(fault.parameters["shape"])
        if not shape and (key, secret) != (self._settings.key, self._settings.secret):
            shape = "401"
        if shape:
            session.authorized = False
            session.reply({"stream": "authorization", "data": _UNAUTHORIZED.get(shape, _UNAUTHORIZED["plain"])})
            return
        session.authorized = True
        self.most_at_once = max(self.most_at_once, sum(each.authorized and not each.closing for each in self.open))
        data = {"action": "authenticate", "status": "authorized"}
        if legacy:
            data["message"] = LEGACY_NOTICE
        session.reply({"stream": "authorization", "data": data})

    def _listen(self, session: StreamSession, wanted: object) -> None:
        if not session.authorized:
            session.reply({"stream": "authorization", "data": {"status": "unauthorized", "action": "listen"}})
            return
        granted = [stream for stream in STREAMS if isinstance(wanted, list) and stream in wanted]
        for fault in self._faults.strikes(Place.LISTEN):
            if fault.kind.name == "ignore_listen":
                return
            granted = []
        session.streams = granted
        session.reply({"stream": "listening", "data": {"streams": granted}})

    async def _strike(self, fault: ArmedFault) -> None:
        name, parameters = fault.kind.name, fault.parameters
        for session in list(self.open):
            match name:
                case "disconnect":
                    await session.close(int(parameters["code"]))
                case "disconnect_abrupt":
                    session.connection.cut()
                case "silent":
                    session.silent = True
                case "frozen":
                    session.silent = True
                    session.connection.freeze()
                case "error_frame":
                    session.reply({"action": "error", "data": {"error_message": parameters["message"]}})
                    await session.close(int(parameters["code"]))
                case "null_data":
                    session.send(b'{"stream":"trade_updates","data":null}')
                case "heartbeat":
                    session.send(b"\x01", text=False)
                case "html_frame":
                    session.send(HTML, text=True)
