"""Who may ask: `Authorization: Bearer TOKEN` for every path that is not open to all."""

from __future__ import annotations

import secrets
from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_CLOSED = (
    "This address can be reached from other machines, and RECONCILE_HTTP_TOKEN is not set, so only /livez and /readyz "
    "answer. Set it, and send it as `Authorization: Bearer TOKEN`.\n"
)
_REFUSED = "Send the token (RECONCILE_HTTP_TOKEN) as `Authorization: Bearer TOKEN`.\n"


class TokenRequired:
    """Middleware: 401 for a missing or wrong token, 403 for everybody where no token is set."""

    def __init__(self, app: ASGIApp, *, token: str | None, open_paths: Collection[str]) -> None:
        self._app = app
        self._token = None if token is None else token.encode()
        self._open_paths = frozenset(open_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self._open_paths or self._allowed(Headers(scope=scope)):
            await self._app(scope, receive, send)
        elif self._token is None:
            await PlainTextResponse(_CLOSED, status_code=403)(scope, receive, send)
        else:
            refusal = PlainTextResponse(_REFUSED, status_code=401, headers={"WWW-Authenticate": "Bearer"})
            await refusal(scope, receive, send)

    def _allowed(self, headers: Headers) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if self._token is None or scheme.lower() != "bearer":
            return False
        return secrets.compare_digest(given.strip().encode("utf-8", "replace"), self._token)
