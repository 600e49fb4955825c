"""How long HTTP waits for a client: one that does not say what it wants, or does not read, is cut off.

Between requests uvicorn's own limit holds (`timeout_keep_alive`); this is for a request that comes by drops.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from starlette.requests import ClientDisconnect, Request
from uvicorn.protocols.http.h11_impl import H11Protocol

from stream_reconcile.core.errors import ConfigError

REQUEST_WITHIN_S: Final = 10.0
BODY_WITHIN_S: Final = 10.0
READS_WITHIN_S: Final = 20.0

ABORT: Final = "abort"
"""Key of the scope's `state` under which the connection can be dropped at once, unread bytes and all."""


class TooLong(ConfigError):
    """A body of more bytes than it may have."""


class TooLate(ConfigError):
    """A body that did not come whole in time."""


async def body_of(request: Request, most: int) -> bytes:
    """The body of a request. Raises TooLong (more than `most` bytes) and TooLate (not whole in time)."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most:
                    raise TooLong(f"the request is longer than {most} bytes")
    except ClientDisconnect:
        raise TooLate("the client went away") from None
    except TimeoutError:
        raise TooLate(f"the request did not come whole within {BODY_WITHIN_S:.0f} s") from None
    return bytes(body)


class PatientProtocol(H11Protocol):
    """uvicorn's protocol, with a limit to the time in which the head of a request has to come.

    `on_timed_out` is told when the kernel gives a connection up whose peer took nothing for long (web.server): what is
    sent a little at a time fills no buffer before that.
    """

    def __init__(self, *arguments: Any, on_timed_out: Callable[[], None], **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._on_timed_out = on_timed_out

    def connection_lost(self, exc: Exception | None) -> None:
        """Count it, where that was why."""
        if isinstance(exc, TimeoutError):
            self._on_timed_out()
        super().connection_lost(exc)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self.app_state: dict[str, Any] = {**self.app_state, ABORT: transport.abort}
        self._expect_another_than(None)

    def on_response_complete(self) -> None:
        """Begin to wait for the next request; with none at all the connection ends sooner, by uvicorn's limit."""
        super().on_response_complete()
        if not self.transport.is_closing():
            self._expect_another_than(self.cycle)

    def _expect_another_than(self, last: object) -> None:
        def look() -> None:
            if self.cycle is last and not self.transport.is_closing():
                self.transport.abort()

        self.loop.call_later(REQUEST_WITHIN_S + (0 if last is None else self.timeout_keep_alive), look)
