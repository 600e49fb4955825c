"""Who may ask: `Authorization: Bearer TOKEN` for all that is not open to everybody."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from stream_reconcile.web.problems import problem

API: str = "/api/"
"""Below it refusals are problem+json."""

_CLOSED = (
    "This address can be reached from other machines, and RECONCILE_HTTP_TOKEN is not set, so only /livez and /readyz "
    "answer. Set it, and send it as `Authorization: Bearer TOKEN`.\n"
)
_CHANGES_NOTHING = (
    "What changes something needs a token, and RECONCILE_HTTP_TOKEN is not set. Set it, and send it as "
    "`Authorization: Bearer TOKEN`.\n"
)
_REFUSED = "Send the token (RECONCILE_HTTP_TOKEN) as `Authorization: Bearer TOKEN`.\n"


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
        if scope["type"] != "http" or self._is_open(scope) or self._allowed(Headers(scope=scope)):
            await self._app(scope, receive, send)
        else:
            await self._refusal(scope)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response:
        is_api = scope["path"].startswith(API)
        if self._token is None:
            words = _CHANGES_NOTHING if changes_something(scope) else _CLOSED
            return problem(HTTPStatus.FORBIDDEN, words.strip()) if is_api else PlainTextResponse(words, status_code=403)
        headers = {"WWW-Authenticate": "Bearer"}
        if is_api:
            return problem(HTTPStatus.UNAUTHORIZED, _REFUSED.strip(), headers)
        return PlainTextResponse(_REFUSED, status_code=401, headers=headers)

    def _allowed(self, headers: Headers) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if self._token is None or scheme.lower() != "bearer":
            return False
        return secrets.compare_digest(given.strip().encode("utf-8", "replace"), self._token)
