"""uvicorn's connection classes, opened so far that a connection can misbehave on purpose.

The application finds its connection in `scope["state"]["connection"]`. Both classes only add to uvicorn's own; what
they lean on (`connection_made`, `data_received`, `app_state`, `stop_keepalive`, `writable`) is covered by the fault
tests, which fail when a new uvicorn changes it.
"""

from __future__ import annotations

import logging
import socket
import struct
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame, Opcode

# Answers that break off and sockets that are cut are errors to uvicorn, and meant here. A logger of our own keeps its
# complaints apart, without touching the levels of a uvicorn that serves something else in this process.
_QUIET = logging.getLogger("stream_reconcile.simulator.connections")
_QUIET.setLevel(logging.CRITICAL)


class HttpConnection(H11Protocol):
    """HTTP/1.1 whose answers can break off."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = _QUIET

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.app_state = {**self.app_state, "connection": self}

    def break_off(self) -> None:
        """Send what has been written so far, then close."""
        self.transport.close()

    def reset(self) -> None:
        """Drop the TCP connection with a reset, without an answer."""
        line = self.transport.get_extra_info("socket")
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


class SocketConnection(WebSocketsSansIOProtocol):
    """A websocket that can freeze or be cut, and takes ready-made frames by the thousand."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = _QUIET
        self.frozen = False

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.app_state = {**self.app_state, "connection": self}

    def data_received(self, data: bytes) -> None:
        if not self.frozen:
            super().data_received(data)

    def freeze(self) -> None:
        """Neither read nor answer nor ping any more; the TCP connection stays."""
        self.frozen = True
        self.stop_keepalive()

    def cut(self) -> None:
        """Drop the TCP connection without a close frame."""
        self.transport.abort()

    @property
    def unsent(self) -> int:
        """Bytes that the other side has not taken yet."""
        return self.transport.get_write_buffer_size() if not self.transport.is_closing() else 0

    def write_message(self, payload: bytes, *, text: bool) -> None:
        """Send one whole message past the ASGI interface, which costs several times as much."""
        if not self.frozen and not self.transport.is_closing():
            self.transport.write(encode_message(payload, text=text))

    def write_encoded(self, messages: bytes) -> None:
        """Send messages that `encode_message` has made."""
        if not self.frozen and not self.transport.is_closing():
            self.transport.write(messages)

    async def taken(self) -> None:
        """Wait until the other side has taken what was written, or is gone."""
        await self.writable.wait()


def encode_message(payload: bytes, *, text: bool) -> bytes:
    """A websocket message in one unmasked frame, as servers send it (RFC 6455)."""
    return Frame(Opcode.TEXT if text else Opcode.BINARY, payload).serialize(mask=False)
