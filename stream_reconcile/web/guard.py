"""Around every answer: who may ask from where, what a browser may do with it, and how long a reader may take.

On loopback reads need no token, so a web page of somebody else must not be able to read here: neither by a name of its
own that it points at this machine (the Host header tells), nor from a frame or script of its own (Sec-Fetch-Site and
Origin tell).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stream_reconcile.web.auth import API
from stream_reconcile.web.patience import ABORT, READS_WITHIN_S
from stream_reconcile.web.problems import problem

log = structlog.get_logger()

MOST_BODY: Final = 64 * 1024
_MOST_URL: Final = 8 * 1024
_MOST_HEADERS: Final = 16 * 1024

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
# Asked for by machines that name this one as they please, and nothing of an account in them.
_ANY_HOST: Final = frozenset({"/livez", "/readyz", "/metrics"})

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


class Guard:
    """Middleware. `host`: the address that is listened on, which a caller may name besides those of loopback;
    `on_cut_off` is told of each reader that is cut off."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        on_cut_off: Callable[[], None],
        is_loopback: bool,
        host: str = "",
        reads_within_s: float = READS_WITHIN_S,
    ) -> None:
        self._app, self._on_cut_off = app, on_cut_off
        self._is_loopback = is_loopback
        self._hosts = _LOOPBACK | ({host.lower(), f"[{host.lower()}]"} if host else set())
        self._reads_within_s = reads_within_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            try:
                async with asyncio.timeout(self._reads_within_s):
                    await send(message)
            except TimeoutError:
                self._on_cut_off()
                log.info("slow_reader_cut_off", path=scope["path"])
                await _cut_off(scope, receive)
                raise _CutOff from None

        refusal = self._refusal(scope)
        try:
            await (refusal or self._app)(scope, receive, guarded_send)
        except _CutOff:
            return

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        path = scope["path"]
        if sum(len(name) + len(value) for name, value in scope["headers"]) > _MOST_HEADERS:
            return _refused(path, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the headers are too long")
        if len(scope["raw_path"]) + len(scope["query_string"]) > _MOST_URL:
            return _refused(path, HTTPStatus.REQUEST_URI_TOO_LONG, "the address is too long")
        if self._is_loopback and path not in _ANY_HOST and _name(headers.get("host", "")) not in self._hosts:
            return _refused(
                path,
                HTTPStatus.MISDIRECTED_REQUEST,
                "this address answers to localhost only; a proxy in front of it has to send that as Host",
            )
        if _is_foreign(scope["method"], headers):
            return _refused(path, HTTPStatus.FORBIDDEN, "another site may not ask here")
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > MOST_BODY:
            return _refused(path, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a request has {MOST_BODY} bytes at most")
        return None


class _CutOff(Exception):
    """The reader is gone; there is nobody to tell."""


async def _cut_off(scope: Scope, receive: Receive) -> None:
    state: dict[str, Any] = scope.get("state", {})
    if (abort := state.get(ABORT)) is not None:
        abort()
        async with asyncio.timeout(5):
            while (await receive())["type"] != "http.disconnect":
                pass


def _is_foreign(method: str, headers: Headers) -> bool:
    """Whether a browser says that a page of another site asks. Following a link here from there is fine."""
    origin, host = headers.get("origin"), headers.get("host", "")
    if origin is not None and origin.partition("://")[2] != host:
        return True
    fetched = headers.get("sec-fetch-site", "none")
    is_visit = method in ("GET", "HEAD") and headers.get("sec-fetch-mode") == "navigate"
    framed = headers.get("sec-fetch-dest", "document") not in ("document", "empty")
    return fetched not in ("none", "same-origin") and (not is_visit or framed)


def _name(host: str) -> str:
    """`localhost:8080` → `localhost`, `[::1]:80` → `[::1]`."""
    name, bracket, _ = host.lower().partition("]")
    return f"{name}]" if bracket else name.partition(":")[0]


def _refused(path: str, status: HTTPStatus, words: str) -> Response:
    if path.startswith(API):
        return problem(status, words)
    return PlainTextResponse(f"{words}\n", status_code=status, headers={"Cache-Control": "no-store"})
