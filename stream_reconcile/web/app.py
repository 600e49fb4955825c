"""The HTTP application: /metrics for Prometheus, /livez and /readyz for who restarts and routes, / as a signpost.

What changes something stands below /api and is given from above.
"""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Scope

from stream_reconcile.web.auth import TokenRequired, changes_something
from stream_reconcile.web.readiness import Readiness

OPEN_PATHS = frozenset({"/livez", "/readyz"})

_NO_STORE = {"Cache-Control": "no-store"}

_SIGNPOST = """stream-reconcile

/livez    200 while the process lives
/readyz   200 if every part is ready, else 503 and why
/metrics  for Prometheus
/api/v1/rewind, /api/v1/rewind/undo  POST, with the token: docs/rewind.md
"""


def build_app(
    registry: CollectorRegistry,
    readiness: Readiness,
    *,
    token: str | None,
    is_loopback: bool,
    api: Sequence[Route] = (),
) -> Starlette:
    """The application.

    Off loopback everything but `OPEN_PATHS` wants the token (and is closed if there is none); on it, what changes
    something does.
    """

    # Plain functions run in Starlette's thread pool, so the event loop never waits for a lock or an encoder.
    def livez(request: Request) -> Response:
        return JSONResponse({"alive": True}, headers=_NO_STORE)

    def readyz(request: Request) -> Response:
        state = readiness.as_json()
        return JSONResponse(state, status_code=200 if state["ready"] else 503, headers=_NO_STORE)

    def metrics(request: Request) -> Response:
        encoder, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encoder(registry), media_type=content_type, headers=_NO_STORE)

    def signpost(request: Request) -> Response:
        return PlainTextResponse(_SIGNPOST, headers=_NO_STORE)

    def is_open(scope: Scope) -> bool:
        return not changes_something(scope) if is_loopback else scope["path"] in OPEN_PATHS

    return Starlette(
        routes=[
            Route("/", signpost),
            Route("/livez", livez),
            Route("/readyz", readyz),
            Route("/metrics", metrics),
            *api,
        ],
        middleware=[Middleware(TokenRequired, token=token, is_open=is_open)],
    )
