"""`GET /api/v1/events`: changes as server-sent events (WHATWG HTML, "Server-sent events"), for a bounded number.

A listener that does not read falls behind by `QUEUED` messages at most, then it is cut off and may come back with
Last-Event-ID, where it gets what it missed, or an event `reset` if that is no longer kept.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from stream_reconcile.core.errors import ConfigError
from stream_reconcile.web.api.endpoint import Backend, guarded
from stream_reconcile.web.api.params import read_all
from stream_reconcile.web.live import END, Live, Message
from stream_reconcile.web.problems import problem

log = structlog.get_logger()

PATH: Final = "/api/v1/events"
EVENTS: Final = ("status", "discrepancies", "sweeps", "executions", "reset")
MOST_LISTENERS: Final = 100
QUEUED: Final = 64
STILL_HERE_S: Final = 10.0
_RETRY: Final = b"retry: 2000\n\n"
_RESET: Final = b"event: reset\ndata: {}\n\n"


def events_route(
    live: Live, backend: Backend, on_cut_off: Callable[[], None], most_listeners: int = MOST_LISTENERS
) -> Route:
    """The route; `most_listeners` at once, others get 503. `on_cut_off` is told of each that falls behind."""
    listening: set[EventStream] = set()

    async def answer(request: Request) -> Response:
        read_all((), request.query_params)
        _ = backend.reads  # 503 while the program starts
        after = _number(request.headers.get("last-event-id"))
        if len(listening) >= most_listeners:
            words = f"{most_listeners} listen already: close one, or ask /api/v1/status again and again"
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, words, {"Retry-After": "30"})
        if request.method == "HEAD":
            return Response(headers=_HEADERS, media_type="text/event-stream")
        return EventStream(live, after, listening, on_cut_off)

    return Route(PATH, guarded(answer), methods=["GET"])


_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class EventStream(Response):
    """One listener."""

    def __init__(
        self, live: Live, after: int | None, listening: set[EventStream], on_cut_off: Callable[[], None]
    ) -> None:
        super().__init__(headers=_HEADERS, media_type="text/event-stream")
        del self.headers["content-length"]
        self._live, self._after, self._listening, self._on_cut_off = live, after, listening, on_cut_off
        self._queue: deque[Message] = deque()
        self._ready = asyncio.Event()
        self._behind = False
        # From now on, or many could come in before the first has begun to listen.
        listening.add(self)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        loop = asyncio.get_running_loop()

        def told(message: Message) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._take, message)

        gone = asyncio.ensure_future(_gone(receive))
        try:
            missed, is_all = self._live.listen(told, self._after)
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            first = [_RETRY, b"" if is_all else _RESET, *map(_text, missed)]
            await send({"type": "http.response.body", "body": b"".join(first), "more_body": True})
            await self._pass_on(send, gone, missed[-1].number if missed else 0)
        finally:
            self._live.leave(told)
            self._listening.discard(self)
            gone.cancel()

    async def _pass_on(self, send: Send, gone: asyncio.Future[None], last: int) -> None:
        while not gone.done():
            waiting = asyncio.ensure_future(self._ready.wait())
            either: set[asyncio.Future[Any]] = {waiting, gone}
            await asyncio.wait(either, timeout=STILL_HERE_S, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            if gone.done():
                return
            self._ready.clear()
            fresh = [one for one in self._queue if one.number > last]
            self._queue.clear()
            if fresh and fresh[-1].kind == END:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                return
            last = fresh[-1].number if fresh else last
            body = b"".join(map(_text, fresh)) or b": still here\n\n"
            is_over, self._behind = self._behind, False
            if is_over:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                self._on_cut_off()
                log.info("slow_listener_cut_off")
                return
            await send({"type": "http.response.body", "body": body, "more_body": True})

    def _take(self, message: Message) -> None:
        if len(self._queue) >= QUEUED:
            self._behind = True
        else:
            self._queue.append(message)
        self._ready.set()


@lru_cache(maxsize=QUEUED)
def _text(message: Message) -> bytes:
    """Made once, for all who listen."""
    # JSON has no line breaks of its own.
    return f"id: {message.number}\nevent: {message.kind}\ndata: {message.data}\n\n".encode()


async def _gone(receive: Receive) -> None:
    message: dict[str, Any] = {}
    while message.get("type") != "http.disconnect":
        message = dict(await receive())


def _number(text: str | None) -> int | None:
    if text is None or text == "":
        return None
    if not text.isdecimal() or len(text) > 18:
        raise ConfigError("Last-Event-ID: it is none of these events")
    return int(text)
