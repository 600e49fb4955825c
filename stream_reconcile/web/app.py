"""The HTTP application: /metrics for Prometheus, /livez and /readyz for who restarts and routes, the page, the API.

What is read and what changes something is given from above as routes; here stands who may ask.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Scope

from stream_reconcile.metrics import Metrics
from stream_reconcile.web.attempts import Attempts
from stream_reconcile.web.auth import API, SESSION_PATH, TokenRequired, begin_session, changes_something
from stream_reconcile.web.guard import Guard
from stream_reconcile.web.problems import problem
from stream_reconcile.web.readiness import Readiness

OPEN_PATHS: Final = frozenset({"/livez", "/readyz"})

_NO_STORE: Final = {"Cache-Control": "no-store"}

_SIGNPOST: Final = """stream-reconcile

/livez    200 while the process lives
/readyz   200 if every part is ready, else 503 and why
/metrics  for Prometheus
"""


def build_app(
    metrics: Metrics,
    readiness: Readiness,
    *,
    token: str | None,
    is_loopback: bool,
    host: str = "",
    api: Sequence[BaseRoute] = (),
) -> Starlette:
    """The application. `host` is the address that is listened on; `api`: routes of the page and the API.

    Off loopback everything but `OPEN_PATHS` wants the token (and is closed if there is none); on it, what changes
    something does.
    """

    attempts = Attempts()

    # Plain functions run in Starlette's thread pool, so the event loop never waits for a lock or an encoder.
    def livez(request: Request) -> Response:
        return JSONResponse({"alive": True}, headers=_NO_STORE)

    def readyz(request: Request) -> Response:
        state = readiness.as_json()
        return JSONResponse(state, status_code=200 if state["ready"] else 503, headers=_NO_STORE)

    def exposition(request: Request) -> Response:
        encoder, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encoder(metrics.registry), media_type=content_type, headers=_NO_STORE)

    def signpost(request: Request) -> Response:
        return PlainTextResponse(_SIGNPOST, headers=_NO_STORE)

    async def session(request: Request) -> Response:
        return await begin_session(request, token, attempts)

    def is_open(scope: Scope) -> bool:
        if scope["path"] == SESSION_PATH and scope["method"] == "POST":
            return True
        return not changes_something(scope) if is_loopback else scope["path"] in OPEN_PATHS

    return Starlette(
        routes=[
            Route("/livez", livez),
            Route("/readyz", readyz),
            Route("/metrics", exposition),
            Route(SESSION_PATH, session, methods=["POST"]),
            *(api or [Route("/", signpost)]),
        ],
        middleware=[
            Middleware(Guard, on_cut_off=metrics.http.cut_off.inc, is_loopback=is_loopback, host=host),
            Middleware(TokenRequired, token=token, is_open=is_open, attempts=attempts),
        ],
        exception_handlers={HTTPException: _http_exception},
    )


async def _http_exception(request: Request, error: Exception) -> Response:
    """404, 405 and the like: a problem below /api, a line elsewhere."""
    assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for these
    headers = {**_NO_STORE, **(error.headers or {})}
    if request.url.path.startswith(API):
        words = {404: "there is nothing here", 405: "this can't be done here"}.get(error.status_code, error.detail)
        return problem(HTTPStatus(error.status_code), words, headers)
    return PlainTextResponse(f"{error.detail}\n", status_code=error.status_code, headers=headers)
