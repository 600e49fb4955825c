"""Who may ask: `Authorization: Bearer TOKEN` for all that is not open to everybody.

A browser can't send that by itself when somebody types the address, so for reading there is a second way: whoever
gives the token to `POST /session` gets a cookie, which holds a time and a proof of the token and not the token.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.requests import Request, cookie_parser
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from stream_reconcile.web.problems import problem

API: Final = "/api/"
"""Below it refusals are problem+json."""

SESSION_PATH: Final = "/session"
COOKIE: Final = "stream_reconcile"
SESSION_S: Final = 12 * 3600
_MOST_FORM: Final = 4096

_CLOSED: Final = (
    "This address can be reached from other machines, and RECONCILE_HTTP_TOKEN is not set, so only /livez and /readyz "
    "answer. Set it, and send it as `Authorization: Bearer TOKEN`.\n"
)
_CHANGES_NOTHING: Final = (
    "What changes something needs a token, and RECONCILE_HTTP_TOKEN is not set. Set it, and send it as "
    "`Authorization: Bearer TOKEN`.\n"
)
_REFUSED: Final = "Send the token (RECONCILE_HTTP_TOKEN) as `Authorization: Bearer TOKEN`.\n"

_SIGN_IN: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>Sign in · stream-reconcile</title></head>
<body><main><h1>stream-reconcile</h1>
<form method="post" action="/session">
<p><label for="token">Token (RECONCILE_HTTP_TOKEN)</label></p>
<p><input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<button>Sign in</button></p></form>
<p>It lets this browser read for twelve hours. What changes something asks for the token again.</p></main></body></html>
"""


def changes_something(scope: Scope) -> bool:
    """Whether a request may change anything: then it needs the token wherever it comes from."""
    return scope["path"].startswith(API) and scope["method"] not in ("GET", "HEAD", "OPTIONS")


class TokenRequired:
    """Middleware: 401 for a missing or wrong token, 403 for everybody where no token is set."""

    def __init__(self, app: ASGIApp, *, token: str | None, is_open: Callable[[Scope], bool]) -> None:
        self._app = app
        self._token = None if token is None else token.encode()
        self._is_open = is_open

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._is_open(scope) or self._allowed(scope):
            await self._app(scope, receive, send)
        else:
            await self._refusal(scope)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response:
        is_api = scope["path"].startswith(API)
        if self._token is None:
            words = _CHANGES_NOTHING if changes_something(scope) else _CLOSED
            return problem(HTTPStatus.FORBIDDEN, words.strip()) if is_api else PlainTextResponse(words, status_code=403)
        headers = {"WWW-Authenticate": "Bearer", "Cache-Control": "no-store"}
        if is_api:
            return problem(HTTPStatus.UNAUTHORIZED, _REFUSED.strip(), headers)
        if scope["method"] == "GET" and "text/html" in Headers(scope=scope).get("accept", ""):
            return HTMLResponse(_SIGN_IN, status_code=401, headers=headers)
        return PlainTextResponse(_REFUSED, status_code=401, headers=headers)

    def _allowed(self, scope: Scope) -> bool:
        if self._token is None:
            return False
        headers = Headers(scope=scope)
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return secrets.compare_digest(given.strip().encode("utf-8", "replace"), self._token)
        cookie = cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
        return not changes_something(scope) and _is_of(cookie, self._token, time.time())


async def begin_session(request: Request, token: str | None) -> Response:
    """`POST /session` with the form field `token`: the cookie, and on to the page."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_FORM:
            return PlainTextResponse("too long\n", status_code=413)
    given = parse_qs(body.decode("utf-8", "replace")).get("token", [""])[0].strip()
    if token is None or not secrets.compare_digest(given.encode("utf-8", "replace"), token.encode()):
        return HTMLResponse(_SIGN_IN, status_code=401, headers={"Cache-Control": "no-store"})
    answer = RedirectResponse("/", status_code=303, headers={"Cache-Control": "no-store"})
    until = int(time.time()) + SESSION_S
    value = f"{until}.{_proof(until, token.encode())}"
    secure = request.url.scheme == "https"
    answer.set_cookie(COOKIE, value, max_age=SESSION_S, httponly=True, samesite="strict", secure=secure)
    return answer


def _is_of(cookie: str, token: bytes, now: float) -> bool:
    until, _, proof = cookie.partition(".")
    if not until.isascii() or not until.isdecimal() or len(until) > 12 or int(until) < now:
        return False
    return secrets.compare_digest(proof.encode("utf-8", "replace"), _proof(int(until), token).encode())


def _proof(until: int, token: bytes) -> str:
    return hmac.new(token, b"stream-reconcile reads until %d" % until, hashlib.sha256).hexdigest()
