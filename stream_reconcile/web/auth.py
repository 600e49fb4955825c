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

import structlog
from starlette.datastructures import Headers
from starlette.requests import Request, cookie_parser
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from stream_reconcile.web.attempts import Attempts
from stream_reconcile.web.patience import TooLate, TooLong, body_of
from stream_reconcile.web.problems import problem

log = structlog.get_logger()

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
_TOO_MANY: Final = "Too many wrong tokens came from this address: try again later.\n"
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
    """Middleware: 401 for a missing or wrong token, 429 after many wrong ones, 403 for everybody where none is set."""

    def __init__(
        self, app: ASGIApp, *, token: str | None, is_open: Callable[[Scope], bool], attempts: Attempts
    ) -> None:
        self._app = app
        self._token = None if token is None else token.encode()
        self._is_open = is_open
        self._attempts = attempts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._is_open(scope):
            await self._app(scope, receive, send)
        elif self._token is not None and _bearer(scope) is not None and (wait_s := self._attempts.wait_s(scope)):
            await _too_many(scope, wait_s)(scope, receive, send)
        elif self._allowed(scope):
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
        given = _bearer(scope)
        if given is not None:
            right = is_the_token(given, self._token)
            if not right:
                _note_failure(scope, self._attempts)
            return right
        cookie = cookie_parser(Headers(scope=scope).get("cookie", "")).get(COOKIE, "")
        return not changes_something(scope) and _is_of(cookie, self._token, time.time())


async def begin_session(request: Request, token: str | None, attempts: Attempts) -> Response:
    """`POST /session` with the form field `token`: the cookie, and on to the page."""
    if wait_s := attempts.wait_s(request.scope):
        return _too_many(request.scope, wait_s)
    try:
        body = await body_of(request, _MOST_FORM)
    except (TooLong, TooLate) as error:
        return PlainTextResponse(f"{error}\n", status_code=413 if isinstance(error, TooLong) else 408)
    given = parse_qs(body.decode("utf-8", "replace")).get("token", [""])[0].strip()
    if token is None or not is_the_token(given, token.encode()):
        _note_failure(request.scope, attempts)
        return HTMLResponse(_SIGN_IN, status_code=401, headers={"Cache-Control": "no-store"})
    answer = RedirectResponse("/", status_code=303, headers={"Cache-Control": "no-store"})
    until = int(time.time()) + SESSION_S
    value = f"{until}.{_proof(until, token.encode())}"
    secure = request.url.scheme == "https"
    answer.set_cookie(COOKIE, value, max_age=SESSION_S, httponly=True, samesite="strict", secure=secure)
    return answer


def is_the_token(given: str, token: bytes) -> bool:
    """Whether it is; the time that the comparison takes tells nothing of where they differ."""
    return secrets.compare_digest(given.encode("utf-8", "replace"), token)


def _bearer(scope: Scope) -> str | None:
    """The token that a request brings in its header; None if it brings none."""
    scheme, _, given = Headers(scope=scope).get("authorization", "").partition(" ")
    return given.strip() if scheme.lower() == "bearer" else None


def _note_failure(scope: Scope, attempts: Attempts) -> None:
    attempts.failed(scope)
    client = scope.get("client")
    log.warning("http_token_refused", path=scope["path"], address=client[0] if client else None)


def _too_many(scope: Scope, wait_s: int) -> Response:
    headers = {"Retry-After": str(wait_s), "Cache-Control": "no-store"}
    if scope["path"].startswith(API):
        return problem(HTTPStatus.TOO_MANY_REQUESTS, _TOO_MANY.strip(), headers)
    return PlainTextResponse(_TOO_MANY, status_code=429, headers=headers)


def _is_of(cookie: str, token: bytes, now: float) -> bool:
    until, _, proof = cookie.partition(".")
    if not until.isascii() or not until.isdecimal() or len(until) > 12 or int(until) < now:
        return False
    return secrets.compare_digest(proof.encode("utf-8", "replace"), _proof(int(until), token).encode())


def _proof(until: int, token: bytes) -> str:
    return hmac.new(token, b"stream-reconcile reads until %d" % until, hashlib.sha256).hexdigest()
